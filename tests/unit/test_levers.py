"""Levers of a class: each measured on the same photos, and one of them recommended."""

from types import SimpleNamespace

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
from inficond_panel.views.knowledge.found import make_suggestion
from inficond_panel.wording.repairs import repair_notes, repair_sentence

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
    ("levers", "expected"),
    [
        ([STILL, SMALL, LARGE], LARGE),
        ([STILL, lever("c", -0.1)], None),
        ([STILL], None),
        ([], None),
    ],
    ids=["largest", "loss", "no edit", "none"],
)
def test_the_lever_of_the_largest_gain_is_recommended(levers, expected):
    assert recommended(levers) is expected


@pytest.mark.parametrize(("gain", "taken"), [(-0.001, None), (0.0, None), (0.004, SMALL)])
def test_nothing_is_proposed_whose_stated_gain_is_not_above_0(gain, taken):
    stated = Change(gain, np.zeros(9))
    assert ClassRepair(ClassShift("truck", "none"), (STILL, SMALL), stated).taken is taken


def test_nothing_is_proposed_that_ranks_photos_no_better_than_chance():
    stated, shift = Change(0.004, np.zeros(9)), ClassShift("truck", "none")
    assert ClassRepair(shift, (STILL, SMALL), stated, above_chance=False).taken is None


def test_a_ranking_by_chance_is_the_reason_for_no_proposal():
    stated, shift = Change(0.004, np.zeros(9)), ClassShift("truck", "none")
    repair = ClassRepair(shift, (STILL, SMALL), stated, above_chance=False)
    sentence = repair_sentence(Suggestion(0, "", 9, 0.95, {"truck": repair}), "truck")
    assert "better than chance" in sentence


NAMES = [
    AS_IT_IS,
    "penalty λ",
    "teacher on tuning images",
    "labels of tuning images",
    "✕ suspects",
    "👍 word",
    "👍 word, ✕ first suspect",
    "✕ first suspect",
]


@pytest.fixture(scope="module")
def suggestion(students):
    return suggest(students.tuner, classes=["truck"])


@pytest.fixture(scope="module")
def found(suggestion) -> dict[str, Lever]:
    return {each.name: each for each in suggestion.repairs["truck"].levers}


@pytest.fixture(scope="module")
def on_tune(students):
    """Labels and logits of the original student on tune, and the teacher's logits."""
    tuner = students.tuner
    rows = tuner.store.rows("tune")
    logits = tuner.logits(tuner.root())[rows, 0]
    return tuner.store.label[rows, 0], logits, tuner.store.teacher_logit[rows, 0]


def test_all_levers_are_measured(found):
    assert list(found) == NAMES


def test_the_ap_of_the_student_as_it_is_is_that_on_tune(found, on_tune):
    label, logits, _ = on_tune
    assert found[AS_IT_IS].ap == pytest.approx(average_precision(label, logits), abs=2e-3)


def test_the_agreement_of_the_student_as_it_is_is_that_on_tune(found, on_tune):
    _, logits, teacher = on_tune
    assert found[AS_IT_IS].fidelity == pytest.approx(
        ((logits > 0) == (teacher > 0)).mean(), abs=0.01
    )


def test_the_student_as_it_is_has_the_concepts_of_the_root(found, students):
    assert found[AS_IT_IS].concepts == np.count_nonzero(students.tuner.root().weights[:, 0])


@pytest.mark.parametrize("name", NAMES)
def test_the_ap_of_a_lever_is_that_of_the_student_and_its_gain(found, name):
    assert found[name].ap == pytest.approx(found[AS_IT_IS].ap + found[name].gain.estimate)


def test_labels_of_tune_gain_where_tune_lacks_the_shortcut(found):
    assert found["labels of tuning images"].gain.gain().low > 0.05


@pytest.fixture(scope="module")
def shown(suggestion) -> dict:
    return make_suggestion(suggestion, "truck")


@pytest.fixture(scope="module")
def rows_of_levers(shown) -> list[dict]:
    """The rows of the page that are levers, without baselines."""
    return [each for each in shown["levers"] if each["needs"] != "no edit"]


def test_the_page_shows_all_levers(rows_of_levers):
    assert [each["name"] for each in rows_of_levers] == NAMES


