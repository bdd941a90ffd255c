"""Levers of a class: each measured on the same photos, and one of them recommended."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import ttest_rel
from spread_shortcut import shifted_frames

import inficond_panel
from inficond_panel.distill import average_precision
from inficond_panel.distill.metrics.bootstrap import FOLDS, stratified_folds
from inficond_panel.tuning import History, Intent, Tuner
from inficond_panel.tuning.repairs.evidence import LEAST_LABELLED
from inficond_panel.tuning.repairs.learn import Learn
from inficond_panel.tuning.repairs.penalty import Lambda
from inficond_panel.tuning.shift import ClassShift, first_suspects
from inficond_panel.tuning.suggest import levers as levers_module
from inficond_panel.tuning.suggest import suggest
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


def test_the_largest_gain_is_recommended_and_likelier_labels_by_a_paired_test():
    still, small, large = lever(AS_IT_IS, 0.0), lever("a", 0.01), lever("b", 0.02)
    assert recommended([still, small, large]) is large
    assert recommended([still, lever("c", -0.1)]) is None
    assert recommended([still]) is None
    assert recommended([]) is None
    shift, levers = ClassShift("truck", "none"), (still, small)
    for gain, taken in ((-0.001, None), (0.004, small)):
        assert ClassRepair(shift, levers, Change(gain, np.zeros(9))).taken is taken
    rng = np.random.default_rng(0)
    label = (rng.random(200) < 0.1).astype(int)
    answers, photos = set(), SimpleNamespace(tune_label=label, tune_group=None)
    for shift in np.linspace(0, 1, 21):
        logits = rng.normal(-2, 1, size=(2, 200))
        logits[1] += shift * (2 * label - 1)
        loss = -np.log(np.where(label == 1, 1 / (1 + np.exp(-logits)), 1 / (1 + np.exp(logits))))
        likely = ttest_rel(loss[0], loss[1]).statistic > 2
        assert levers_module.likelier(photos, logits) == likely
        answers.add(bool(likely))
    assert answers == {False, True}
    assert levers_module.likelier(photos, logits[[0, 0]]) == 0


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


@pytest.mark.parametrize("positives", [9, 10])
def test_few_photos_of_a_class_learn_their_labels_or_nothing(students, positives):
    tuner = Tuner(students.tuner.store, students.tuner.spec, History(":memory:"))
    rows = tuner.store.rows("tune")
    shown = tuner.store.label[rows, 0] == 1
    kept = np.sort(np.concatenate([rows[shown][:positives], rows[~shown]]))
    suggestion = suggest(tuner, classes=["truck"], rows=kept)
    repair = suggestion.repairs["truck"]
    assert repair.few == (positives < LEAST_LABELLED) == (len(repair.levers) == 2)
    if repair.few:
        assert repair.taken is repair.levers[1]
        assert repair.taken.edits == (Learn("truck", "labels", 1.0),)
        assert repair.gain == repair.taken.gain
        assert any("Fewer than 10" in each for each in repair_notes(suggestion, "truck"))
