"""The demo's story, from the store that is shipped: see the gap, thumb, watch the class recover."""

from pathlib import Path

import numpy as np
import pytest
from factory import shift_of
from intervals import change_interval

from inficond_panel.distill import average_precision
from inficond_panel.spec import find_spec, load_spec
from inficond_panel.store import open_store
from inficond_panel.tuning import History, Intent, Node, Tuner, read_edits

SPLITS = ("tune", "holdout")
PLANTED = {
    "bicycle": {"traffic light", "vertical traffic light"},
    "tv monitor": {"couch"},
    "boat": {"lifebuoy"},
    "dog": {"soccer ball"},
}
SPREAD = "airplane"
SKY = {"rocket", "parachute", "balloon", "kite", "cloud", "rainbow", "butterfly", "bee"}


@pytest.fixture(scope="module")
def tuner() -> Tuner:
    spec = load_spec(find_spec("demo"), check_files=False)
    return Tuner(open_store(spec.store), spec, History(":memory:"))


@pytest.fixture(scope="module")
def edits(tuner: Tuner) -> list[list[Intent]]:
    return read_edits(Path(find_spec("demo")).parent / "demo" / "edits.yaml", tuner.store)


@pytest.fixture(scope="module")
def tuned(tuner: Tuner, edits: list[list[Intent]]) -> Node:
    node = tuner.root()
    for batch in edits:
        node = tuner.fine_tune(node, batch)
    return node


def _columns(tuner, node, class_name, split):
    k, rows = tuner.store.classes.index(class_name), tuner.store.rows(split)
    return tuner.store.label[rows, k], tuner.logits(node)[rows, k]


def test_the_edits_are_about_the_planted_classes(edits):
    assert {intent.class_name for batch in edits for intent in batch} == set(PLANTED)


@pytest.mark.parametrize("class_name", PLANTED)
def test_the_student_leans_on_what_was_planted_and_lags_behind_the_teacher(tuner, class_name):
    k, rows = tuner.store.classes.index(class_name), tuner.store.rows("tune")
    strongest = np.argsort(-np.abs(tuner.root().weights[:, k]))[:5]
    assert PLANTED[class_name] & {tuner.store.concepts[c] for c in strongest}
    label, logit = _columns(tuner, tuner.root(), class_name, "tune")
    teacher = average_precision(label, tuner.store.teacher_logit[rows, k])
    assert teacher - average_precision(label, logit) > 0.1


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("class_name", PLANTED)
def test_the_thumbs_raise_a_hurt_class_by_more_than_noise(tuner, tuned, class_name, split):
    label, before = _columns(tuner, tuner.root(), class_name, split)
    _, after = _columns(tuner, tuned, class_name, split)
    assert change_interval(label, before, after).low > 0


def test_a_thumb_on_the_first_suspect_of_the_spread_shortcut_gains_nothing_beyond_noise(tuner):
    first = shift_of(tuner, SPREAD).suspects[0].concept
    assert first in SKY
    node = tuner.fine_tune(tuner.root(), [Intent(SPREAD, first, "remove")])
    label, before = _columns(tuner, tuner.root(), SPREAD, "tune")
    _, after = _columns(tuner, node, SPREAD, "tune")
    assert change_interval(label, before, after).low < 0


def test_the_repairs_of_the_spread_shortcut_gain_more_on_the_holdout_than_its_thumbs(tuner):
    file = Path(find_spec("demo")).parent / "demo" / "repairs.yaml"
    repairs = read_edits(file, tuner.store)[0]
    named = {concept for intent in repairs for concept in getattr(intent, "concepts", ())}
    assert named <= SKY
    thumbs = [Intent(SPREAD, concept, "remove") for concept in sorted(named)]
    label, before = _columns(tuner, tuner.root(), SPREAD, "holdout")
    nodes = (tuner.fine_tune(tuner.root(), intents) for intents in (repairs, thumbs))
    repaired, thumbed = (
        average_precision(label, _columns(tuner, node, SPREAD, "holdout")[1]) for node in nodes
    )
    assert repaired - average_precision(label, before) > 0.03
    assert repaired > thumbed


def test_only_the_planted_classes_show_a_shift(tuner):
    shifted = {name for name in tuner.store.classes if shift_of(tuner, name).kind == "shift"}
    assert shifted == {*PLANTED, SPREAD}


def test_the_other_classes_stay_as_they_were(tuner, tuned):
    others = [k for k, name in enumerate(tuner.store.classes) if name not in PLANTED]
    assert np.array_equal(tuned.weights[:, others], tuner.root().weights[:, others])