def test_the_page_offers_levers_that_have_edits(rows_of_levers, found):
    able = [bool(each.edits) for each in found.values()]
    assert [each["can"] for each in rows_of_levers] == able


def test_the_page_marks_one_lever_as_taken(rows_of_levers):
    assert [each["taken"] for each in rows_of_levers].count(True) == 1


def test_the_page_shows_no_gain_of_the_student_as_it_is(shown):
    assert shown["levers"][0]["gain"] == ""


def test_the_page_compares_with_a_model_of_tune_alone(shown):
    assert any("a model fitted to the tuning images alone" in note for note in shown["notes"])


def test_the_page_s_sentence_says_what_is_expected(shown):
    assert shown["sentence"].endswith("] expected.")


def test_the_lever_of_suspects_removes_the_first_three(suggestion, found):
    first = (suspect.concept for suspect in suggestion.repairs["truck"].shift.suspects[:3])
    expected = tuple(Intent("truck", concept, "remove") for concept in first)
    assert found["✕ suspects"].edits == expected


def test_the_gain_of_removing_suspects_is_without_those_that_the_other_folds_name(
    students, found, on_tune
):
    tuner, (label, before, _) = students.tuner, on_tune
    rows, root, after = tuner.store.rows("tune"), tuner.root(), np.empty(400)
    folds = stratified_folds(label[:, None], FOLDS, 0)
    for fold in range(FOLDS):
        out = folds == fold
        photos = tuner.repairs.evidence(tuner.repairs.class_fit(root, "truck"), rows[~out])
        named = [Intent("truck", name, "remove") for name in first_suspects(photos, 3)]
        assert named
        after[out] = tuner.logits(tuner.preview(root, named))[rows[out], 0]
    gain = average_precision(label, after) - average_precision(label, before)
    assert found["✕ suspects"].gain.estimate == pytest.approx(gain, abs=0.02)


def test_the_concepts_of_a_lever_are_those_of_its_student(students, found):
    thumb = found["✕ suspects"]
    alone = students.tuner.preview(students.tuner.root(), thumb.edits)
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
    assert (names == few) == (positives < LEAST_LABELLED)


def test_few_photos_are_compared_with_no_baseline(of_few):
    positives, suggestion = of_few
    assert bool(suggestion.repairs["truck"].baselines) == (positives >= LEAST_LABELLED)


def test_levers_that_learn_photos_choose_the_penalty_anew(of_few):
    levers = {each.name: each for each in of_few[1].repairs["truck"].levers}
    edits = levers["teacher on tuning images"].edits
    assert edits == (Learn("truck", "teacher"), Lambda("truck"))


def test_the_likelihood_chooses_for_fewer_than_twenty_photos_of_a_class(of_few):
    """Both 9 and 10 are fewer; 20 of each label let AP choose."""
    assert of_few[1].repairs["truck"].by_likelihood


@pytest.mark.parametrize(("known", "proposed"), [(True, True), (False, False), (None, False)])
def test_few_photos_propose_what_ranks_them_better_than_chance(
    students, monkeypatch, known, proposed
):
    """``known`` is what the rule says of the ranking; None: there are too few images to say."""
    rule = "inficond_panel.tuning.suggest.levers.teacher_skill"
    monkeypatch.setattr(rule, lambda ranking: SimpleNamespace(knows=known))
    store = students.tuner.store
    rows, shown = store.rows("tune"), store.label[store.rows("tune"), 0] == 1
    few = np.sort(np.concatenate([rows[shown][:19], rows[~shown]]))
    repair = suggest(students.tuner, classes=["truck"], rows=few).repairs["truck"]
    assert (repair.taken is not None) == proposed


@pytest.mark.parametrize("by_likelihood", [False, True])
def test_a_proposal_chosen_by_likelihood_says_so(by_likelihood):
    stated, shift = Change(0.004, np.zeros(9)), ClassShift("truck", "none")
    repair = ClassRepair(shift, (STILL, SMALL), stated, by_likelihood=by_likelihood)
    notes = repair_notes(Suggestion(0, "", 9, 0.95, {"truck": repair}), "truck")
    assert any("Fewer than 20" in each for each in notes) == by_likelihood
