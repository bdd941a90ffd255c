"""Levers of a class: each measured on the same photos, and one of them recommended."""

import numpy as np
import pytest
from spread_shortcut import shifted_frames

import inficond_panel
from inficond_panel.distill import average_precision
from inficond_panel.distill.metrics.bootstrap import FOLDS, stratified_folds
from inficond_panel.tuning import History, Intent, Tuner
from inficond_panel.tuning.repairs.evidence import LEAST_LABELLED
from inficond_panel.tuning.repairs.learn import Learn
from inficond_panel.tuning.repairs.penalty import Lambda
from inficond_panel.tuning.shift import ClassShift, first_suspects
from inficond_panel.tuning.suggest import Suggestion, suggest
from inficond_panel.tuning.suggest.gain import Change
from inficond_panel.tuning.suggest.levers import AS_IT_IS, ClassRepair, Lever, recommended
from inficond_panel.views.knowledge.finding import make_suggestion
from inficond_panel.wording.repairs import repair_notes

pytestmark = pytest.mark.page


@pytest.fixture(scope="module")
def students(tmp_path_factory):
    path = tmp_path_factory.mktemp("levers") / "own.zarr"
    return inficond_panel.from_frames(**shifted_frames(seed=1), path=path).fit()


def lever(name: str, gain: float) -> Lever:
    repairs = () if name == AS_IT_IS else (Lambda("truck"),)
    return Lever(name, repairs, "", Change(gain, np.full(9, gain)), 0.5 + gain, 0.9, 4)


STILL, SMALL, LARGE = lever(AS_IT_IS, 0.0), lever("a", 0.01), lever("b", 0.02)


@pytest.mark.parametrize(
    ("levers", "taken"),
    [
        ([STILL, SMALL, LARGE], LARGE),
        ([STILL, lever("c", -0.1)], None),
        ([STILL], None),
        ([], None),
    ],
)
def test_the_largest_gain_above_0_is_recommended(levers, taken):
    assert recommended(levers) is taken


@pytest.mark.parametrize("few", [False, True])
@pytest.mark.parametrize(("gain", "taken"), [(-0.001, None), (0.0, None), (0.004, SMALL)])
def test_nothing_is_proposed_whose_stated_gain_is_not_above_0(few, gain, taken):
    stated = Change(gain, np.zeros(9))
    assert ClassRepair(ClassShift("truck", "none"), (STILL, SMALL), stated, few=few).taken is taken


def test_each_lever_is_measured_and_the_thumb_removes_suspects(students):
    suggestion = suggest(students.tuner, classes=["truck"])
    tuner, found = students.tuner, suggestion.repairs["truck"].levers
    names = [AS_IT_IS, "penalty λ", "teacher on tuning images", "labels of tuning images"]
    names += ["✕ suspects", "👍 word", "👍 word, ✕ first suspect", "✕ first suspect"]
    assert [each.name for each in found] == names
    rows = tuner.store.rows("tune")
    label, logits = tuner.store.label[rows, 0], tuner.logits(tuner.root())[rows, 0]
    assert found[0].ap == pytest.approx(average_precision(label, logits), abs=2e-3)
    alike = (logits > 0) == (tuner.store.teacher_logit[rows, 0] > 0)
    assert found[0].fidelity == pytest.approx(alike.mean(), abs=0.01)
    assert found[0].concepts == np.count_nonzero(tuner.root().weights[:, 0])
    for each in found:
        assert each.ap == pytest.approx(found[0].ap + each.gain.estimate)
    assert found[3].gain.gain().low > 0.05  # a shortcut in fit that tune does not have
    shown = make_suggestion(suggestion, "truck")
    rows = [each for each in shown["levers"] if each["needs"] != "no edit"]
    assert [each["name"] for each in rows] == names
    assert [each["can"] for each in rows] == [bool(each.edits) for each in found]
    assert [each["taken"] for each in rows].count(True) == 1
    assert shown["levers"][0]["gain"] == ""
    assert any("a model fitted to the tuning images alone" in note for note in shown["notes"])
    assert shown["sentence"].endswith(" points expected.")
    # cross-fitted: each photo is ranked without the suspects that the other folds name
    tuner, repair = students.tuner, suggestion.repairs["truck"]
    thumb = repair.levers[names.index("✕ suspects")]
    first = (suspect.concept for suspect in repair.shift.suspects[:3])
    assert thumb.edits == tuple(Intent("truck", concept, "remove") for concept in first)
    rows, logits = tuner.store.rows("tune"), np.empty((2, 400))
    label, root = tuner.store.label[rows, 0], tuner.root()
    folds = stratified_folds(label[:, None], FOLDS, 0)
    for fold in range(FOLDS):
        out = folds == fold
        photos = tuner.repairs.evidence(tuner.repairs.class_fit(root, "truck"), rows[~out])
        named = [Intent("truck", name, "remove") for name in first_suspects(photos, 3)]
        assert named
        nodes = (root, tuner.preview(root, named))
        logits[:, out] = [tuner.logits(node)[rows[out], 0] for node in nodes]
    before, after = (average_precision(label, each) for each in logits)
    assert thumb.gain.estimate == pytest.approx(after - before, abs=0.02)
    alone = tuner.preview(root, thumb.edits)
    assert thumb.concepts == pytest.approx(np.count_nonzero(alone.weights[:, 0]), abs=2)


@pytest.fixture(scope="module", params=[9, 10])
def of_few(students, request):
    """The suggestion for a class by 9 or by 10 photos of tune that show it."""
    tuner = Tuner(students.tuner.store, students.tuner.spec, History(":memory:"))
    rows = tuner.store.rows("tune")
    shown = tuner.store.label[rows, 0] == 1
    kept = np.sort(np.concatenate([rows[shown][: request.param], rows[~shown]]))
    return request.param, suggest(tuner, classes=["truck"], rows=kept)


def test_thumbs_are_no_lever_for_few_photos_of_a_class(of_few):
    positives, suggestion = of_few
    repair = suggestion.repairs["truck"]
    names = {each.name for each in repair.levers}
    few = {AS_IT_IS, "teacher on tuning images", "labels of tuning images"}
    assert (names == few) == repair.few == (positives < LEAST_LABELLED)


def test_levers_that_learn_photos_choose_the_penalty_anew(of_few):
    levers = {each.name: each for each in of_few[1].repairs["truck"].levers}
    edits = levers["teacher on tuning images"].edits
    assert edits == (Learn("truck", "teacher"), Lambda("truck"))


@pytest.mark.parametrize("few", [False, True])
def test_a_proposal_by_few_photos_says_so(few):
    stated = Change(0.004, np.zeros(9))
    repair = ClassRepair(ClassShift("truck", "none"), (STILL, SMALL), stated, few=few)
    notes = repair_notes(Suggestion(0, "", 9, 0.95, {"truck": repair}), "truck")
    assert any("Fewer than 10" in each for each in notes) == few
