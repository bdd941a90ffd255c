"""Shift of the demo's classes, whose shortcuts are known, from Python and the command line."""

import numpy as np
import pandas as pd
import pytest
from factory import shift_of
from sklearn.metrics import average_precision_score
from spread_shortcut import CONTEXT, shifted_frames

import inficond_panel
from inficond_panel.api.students import TunableStudents
from inficond_panel.distill import shift_kinds as kinds
from inficond_panel.distill.shift_kinds import LabelNoise, cross_fitted_model
from inficond_panel.distill.solver.exact import solve
from inficond_panel.results.shift import student_differences, student_shift, tune_aps
from inficond_panel.tuning import Intent, Tuner, open_tuner, shift_kinds
from inficond_panel.tuning.repairs.learn import Learn
from inficond_panel.tuning.repairs.penalty import Lambda
from inficond_panel.tuning.shift import ClassShift
from inficond_panel.vocabulary.shift_kinds import LOST, NOISE
from inficond_panel.wording.shift_kinds import finding_sentence, remedy_of
from inficond_panel.wording.suspects import relies_wrongly

#: Contexts that are correlated with a class in fit only, by the demo's recipe.
SHORTCUTS = {
    "bicycle": "traffic light",
    "boat": "lifebuoy",
    "dog": "soccer ball",
    "tv monitor": "couch",
}


@pytest.fixture(scope="module")
def tuner() -> Tuner:
    return open_tuner("demo", history=":memory:")


@pytest.fixture(scope="module")
def shifts(tuner) -> dict[str, ClassShift]:
    """The shift of each class of the demo."""
    tuner.root()
    return {name: shift_of(tuner, name) for name in tuner.store.classes}


@pytest.fixture(scope="module")
def without_shift(shifts) -> list[ClassShift]:
    return [one for name, one in shifts.items() if name not in SHORTCUTS and one.kind != "shift"]


@pytest.mark.parametrize(("name", "shortcut"), SHORTCUTS.items())
def test_the_shortcut_of_a_class_is_its_first_suspect(shifts, name, shortcut):
    assert shifts[name].suspects[0].concept == shortcut


@pytest.mark.parametrize("name", SHORTCUTS)
def test_a_class_with_a_shortcut_shows_a_shift(shifts, name):
    assert shifts[name].kind == "shift"


def test_a_twin_is_in_the_group_of_its_suspect(shifts):
    assert "vertical traffic light" in shifts["bicycle"].suspects[0].group


def test_no_class_is_a_suspect_of_itself(shifts):
    own = [
        name for name, of_class in shifts.items() for s in of_class.suspects if s.concept == name
    ]
    assert own == []


def test_most_classes_without_a_shortcut_show_no_shift(without_shift):
    assert len(without_shift) >= 8


def test_a_class_without_a_shift_has_no_suspects(without_shift):
    assert not any(one.suspects for one in without_shift)


@pytest.fixture(scope="module")
def report(tuner):
    """The doctor's tables for a class with a shortcut and one without."""
    return TunableStudents(tuner).fit().doctor(["dog", "cat"])


def test_the_doctor_tells_a_shift_from_none(report):
    assert report["classes"]["shift"].to_dict() == {"dog": "shift", "cat": "none"}


def test_the_doctor_s_interval_of_a_fall_is_below_0(report):
    assert report["classes"].loc["dog", "ap_change_high"] < 0


def test_the_doctor_s_sentence_has_the_change_in_points(report):
    cat = report["classes"].loc["cat"]
    assert f"({100 * cat.ap_change:+.1f} points" in cat.sentence.replace("−", "-")


def test_a_student_with_a_shortcut_is_behind_its_own_word(report):
    dog = report["classes"].loc["dog"]
    assert dog["student_ap"] < dog["own_word_ap"]


def test_the_doctor_s_classes_name_their_first_suspect(report):
    assert report["classes"].loc["dog", "suspects"][0] == "soccer ball"


def test_the_doctor_s_suspects_begin_with_the_shortcut(report):
    assert report["suspects"].index[0] == ("dog", "soccer ball")


def test_a_shortcut_goes_with_its_class_more_often_in_training(report):
    first = report["suspects"].iloc[0]
    assert first["fit_with"] > first["tune_with"] > 0


def test_a_suspect_is_told_with_its_shares(report):
    shares = "In 82 % of the training images with dog, 40 % of the tuning ones."
    assert report["suspects"]["sentence"].iloc[0] == shares


