"""Which images a lever learns from, is chosen by and is measured on; what levers are offered."""

from types import SimpleNamespace

import numpy as np
import pytest
from spread_shortcut import shifted_frames

import inficond_panel
from inficond_panel.distill.suspects import NONE, SHIFT
from inficond_panel.tuning import Intent
from inficond_panel.tuning.repairs.learn import Learn
from inficond_panel.tuning.repairs.penalty import Lambda
from inficond_panel.tuning.repairs.reweight_groups import ReweightGroups
from inficond_panel.tuning.shift import ClassShift
from inficond_panel.tuning.suggest import levers, suggest
from inficond_panel.tuning.suggest.gain import Change
from inficond_panel.tuning.suggest.levers import AS_IT_IS, ClassRepair, Lever

NAME = "truck"
BELONGS = ("road",)


@pytest.fixture(scope="module")
def students(tmp_path_factory):
    path = tmp_path_factory.mktemp("levers") / "own.zarr"
    return inficond_panel.from_frames(**shifted_frames(seed=1), path=path).fit()


@pytest.fixture
def offered(monkeypatch):
    """Levers of a class with two suspects and a word of its own, by their names."""
    monkeypatch.setattr(levers, "own_word", lambda store, name: SimpleNamespace(name="lorry"))
    monkeypatch.setattr(levers, "part_hashes", lambda store: ())
    monkeypatch.setattr(levers, "first_shared", lambda evidence, count, besides: ())
    student = SimpleNamespace(store=SimpleNamespace(metadata_columns=()))
    evidence = SimpleNamespace(class_name=NAME, student=student, concepts=["lake", "boat"])
    shift = SimpleNamespace(suspects=[SimpleNamespace(concept=c, removed=False) for c in "ab"])
    tuner = SimpleNamespace(refit="target")

    def of(by=""):
        every = levers._levers(tuner, evidence, shift, False, by, BELONGS)
        return {each.name: each for each in every}

    return of


def test_the_word_is_raised_with_the_first_suspect_removed(offered):
    edits = offered()["👍 word, ✕ first suspect"].edits
    assert [each.concept for each in edits] == ["lorry", "a"]


@pytest.mark.parametrize("name", ["✕ suspects", "👍 word, ✕ first suspect", "✕ first suspect"])
def test_suspects_of_a_fold_leave_out_what_belongs_to_the_class(offered, name):
    assert offered()[name].select.keywords == {"besides": BELONGS}


def test_shared_suspects_leave_out_what_belongs_to_the_class(offered, monkeypatch):
    asked = []
    monkeypatch.setattr(
        levers, "first_shared", lambda evidence, count, besides: asked.append(besides) or ()
    )
    offered("lake")
    assert asked == [BELONGS]


@pytest.mark.parametrize(
    ("name", "edits"),
    [
        ("penalty λ", (Lambda(NAME),)),
        ("teacher on tuning images", (Learn(NAME, "teacher"), Lambda(NAME))),
        ("labels of tuning images", (Learn(NAME, "labels"), Lambda(NAME))),
    ],
)
def test_with_groups_each_lever_aims_at_the_worst_and_weighs_nothing(offered, name, edits):
    assert offered("lake")[name].edits == (ReweightGroups(NAME, "lake", 0.0), *edits)


@pytest.fixture
def thumbs(students):
    """The lever of two thumbs: 👍 on a concept, ✕ on the first suspect."""
    tuner, root = students.tuner, students.tuner.root()
    rows = tuner.store.rows("tune")
    evidence = tuner.repairs.evidence(tuner.repairs.class_fit(root, NAME), rows)
    first, *_, last = tuner.store.concepts
    intents = [Intent(NAME, first, "up", 2.0), Intent(NAME, last, "remove")]
    return levers._Thumbs(tuner, root, evidence, intents, lambda inside, count: (last,))


def test_suspects_of_a_fold_are_chosen_without_its_images(thumbs):
    folds, seen = thumbs.evidence.tune_folds, []

    def select(inside, count):
        seen.append(inside.tune)
        return thumbs.select(inside, count)

    levers._Thumbs(
        thumbs.tuner, thumbs.parent, thumbs.evidence, thumbs.intents, select
    ).candidates()
    expected = [thumbs.evidence.tune[folds != fold].tolist() for fold in range(len(seen))]
    assert [rows.tolist() for rows in seen] == expected


