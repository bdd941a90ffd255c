"""Properties of any history: bounds beyond the parent, obeyed, replayed, undone, in any order."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from factory import SPEC, small_store
from hypothesis import given, settings
from hypothesis import strategies as st

from inficond_panel.spec import load_spec
from inficond_panel.store import Store
from inficond_panel.tuning import History, Intent, Tuner
from inficond_panel.tuning.thumbs import GroupIntent, bound, in_force

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
    return small_store(
        tmp_path_factory.mktemp("tiny") / "t.zarr", images=80, concepts=10, classes=2
    )


def make_tuner(store: Store, folder: Path, reference: str, history: str = ":memory:") -> Tuner:
    path = folder / f"{reference}.yaml"
    path.write_text(SPEC + f"students: {{lambda: 1e-3}}\ntuning: {{reference: {reference}}}\n")
    return Tuner(store, load_spec(path, check_files=False), History(history))


def carried_out(tuner: Tuner, batches):
    nodes = [tuner.root()]
    for batch in batches:
        nodes.append(tuner.fine_tune(nodes[-1], batch))
    return nodes


def obeys(tuner: Tuner, node) -> bool:
    for (class_name, concept), (lower, upper) in node.bounds.items():
        place = tuner.store.concepts.index(concept), tuner.store.classes.index(class_name)
        w = node.weights[place]
        if (lower is not None and w < lower) or (upper is not None and w > upper):
            return False
    return True


@settings(max_examples=25)
@given(batches=HISTORY, reference=REFERENCE)
def test_bounds_lie_beyond_the_reference_and_the_whole_branch_obeys(
    tiny, tmp_path_factory, batches, reference
):
    tuner = make_tuner(tiny, tmp_path_factory.getbasetemp(), reference)
    nodes = carried_out(tuner, batches)
    expected = {}
    for parent, node in itertools.pairwise(nodes):
        against = parent if reference == "parent" else nodes[0]
        fresh = {}
        for intent in node.intents:
            c, k = tiny.concepts.index(intent.concept), tiny.classes.index(intent.class_name)
            lower, upper = node.bounds[intent.key]
            fresh[intent.key] = (lower, upper)
            if intent.direction == "up":
                assert upper is None
                assert lower > against.weights[c, k]
            elif intent.direction == "down":
                assert lower is None
                assert upper < against.weights[c, k]
            else:
                assert (lower, upper, node.weights[c, k]) == (0.0, 0.0, 0.0)
        expected = in_force(expected, fresh)
        assert node.bounds == expected  # all of the branch, the later in place of the earlier
        assert obeys(tuner, node)
        assert all(np.array(node.gap) <= 1e-6)


@settings(max_examples=15)
@given(batches=HISTORY, reference=REFERENCE, data=st.data())
def test_replay_in_another_history_and_order_gives_the_same_bits(
    tiny, tmp_path_factory, batches, reference, data
):
    folder = tmp_path_factory.getbasetemp()
    first = carried_out(make_tuner(tiny, folder, reference), batches)
    shuffled = [data.draw(st.permutations(batch)) for batch in batches]
    second = carried_out(make_tuner(tiny, folder, reference), shuffled)
    assert [node.id for node in first] == [node.id for node in second]
    assert [node.weights_hash for node in first] == [node.weights_hash for node in second]
    canonical_ones = [list(node.intents) for node in first[1:]]
    third = carried_out(make_tuner(tiny, folder, reference), canonical_ones)
    assert [node.weights_hash for node in first] == [node.weights_hash for node in third]


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