def test_the_finding_of_a_class_is_that_it_relies_on_its_shortcut(report):
    said = "dog relies on soccer ball: it is in 82 % of the dog photos it learned from, but in 40 %"
    assert report["findings"].loc["dog", "finding"].startswith(said)


def test_the_doctor_has_no_suspects_of_a_class_without_a_shift(report):
    assert set(report["suspects"].index.get_level_values("class")) == {"dog"}


def test_the_notes_tell_a_shift_with_the_ap_of_the_student(report):
    first = report["classes"].attrs["notes"][0]
    assert first.startswith("dog: Shift: from training to tuning images, AP falls by")
    assert " AP on tuning images: the student 0." in first


def test_the_notes_tell_that_there_is_no_shift(report):
    second = report["classes"].attrs["notes"][1]
    assert second.startswith("cat: No shift")


def test_what_is_removed_is_relied_on_no_longer(tuner):
    """Its twin is, which takes over; where both are removed AP is lost no longer."""
    light, twin = SHORTCUTS["bicycle"], "vertical traffic light"
    of_class = {}
    for removed in ((light,), (light, twin)):
        edits = [Intent("bicycle", each, "remove") for each in removed]
        node = tuner.fine_tune(tuner.root(), edits)
        of_class[len(removed)] = student_shift(tuner, node, "bicycle")
        found = student_differences(tuner, node, "bicycle")
        relies = relies_wrongly(of_class[len(removed)])
        assert (LOST in found.kinds) == relies == (len(removed) == 1)
        words = finding_sentence(found, of_class[len(removed)])
        assert words.startswith("bicycle relies on" if relies else "bicycle does about as well")
    assert of_class[1].first.concept == twin
    assert light not in [suspect.concept for suspect in of_class[1].suspects]
    assert (of_class[2].kind, of_class[2].suspects) == ("none", ())


@pytest.mark.parametrize(
    ("beyond", "removed", "kinds", "perhaps"),
    [
        (-1, False, (LOST,), (NOISE,)),
        (1, False, (NOISE,), (LOST,)),
        (-1, True, (), (NOISE, LOST)),
        (1, True, (NOISE,), (LOST,)),
    ],
    ids=["less clear", "clearer", "less clear, repaired", "clearer, repaired"],
)
def test_wrong_labels_explain_a_suspect_only_if_they_are_clearer_and_a_repair_changes_nothing(
    monkeypatch, beyond, removed, kinds, perhaps
):
    """Photos and labels are the same after a refit."""
    planted = planted_tuner()  # with a cache of its own
    root = planted.root()
    clearest = max(each.z for each in student_shift(planted, root, "truck").suspects)
    noise = LabelNoise(0.1, 0.0, (clearest + beyond) ** 2)
    monkeypatch.setattr(shift_kinds, "fit_noise", lambda _: noise)
    edits = [Intent("truck", each, "remove") for each in CARS]
    node = planted.fine_tune(root, edits) if removed else root
    found = student_differences(planted, node, "truck")
    assert (found.kinds, found.perhaps) == (kinds, perhaps)


def planted_tuner(noise: float = 0.0) -> Tuner:
    """Tuner on trucks beside cars in fit only: a column has the cars, three concepts show them. The
    teacher knows the labels, but for ``noise`` in its logits, which goes with cars a little."""
    rng = np.random.default_rng(13)
    split = np.repeat(["fit", "tune", "holdout"], [500, 200, 20])
    truck = rng.random(len(split)) < 0.25
    beside = rng.random(len(split)) < np.where(truck, 0.95, 0.05)
    car = np.where(split == "fit", beside, rng.random(len(split)) < 0.4)
    shown = np.stack([truck, truck, car, car, car], axis=1) * [1.3, 0.5, 0.7, 0.9, 0.7]
    names = [f"{at:03d}.jpg" for at in range(len(split))]
    score = rng.normal(size=(len(split), 100))
    score[:, :5] += shown
    words = ["truck", "wheel", *CARS, *(f"word {at}" for at in range(95))]
    label = pd.DataFrame({"truck": truck * 1.0}, index=names)
    return (
        inficond_panel.from_frames(
            pd.DataFrame(score, index=names, columns=words),
            6 * label - 3 + noise * (car[:, None] + rng.normal(size=(len(split), 1))),
            label,
            split=pd.Series(split, index=names),
            metadata=pd.DataFrame({"car": np.where(car, "yes", "no")}, index=names),
        )
        .fit()
        .tuner
    )


