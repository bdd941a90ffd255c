"""Properties of any history: bounds beyond the parent, obeyed, replayed, undone, in any order."""

import itertools
import math

import numpy as np
import pytest
from factory import small_store
from histories import make_tuner
from hypothesis import given, settings
from hypothesis import strategies as st

from inficond_panel.store import Store
from inficond_panel.tuning import Intent, Node
from inficond_panel.tuning.thumbs import GroupIntent, bound, canonical, in_force

CONCEPTS = ["wheel", "spoke", "sky", "cloud", "fur"]
CLASSES = ["bicycle", "tv monitor"]
FACTOR = st.floats(1, 64, exclude_min=True)
THUMB = st.tuples(st.sampled_from(["up", "down"]), st.none() | FACTOR) | st.just(("remove",))
CLASS, CONCEPT = st.sampled_from(CLASSES), st.sampled_from(CONCEPTS)
ASKED = st.builds(lambda k, c, thumb: Intent(k, c, *thumb), CLASS, CONCEPT, THUMB) | st.builds(
    lambda k, c, thumb: GroupIntent(k, tuple(c), *thumb),
    CLASS,
    st.lists(CONCEPT, min_size=2, max_size=3, unique=True),
    THUMB,
)
BATCH = st.lists(ASKED, min_size=1, max_size=3)
HISTORY = st.lists(BATCH, min_size=1, max_size=3)
REFERENCE = st.sampled_from(["parent", "original"])


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Store:
    place = tmp_path_factory.mktemp("tiny") / "t.zarr"
    return small_store(place, images=80, concepts=10, classes=2)


def made(store: Store, folders, reference: str, batches) -> list[Node]:
    """#0 and the nodes of the batches, each from the one before, in a history of their own."""
    extra = f"students: {{lambda: 1e-3}}\ntuning: {{reference: {reference}}}\n"
    tuner = make_tuner(store, folders.getbasetemp(), extra)
    nodes = [tuner.root()]
    for batch in batches:
        nodes.append(tuner.fine_tune(nodes[-1], batch))
    return nodes


@settings(max_examples=25)
@given(batches=HISTORY, reference=REFERENCE)
def test_bounds_lie_beyond_the_reference_and_the_whole_branch_obeys(
    tiny, tmp_path_factory, batches, reference
):
    nodes, expected = made(tiny, tmp_path_factory, reference, batches), {}
    for parent, node in itertools.pairwise(nodes):
        against = parent if reference == "parent" else nodes[0]
        fresh = {intent.key: node.bounds[intent.key] for intent in node.intents}
        for intent in node.intents:
            (lower, upper), at = fresh[intent.key], place(tiny, intent.key)
            if intent.direction == "up":
                assert upper is None
                assert lower > against.weights[at]
            elif intent.direction == "down":
                assert lower is None
                assert upper < against.weights[at]
            else:
                assert (lower, upper, node.weights[at]) == (0.0, 0.0, 0.0)
        expected = in_force(expected, fresh)
        assert node.bounds == expected  # all of the branch, the later in place of the earlier
        for key, (lower, upper) in node.bounds.items():
            weight = node.weights[place(tiny, key)]
            assert lower is None or weight >= lower
            assert upper is None or weight <= upper
        assert all(np.array(node.gap) <= 1e-6)


def place(store: Store, key: tuple[str, str]) -> tuple[int, int]:
    return store.concepts.index(key[1]), store.classes.index(key[0])


@settings(max_examples=15)
@given(batches=HISTORY, reference=REFERENCE, data=st.data())
def test_replay_in_another_history_and_order_gives_the_same_bits(
    tiny, tmp_path_factory, batches, reference, data
):
    first = made(tiny, tmp_path_factory, reference, batches)
    shuffled = [data.draw(st.permutations(batch)) for batch in batches]
    for again in (shuffled, [list(node.intents) for node in first[1:]]):
        nodes = made(tiny, tmp_path_factory, reference, again)
        assert [node.id for node in nodes] == [node.id for node in first]
        assert [node.weights_hash for node in nodes] == [node.weights_hash for node in first]


@given(asked=st.lists(ASKED, min_size=1, max_size=6), data=st.data())
def test_order_does_not_matter_and_each_concept_has_one_intent(asked, data):
    found = canonical(asked, 2.0)
    assert canonical(data.draw(st.permutations(asked)), 2.0) == found
    members = [item.members() if isinstance(item, GroupIntent) else [item] for item in asked]
    wanted = {member.key for group in members for member in group}
    assert [intent.key for intent in found] == sorted(wanted)
    assert canonical(found, 7.0) == found


@given(
    w=st.floats(-1e4, 1e4),
    x=st.one_of(
        st.floats(1, 1.0000001, exclude_min=True),
        st.floats(1, 1e7, exclude_min=True),
        st.just(math.nextafter(1.0, 2.0)),
    ),
    s=st.floats(1e-3, 1e3),
)
def test_the_bound_is_strictly_beyond_for_factors_however_small_or_large(w, x, s):
    assert bound(Intent("a", "b", "up", x), w, s)[0] > w
    assert bound(Intent("a", "b", "down", x), w, s)[1] < w