def test_the_student_of_a_fold_is_fitted_without_its_images(thumbs, monkeypatch):
    left_out, fit_each = [], levers.fit_each

    def watched(student, tried, outside, box):
        left_out.extend(rows.tolist() for rows in outside)
        return fit_each(student, tried, outside, box)

    monkeypatch.setattr(levers, "fit_each", watched)
    thumbs.candidates()
    folds = thumbs.evidence.tune_folds
    expected = [thumbs.evidence.tune[folds == fold].tolist() for fold in range(len(left_out))]
    assert left_out == expected


def test_thumbs_that_no_label_chose_stay_in_every_fold(thumbs, monkeypatch):
    given, after = [], levers._Thumbs.after
    monkeypatch.setattr(
        levers._Thumbs, "after", lambda self, edits: given.append(edits) or after(self, edits)
    )
    thumbs.candidates()
    assert all(thumbs.intents[0] in edits for edits in given)


@pytest.mark.parametrize("learns", [[True, False], [False, True], [True, True]])
def test_logits_are_cross_fitted_if_any_student_learns_from_tune(monkeypatch, learns):
    monkeypatch.setattr(levers, "fit_without_each", lambda *given: "by fold")
    monkeypatch.setattr(levers, "logits_by_fold", lambda *given: "cross-fitted")
    monkeypatch.setattr(levers, "fit_each", lambda *given: None)
    monkeypatch.setattr(levers, "logits_of_each", lambda *given: "of one fit")
    tried = [SimpleNamespace(fit_to_tune=lambda store, learn=one: learn) for one in learns]
    evidence = SimpleNamespace(
        student=SimpleNamespace(store=None), tune=None, tune_folds=None, tune_scores=None
    )
    assert levers._scored(evidence, tried) == ("cross-fitted", "by fold")


@pytest.mark.parametrize(
    ("kind", "gain", "asks"),
    [(SHIFT, 0.02, True), (SHIFT, 0.0, True), (NONE, 0.0, False), (NONE, 0.02, True)],
    ids=["shift, lever", "shift", "nothing", "lever"],
)
def test_photos_are_asked_about_where_something_is_to_be_mended(
    students, monkeypatch, kind, gain, asks
):
    tried = (Lever("penalty λ", (Lambda(NAME),), "", Change(gain, np.full(9, gain)), 0.5, 0.9, 4),)
    made = ClassRepair(ClassShift(NAME, kind), tried, Change(gain, np.full(9, gain)))
    monkeypatch.setattr(levers, "_compared", lambda *given: made)
    monkeypatch.setattr(levers, "settled_shift", lambda *given: ClassShift(NAME, kind))
    rows = np.arange(7)
    monkeypatch.setattr(levers, "photos_to_ask", lambda student: SimpleNamespace(rows=rows))
    monkeypatch.setattr(levers.AllImages, "label", lambda self, rows, k: np.full(len(rows), -1))
    assert bool(suggest(students.tuner, classes=[NAME]).repairs[NAME].photos) is asks


def test_only_photos_without_a_label_are_asked_about(students, monkeypatch):
    label = np.array([-1, 0, 1, -1])
    made = ClassRepair(ClassShift(NAME, SHIFT))
    monkeypatch.setattr(levers, "_compared", lambda *given: made)
    monkeypatch.setattr(levers, "settled_shift", lambda *given: ClassShift(NAME, SHIFT))
    rows = np.arange(4)
    monkeypatch.setattr(levers, "photos_to_ask", lambda student: SimpleNamespace(rows=rows))
    monkeypatch.setattr(levers.AllImages, "label", lambda self, rows, k: label[rows])
    photos = suggest(students.tuner, classes=[NAME]).repairs[NAME].photos
    assert list(photos) == [students.tuner.store.images[row] for row in (0, 3)]