CARS = ("car", "parking", "road")


@pytest.fixture(scope="module")
def planted() -> Tuner:
    return planted_tuner()


def without(tuner: Tuner, *concepts: str) -> ClassShift:
    """The shift of truck where these concepts are removed."""
    edits = [Intent("truck", each, "remove") for each in concepts]
    return student_shift(tuner, tuner.fine_tune(tuner.root(), edits), "truck")


def test_what_a_column_knows_stays_a_suspect_after_a_thumb_on_another_concept(planted):
    found = without(planted, "parking")
    assert (found.kind, found.first.concept, found.first.by_column) == ("shift", "car", True)
    assert found.decisive.kind == "unknown"  # too few images to say it by AP


def test_what_a_column_knows_stays_a_suspect_where_others_carry_a_removed_concept(planted):
    found = without(planted, "car")
    assert (found.kind, found.decisive.kind) == ("shift", "unknown")
    assert [each.concept for each in found.suspects if each.removed] == ["car"]
    assert (found.first.concept, found.removable) == ("car", False)


def test_what_carries_a_concept_is_the_largest_part_of_how_the_logit_rises_with_it(planted):
    """Against a regression of the logit, and of each score, on the label and the column."""
    found, store = without(planted, "car").first, planted.store
    rows, node = store.rows("tune"), planted.nodes()[-1]
    label, car = store.label[rows, 0], np.array(store.column("car"))[rows] == "yes"
    known = np.stack([np.ones(len(rows)), label, car], axis=1)
    scores = np.asarray(store.concept_score[rows], dtype=np.float64)
    weights = node.weights[:, 0]
    rises = np.linalg.lstsq(known, scores, rcond=None)[0][2] * weights
    logit_rises = np.linalg.lstsq(known, scores @ weights, rcond=None)[0][2]
    assert rises.sum() == pytest.approx(logit_rises)
    first = [c for c in np.argsort(-rises)[:3] if rises[c] > 0]
    assert found.carried_by == tuple(store.concepts[c] for c in first)
    assert found.carried_by[0] in CARS


def test_the_teacher_relies_on_a_suspect_by_the_measure_that_the_student_does():
    """By the residuals of regressions on the label: of the scores, or of a column where the
    student's correlation with that is larger."""
    tuner = planted_tuner(noise=1.0)
    store, rows = tuner.store, tuner.store.rows("tune")
    label, car = store.label[rows, 0], np.array(store.column("car"))[rows] == "yes"
    known = np.stack([np.ones(len(rows)), label], axis=1)
    logits = tuner.logits(tuner.root(), rows)[:, 0], store.teacher_log_odds[rows, 0]
    of_column = []
    for suspect in student_shift(tuner, tuner.root(), "truck").suspects:
        scores = store.concept_score[rows, store.concepts.index(suspect.concept)]
        measures = []
        for thing in [scores, *([car] if suspect.labelled else [])]:
            every = np.stack([thing, *logits], axis=1).astype(np.float64)
            every -= known @ np.linalg.lstsq(known, every, rcond=None)[0]
            measures.append(np.corrcoef(every.T)[0, 1:])
        student, teacher = max(measures, key=lambda each: abs(each[0]))
        assert suspect.reliance == pytest.approx(student, abs=0.05), suspect.concept
        assert suspect.teacher_reliance == pytest.approx(teacher, abs=1e-5), suspect.concept
        of_column.append(bool(suspect.labelled))
    assert {*of_column} == {True, False}


def test_a_removed_concept_that_the_student_relies_on_still_is_named_with_what_carries_it(planted):
    found = without(planted, "car")
    told = finding_sentence(student_differences(planted, planted.root(), "truck"), found)
    assert told.startswith("truck still relies on car: it is in")
    carried = "The concept is removed, but correlated concepts carry it, most of all parking"
    assert carried in told
    assert remedy_of(LOST, None, found).startswith("The concept is removed already: find a repair")


def test_a_class_of_which_all_that_shows_the_shortcut_is_removed_shows_no_shift(planted):
    found = without(planted, *CARS)
    assert (found.kind, found.clear, found.suspects) == ("none", (), ())


def test_a_model_of_tune_never_sees_the_label_that_it_is_measured_on():
    """On labels by chance its logits tell nothing; fitted to them it would tell all."""
    rng = np.random.default_rng(0)
    scores, label = rng.random((200, 150)), (rng.random(200) < 0.5).astype(int)
    logit, _ = cross_fitted_model(scores, label, scores[:1])
    assert abs(np.corrcoef(logit, label)[0, 1]) < 0.25


