"""A class's own word beside its student: AP by labels or decisions, and the line on the page."""

import pytest
from factory import unlabelled_arrays
from histories import make_tuner
from worded import worded_store

from inficond_panel.concepts.own_words import own_word
from inficond_panel.distill import average_precision
from inficond_panel.results.image_sets import shared_image_set
from inficond_panel.results.own_word import WordAp, word_ap
from inficond_panel.state import AppState, Jobs
from inficond_panel.views.knowledge.found import make_word
from inficond_panel.views.knowledge.view import KnowledgeView
from inficond_panel.wording.own_word import word_sentence

pytestmark = pytest.mark.page

TARGET = "tuning: {refit: target}\n"
NAME, K = "tv monitor", 1


def tuner_on(folder, extra=TARGET, **given):
    return make_tuner(worded_store(folder / "own.zarr", **given), folder, extra)


def ap_of_word(tuner, rows) -> float:
    label, scores = tuner.store.label[rows, K], own_word(tuner.store, NAME).scores[rows]
    return average_precision(label[label >= 0], scores[label >= 0])


@pytest.mark.parametrize("split", ["tune", "holdout"])
def test_ap_is_that_of_the_words_scores(tmp_path, split):
    tuner = tuner_on(tmp_path)
    expected = ap_of_word(tuner, tuner.store.rows(split))
    assert word_ap(tuner, tuner.root(), NAME, split).ap == pytest.approx(expected)


def test_the_student_beside_it_is_the_one_shown(tmp_path):
    tuner = tuner_on(tmp_path)
    expected = tuner.metrics(tuner.root(), "tune")[NAME].ap
    assert word_ap(tuner, tuner.root(), NAME, "tune").student_ap == pytest.approx(expected)


def test_without_labels_the_teachers_decisions_judge(tmp_path):
    tuner = tuner_on(tmp_path, make=unlabelled_arrays)
    rows = tuner.store.rows("tune")
    decided = (tuner.store.teacher_logit[rows, K] > 0).astype(int)
    found = word_ap(tuner, tuner.root(), NAME, "tune")
    expected = average_precision(decided, own_word(tuner.store, NAME).scores[rows])
    assert (found.by_teacher, found.ap) == (True, pytest.approx(expected))


@pytest.mark.parametrize(
    ("by_teacher", "end"), [(False, "0.87."), (True, "0.87, by the teacher's decisions.")]
)
def test_the_sentence_says_whose_judgement_it_is_if_not_that_of_labels(by_teacher, end):
    assert word_sentence("bicycle", 0.81, 0.87, by_teacher=by_teacher).endswith(f"student {end}")


@pytest.mark.parametrize(("refit", "can"), [("target", True), ("all", False)])
def test_a_word_that_is_no_concept_can_be_raised_where_thumbs_adjust_targets(tmp_path, refit, can):
    tuner = tuner_on(tmp_path, f"tuning: {{refit: {refit}}}\n")
    assert word_ap(tuner, tuner.root(), NAME, "tune").can_raise == can


@pytest.fixture
def view(tmp_path):
    app = AppState(tuner_on(tmp_path), Jobs(inline=True))
    shown = KnowledgeView(app)
    app.selection.class_name = NAME
    return shown


def test_the_finding_tells_the_word(view):
    told = view.panels.finding["word"]["sentence"]
    assert told.startswith("The word “tv monitor” alone: AP 0.")


@pytest.mark.parametrize(("ap", "offered"), [(0.6, NAME), (0.4, ""), (0.5, "")])
def test_a_word_is_offered_where_it_ranks_better_than_the_student(ap, offered):
    found = WordAp(NAME, ap, 0.5, by_teacher=False, can_raise=True)
    assert make_word(found)["raise"] == offered


def test_both_aps_are_of_the_images_on_screen(view):
    """Of the holdout once it is opened, which counts a look, and of picked images."""
    app, store = view.app, view.app.store

    def told(rows) -> bool:
        shown = app.shown.snapshot.metrics[NAME].ap
        said = word_sentence(NAME, ap_of_word(app.tuner, rows), shown, by_teacher=False)
        return view.panels.finding["word"]["sentence"] == said

    assert told(store.rows("tune"))
    app.tuning.show_split("holdout")
    assert app.dataset.looks == 1
    assert told(store.rows("holdout"))
    app.tuning.show_split("tune")
    app.selection.images = shared_image_set(
        app.students.student(NAME), "half", store.rows("tune")[::2]
    )
    assert told(store.rows("tune")[::2])
    app.selection.leave_images()
    assert told(store.rows("tune"))


def test_a_student_that_is_left_and_selected_again_has_its_word(tmp_path, monkeypatch):
    app = AppState(tuner_on(tmp_path), Jobs(inline=True))
    shown, waiting = KnowledgeView(app), []
    monkeypatch.setattr(app.jobs, "submit", waiting.append)
    for name in (NAME, "bicycle", NAME):  # each job takes the place of the one before
        app.selection.class_name = name
    assert shown.panels.finding["word"] == {"sentence": "", "raise": ""}  # its line has its room
    job = [each for each in waiting if each.key == "word"][-1]
    job.done(job.work(job))
    assert shown.panels.finding["word"]["sentence"]


def test_its_button_puts_the_thumb_into_the_batch(view):
    view.act({"action": "toggle", "concept": NAME, "direction": "up"})
    assert [(each.concept, each.direction) for each in view.app.tuning.thumbs] == [(NAME, "up")]


def test_the_bar_shows_the_thumb_in_force(view):
    view.act({"action": "toggle", "concept": NAME, "direction": "up"})
    view.app.tuning.fine_tune()
    assert view.bar.held == [{"concept": NAME, "bound": view.bar.held[0]["bound"]}]


def test_the_word_in_force_opens_no_concept(view):
    view.act({"action": "open", "concept": NAME})
    assert view.app.selection.concept == ""
