"""Properties of any history: bounds beyond the parent, obeyed, replayed, undone, in any order."""

from __future__ import annotations

import itertools
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from factory import SPEC, small_store
from hypothesis import given, settings
from hypothesis import strategies as st

from inficond_panel.spec import load_spec
from inficond_panel.store import Store
from inficond_panel.tuning import History, Intent, Tuner, dump_edits
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


@settings(max_examples=15)
@given(batches=st.lists(BATCH, min_size=2, max_size=3), steps=st.integers(1, 3))
def test_undo_gives_back_the_earlier_weights_and_redoing_the_later(
    tiny, tmp_path_factory, batches, steps
):
    tuner = make_tuner(tiny, tmp_path_factory.getbasetemp(), "parent")
    nodes = carried_out(tuner, batches)
    at = nodes[-1]
    for expected in list(reversed(nodes))[1 : steps + 1]:
        at = tuner.node(at.parent)
        assert (at.id, at.weights_hash) == (expected.id, expected.weights_hash)
    for batch, expected in zip(batches[at.number :], nodes[at.number + 1 :], strict=True):
        at = tuner.fine_tune(at, batch)
        assert (at.id, at.weights_hash) == (expected.id, expected.weights_hash)
    assert len(tuner.nodes()) == len(nodes)


@settings(max_examples=10)
@given(first=BATCH, left=BATCH, right=BATCH)
def test_branches_do_not_know_each_other(tiny, tmp_path_factory, first, left, right):
    folder = tmp_path_factory.getbasetemp()
    tuner = make_tuner(tiny, folder, "parent")
    start = tuner.fine_tune(tuner.root(), first)
    tuner.fine_tune(start, left)
    here = tuner.fine_tune(start, right)
    alone = carried_out(make_tuner(tiny, folder, "parent"), [first, right])[-1]
    assert (here.id, here.bounds, here.weights_hash) == (alone.id, alone.bounds, alone.weights_hash)


REPLAY = """
import json, sys
from inficond_panel.spec import load_spec
from inficond_panel.store import open_store
from inficond_panel.tuning import History, Tuner, read_edits
store, spec, edits = sys.argv[1:]
tuner = Tuner(open_store(store), load_spec(spec, check_files=False), History(":memory:"))
nodes = [tuner.root()]
for batch in read_edits(edits, tuner.store):
    nodes.append(tuner.fine_tune(nodes[-1], batch))
print(json.dumps([[node.id, node.weights_hash] for node in nodes]))
"""


def test_another_process_replays_an_edits_file_to_the_same_bits(tiny, tmp_path):
    batches = [
        [
            GroupIntent("bicycle", ("wheel", "spoke"), "down", 3.0),
            Intent("tv monitor", "sky", "up"),
        ],
        [Intent("bicycle", "fur", "remove"), Intent("bicycle", "wheel", "up", 1.5)],
    ]
    tuner = make_tuner(tiny, tmp_path, "parent")
    edits = tmp_path / "edits.yaml"
    edits.write_text(dump_edits(batches))
    nodes = [[node.id, node.weights_hash] for node in carried_out(tuner, batches)]
    command = [sys.executable, "-c", REPLAY, str(tiny.path), str(tuner.spec.path), str(edits)]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root)
    assert json.loads(done.stdout) == nodes


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


@settings(max_examples=20)
@given(later=THUMB, earlier=THUMB)
def test_a_later_intent_replaces_the_earlier_one(tiny, tmp_path_factory, later, earlier):
    tuner = make_tuner(tiny, tmp_path_factory.getbasetemp(), "original")
    one, two = Intent("bicycle", "wheel", *earlier), Intent("bicycle", "wheel", *later)
    parent = tuner.root()
    both = in_force(tuner.resolve(parent, [one]), tuner.resolve(parent, [two]))
    assert both == tuner.resolve(parent, [two])
    assert canonical([two], 2.0)[0].key in both