def tried_penalties(monkeypatch, scores, label) -> list[float]:
    """Penalties of the models that ``cross_fitted_model`` solves."""
    tried: list[float] = []

    def solved(problem, **settings):
        tried.append(problem.of_each()[0].penalty.l1)
        return solve(problem, **settings)

    monkeypatch.setattr(kinds, "solve", solved)
    cross_fitted_model(scores, label, scores[:1])
    return tried


def test_penalties_smaller_than_one_at_which_ap_falls_are_not_tried(monkeypatch):
    """One of 150 concepts shows the class, and the largest penalty keeps it alone."""
    rng = np.random.default_rng(0)
    scores = rng.standard_normal((400, 150))
    label = (scores[:, 0] + 0.5 * rng.standard_normal(400) > 0).astype(int)
    assert tried_penalties(monkeypatch, scores, label) == [1e-2, 3e-3]


def test_penalties_with_equal_ap_do_not_end_the_search(monkeypatch):
    """The class is rare and its concept weak: large penalties leave no weight, and one AP."""
    rng = np.random.default_rng(0)
    label = np.zeros(2000, int)
    label[:20] = 1
    scores = (rng.random((2000, 1)) + 0.2 * label[:, None]) * 0.1
    assert len(tried_penalties(monkeypatch, scores, label)) == 4


def test_labels_that_nothing_puts_in_doubt_are_not_ranked(tuner):
    found = [student_differences(tuner, tuner.root(), name) for name in tuner.store.classes]
    ranked = [one.labels is not None for one in found]
    assert ranked == [one.labels_in_doubt for one in found]
    assert not all(ranked)


def test_without_labels_of_fit_the_teacher_decides_and_few_of_tune_are_unknown(tuner, monkeypatch):
    def with_labels(split: str, value: int) -> ClassShift:
        label = np.array(tuner.store.label)
        label[tuner.store.rows(split)] = value
        with monkeypatch.context() as patch:
            patch.setattr(tuner.store, "label", label)
            return shift_of(tuner, "dog")

    by_teacher, few = with_labels("fit", -1), with_labels("tune", 0)
    assert by_teacher.by_teacher
    assert by_teacher.suspects[0].concept == "soccer ball"
    assert (few.kind, few.suspects, few.lost_bond) == ("unknown", (), False)
    assert few.lacking.startswith("tune has 0 positive and")


def test_a_class_that_all_photos_of_fit_show_is_no_suspect(tmp_path):
    """On tune it is there with what the student leans on, and not with the class."""
    frames = shifted_frames(images=800, fit=400, seed=1)
    fit, road = frames["split"] == "fit", frames["scores"][CONTEXT].mean(axis=1)
    seen = (road > 0.25) & (frames["labels"]["truck"] == 0)
    frames["labels"]["road"] = (fit | seen).astype(int)
    frames["logits"]["road"] = np.random.default_rng(0).normal(0, 2, len(fit))
    frames["scores"]["road"] = road
    store = str(tmp_path / "own.zarr")
    inficond_panel.from_frames(**frames, path=store)
    suspects = inficond_panel.open_students(store).doctor("truck")["suspects"]
    assert 0 < suspects.loc[("truck", "road"), "threshold"] < 0.5


def test_ap_of_a_repaired_student_is_of_photos_that_it_did_not_learn_from(tuner):
    store, root = tuner.store, tuner.root()
    node = tuner.fine_tune(root, [Learn("dog"), Lambda("dog")])
    before = tune_aps(tuner, root, student_shift(tuner, root, "dog", baselines=True))
    after = tune_aps(tuner, node, student_shift(tuner, node, "dog", baselines=True))
    assert list(before) == ["student", "own_word", "tune_model"]
    assert list(after) == ["student", "original", "own_word", "tune_model"]
    rows, k = store.rows("tune"), store.classes.index("dog")
    scores, label = store.concept_score[rows], store.label[rows, k]

    def ap_seen(of) -> float:
        return average_precision_score(label, scores @ of.weights[:, k])

    assert before["student"].estimate == pytest.approx(ap_seen(root), abs=1e-6)
    assert after["original"] == before["student"]
    assert before["student"].estimate < after["student"].estimate < ap_seen(node)
    # without a repair of the class, its student is the original one
    assert list(tune_aps(tuner, node, student_shift(tuner, node, "cat"))) == ["student"]