def test_after_learning_the_student_as_it_is_agrees_with_the_teacher_as_it_is_shown(students):
    """Images that it has learned are shown by students that did not learn them."""
    tuner = students.tuner
    node = tuner.fine_tune(tuner.root(), [Learn(NAME, "labels")])
    found = {each.name: each for each in suggest(tuner, node, classes=[NAME]).repairs[NAME].levers}
    shown = tuner.at(node, "tune")[NAME].outcome.value("fidelity")
    assert found[AS_IT_IS].fidelity == pytest.approx(shown, abs=1e-12)


@pytest.fixture
def removed(students):
    """The lever of ✕ on the first concept, which no label chose, and the students after it."""
    tuner, root = students.tuner, students.tuner.root()
    rows = tuner.store.rows("tune")
    evidence = tuner.repairs.evidence(tuner.repairs.class_fit(root, NAME), rows)
    strongest = tuner.store.concepts[int(np.argmax(np.abs(root.weights[:, 0])))]
    thumb = Intent(NAME, strongest, "remove")
    return levers._Thumbs(tuner, root, evidence, [thumb]), tuner.preview(root, [thumb])


def test_logits_of_a_removed_concept_are_those_of_the_refit(removed):
    lever, node = removed
    shown = lever.tuner.logits(node)[lever.evidence.tune, 0]
    np.testing.assert_allclose(lever.candidates()[1][0], shown, atol=0.02)


@pytest.mark.parametrize("taken", [True, False])
def test_a_lever_has_edits_only_if_its_student_is_chosen(students, monkeypatch, taken):
    monkeypatch.setattr(levers, "_taken", lambda *given, **how: (int(taken), int(taken)))
    found = suggest(students.tuner, classes=[NAME]).repairs[NAME].levers
    assert {bool(each.edits) for each in found if each.name != AS_IT_IS} == {taken}


@pytest.mark.parametrize(
    ("taken", "best", "told"),
    [(1, 1, "labels of"), (0, 0, "no gain on all"), (0, 1, "gain within one standard error:")],
)
def test_a_lever_says_why_its_student_is_not_chosen(students, monkeypatch, taken, best, told):
    monkeypatch.setattr(levers, "_taken", lambda *given, **how: (taken, best))
    found = suggest(students.tuner, classes=[NAME]).repairs[NAME].levers
    assert all(each.needs.startswith(told) for each in found if each.name != AS_IT_IS)


def test_the_concepts_of_a_lever_are_those_within_the_bounds_of_its_thumbs(removed, students):
    """Where a thumb is a bound, and every concept is removed, none is left."""
    lever, tuner = removed[0], students.tuner
    every = [Intent(NAME, concept, "remove") for concept in tuner.store.concepts]
    _, bounds = lever.after(every)
    student = lever.evidence.student
    assert levers._size(student, student.terms, bounds) == 0


def test_a_taken_lever_of_thumbs_is_measured_within_their_bounds(students, monkeypatch):
    bounded, size = [], levers._size
    monkeypatch.setattr(levers, "_taken", lambda *given, **how: (1, 1))
    monkeypatch.setattr(
        levers, "_size", lambda *given: bounded.append(given[2] is not None) or size(*given)
    )
    found = suggest(students.tuner, classes=[NAME]).repairs[NAME].levers
    assert bounded == ["✕" in each.name or "👍" in each.name for each in found[1:]]


def test_what_learning_changes_is_after_less_before(students, monkeypatch):
    """It varies with the draws of images that are learned: 2 before a lever, 5 after it."""
    told, still = [], students.tuner.root()
    monkeypatch.setattr(levers, "_taken", lambda *given, **how: (1, 1))
    monkeypatch.setattr(
        levers,
        "changes_by_teaching",
        lambda evidence, terms, counts, cell, fits: [
            np.full(len(counts), 2.0 if terms == evidence.student.terms else 5.0)
        ],
    )
    choose = levers.gain_of_choice

    def watched(label, logits, counts, *, taught, **how):
        told.extend(float(each[0]) for each in taught)
        return choose(label, logits, counts, taught=taught, **how)

    monkeypatch.setattr(levers, "gain_of_choice", watched)
    suggest(students.tuner, still, classes=[NAME])
    assert set(told) == {3.0}
