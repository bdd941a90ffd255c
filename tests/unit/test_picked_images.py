"""One selection of images that all views follow, and thresholds that are tried."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, confusion_matrix, f1_score

from inficond_panel.errors import TuningError
from inficond_panel.results.image_sets import image_set, presence, shared_image_set
from inficond_panel.state import AppState, Jobs
from inficond_panel.state.selection import Rights
from inficond_panel.state.shown import WHOLE_SPLIT
from inficond_panel.tuning import Intent
from inficond_panel.ui import upstream
from inficond_panel.views.configuration.view import ConfigurationView
from inficond_panel.views.detail.view import DetailView
from inficond_panel.views.embedding.view import EmbeddingView
from inficond_panel.views.knowledge.view import KnowledgeView
from inficond_panel.views.page.shell import make_heading
from inficond_panel.views.provenance.view import ProvenanceView

pytestmark = pytest.mark.page

NAME = "bicycle"
AT = np.arange(5, 45)  #: of the images in view, those that are picked


@pytest.fixture(autouse=True)
def _upstream():
    upstream.apply()


def pick(app, at=AT, make=shared_image_set) -> None:
    student = app.tuner.at(app.students.node, "tune")[NAME]
    app.selection.class_name = NAME
    app.selection.open_images(make(student, "some", student.rows[at]))


def outcome_of(app, node=None, at=AT) -> tuple[np.ndarray, np.ndarray]:
    """Labels and logits of the picked images that have a label."""
    student = app.tuner.at(node or app.students.node, "tune")[NAME]
    known = student.labels[at] >= 0
    return student.labels[at][known], student.logits[at][known]


def test_numbers_are_of_all_images_at_first(app):
    assert (app.shown.snapshot, app.shown.what) == (app.students.snapshot, WHOLE_SPLIT)


def test_the_ap_is_of_the_picked_images(app):
    pick(app)
    expected = average_precision_score(*outcome_of(app))
    assert app.shown.snapshot.metrics[NAME].ap == pytest.approx(expected)


def test_the_f1_is_of_the_picked_images(app):
    pick(app)
    label, logit = outcome_of(app)
    assert app.shown.snapshot.metrics[NAME].f1 == pytest.approx(f1_score(label, logit > 0))


def test_the_ap_at_the_start_is_of_the_picked_images(app):
    app.tuning.toggle(Intent(NAME, "wheel", "remove"))
    app.tuning.fine_tune()
    pick(app)
    expected = average_precision_score(*outcome_of(app, app.tuner.root()))
    assert app.shown.snapshot.before[NAME].ap == pytest.approx(expected)


def test_all_images_of_the_split_give_the_numbers_of_the_split(app):
    """A control: a selection that should change nothing."""
    pick(app, np.arange(len(app.dataset.rows)))
    assert app.shown.snapshot.metrics == pytest.approx(app.students.snapshot.metrics)


def test_dropped_images_give_the_numbers_of_all(app):
    pick(app)
    app.selection.leave_images()
    assert app.shown.snapshot is app.students.snapshot


def test_a_refit_is_measured_on_the_picked_images(app):
    pick(app)
    app.tuning.toggle(Intent(NAME, "wheel", "remove"))
    app.tuning.fine_tune()
    expected = average_precision_score(*outcome_of(app))
    assert app.shown.snapshot.metrics[NAME].ap == pytest.approx(expected)


def test_images_picked_on_another_split_are_not_measured(app):
    pick(app)
    app.tuning.show_split("holdout")
    assert app.shown.snapshot is app.students.snapshot


# --- which images stay


def test_images_that_no_class_defines_stay_while_another_class_is_selected(app):
    pick(app)
    app.selection.class_name = "sheep"
    assert app.shown.images.title == "some"


def test_images_of_a_class_are_dropped_by_another_class(app):
    pick(app, make=image_set)
    app.selection.class_name = "sheep"
    assert app.shown.images is None


def test_images_that_no_class_defines_stay_while_a_concept_is_opened(app):
    pick(app)
    app.selection.open_concept("wheel")
    assert app.shown.images.title == "some"


def test_images_of_a_class_are_dropped_by_a_concept(app):
    pick(app, make=image_set)
    app.selection.open_concept("wheel")
    assert app.shown.images is None


# --- the views


def test_the_detail_view_lists_the_picked_images(app):
    detail = DetailView(app)
    pick(app)
    assert detail.panel.gallery["rows"] == app.dataset.rows[AT].tolist()


def test_an_opened_concept_lists_its_images_among_the_picked(app):
    detail = DetailView(app)
    pick(app)
    app.selection.open_concept("wheel")
    student = app.tuner.at(app.students.node, "tune")[NAME]
    shown = student.rows[AT][student.score("wheel")[AT] > 0]
    assert set(detail.panel.gallery["rows"]) == set(shown.tolist())


def test_the_picked_images_are_listed_again(app):
    detail = DetailView(app)
    pick(app)
    app.selection.open_concept("wheel")
    app.selection.list_images()
    assert detail.panel.gallery["rows"] == app.dataset.rows[AT].tolist()


@pytest.mark.parametrize(
    ("filters", "test"),
    [([], lambda g: g.label > -2), (["positive"], lambda g: g.label == 1)],
    ids=["all", "positive"],
)
def test_listed_images_of_a_concept_can_be_picked(app, filters, test):
    detail = DetailView(app)
    app.selection.open_concept("wheel", NAME)
    expected = detail._gallery.rows[test(detail._gallery)].tolist()
    detail.act({"action": "pick_images", "filters": filters})
    assert list(app.shown.images.rows) == expected


def test_the_strip_shows_the_metrics_of_the_picked_images(app):
    strip = ConfigurationView(app)
    pick(app)
    shown = {each["key"]: each["now"] for each in strip.data()["metrics"]}
    assert shown["ap"] == f"{average_precision_score(*outcome_of(app)):.3f}"


def test_the_strip_says_where_positives_are_too_few(app):
    strip = ConfigurationView(app)
    label = app.tuner.at(app.students.node, "tune")[NAME].labels
    two = np.concatenate([np.flatnonzero(label == 1)[:2], np.flatnonzero(label == 0)[:9]])
    pick(app, two)
    assert strip.data()["metrics"][0]["few"] == "too few: 2 with the class"


def test_the_strip_says_nothing_of_few_positives_of_all_images(app):
    strip = ConfigurationView(app)
    app.selection.class_name = NAME
    assert strip.data()["metrics"][0]["few"] == ""


def test_the_page_says_how_many_images_are_picked(app):
    pick(app)
    assert make_heading(app)["images"] == "40 images: some"


def test_the_iterations_show_the_picked_images(app):
    view = ProvenanceView(app)
    app.tuning.toggle(Intent(NAME, "wheel", "remove"))
    app.tuning.fine_tune()
    pick(app)
    found = view._results.scope[1], view._results._measured
    scope, measured = found
    ap = measured[app.students.node.id, scope][NAME].ap
    assert ap == pytest.approx(average_precision_score(*outcome_of(app)))


def test_the_map_shows_in_how_many_of_the_picked_images_a_concept_is(app):
    view = EmbeddingView(app)
    pick(app)
    rows = set(app.dataset.rows[AT].tolist())
    store, c = app.store, 0
    pairs = zip(store.segment_image.tolist(), store.segment_concept.tolist(), strict=True)
    images = {image for image, concept in pairs if concept == c and image in rows}
    words = f"in {100 * len(images) / len(AT):.0f} % of the picked images"
    assert words in view.map.dots["segments"][c]


@pytest.mark.parametrize("rows", [[], [0], [3, 1]], ids=str)
def test_the_presence_of_concepts_is_a_share_of_the_images(app, rows):
    store = app.store
    expected = [
        np.mean([c in store.segment_concept[store.segments_of(row)] for row in rows])
        if rows
        else np.nan
        for c in range(len(store.concepts))
    ]
    assert presence(store, np.array(rows, int)) == pytest.approx(np.array(expected), nan_ok=True)


# --- metrics, slices and groups in the view of the student


@pytest.fixture
def knowledge(app) -> KnowledgeView:
    view = KnowledgeView(app)
    app.selection.class_name = NAME
    view.panels.extent, view.panels.measured = "details", True
    return view


def test_all_metrics_are_of_the_picked_images(app, knowledge):
    pick(app)
    shown = {row["name"]: row["now"] for row in knowledge.panels.measures["rows"]}
    assert shown["AP"] == f"{average_precision_score(*outcome_of(app)):.3f}"


def test_all_metrics_name_the_picked_images(app, knowledge):
    pick(app)
    assert knowledge.panels.measures["scope"].startswith("40 images: some, ")


def test_thresholds_to_try_count_the_picked_images(app, knowledge):
    pick(app)
    label, logit = outcome_of(app)
    trial = knowledge.panels.measures["trial"]
    counts = [int((label[logit > cut] == 1).sum()) for cut in trial["threshold"]]
    assert trial["found"] == counts


def test_groups_are_of_the_picked_images(app, knowledge):
    pick(app)
    app.groups.by = "sheep"
    student = app.tuner.at(app.students.node, "tune")[NAME]
    sheep = app.store.label[student.rows[AT], app.store.classes.index("sheep")]
    known = student.labels[AT] >= 0
    counted = {str(label): int(((sheep == label) & known).sum()) for label in (0, 1)}
    rows = {row["key"]: row["images"].split(",")[0] for row in knowledge.panels.groups["rows"]}
    assert rows == {key: str(n) for key, n in counted.items() if n}


def test_a_group_can_be_picked(app, knowledge):
    app.groups.by = "sheep"
    knowledge.act({"action": "open_group", "group": "1"})
    rows = app.dataset.rows
    label = app.store.label[rows, app.store.classes.index("sheep")]
    assert sorted(app.shown.images.rows) == rows[label == 1].tolist()


def test_a_group_of_picked_images_is_picked_among_them(app, knowledge):
    pick(app)
    app.groups.by = "sheep"
    knowledge.act({"action": "open_group", "group": "0"})
    assert set(app.shown.images.rows) <= set(app.dataset.rows[AT].tolist())


def test_a_picked_group_says_what_it_is(app, knowledge):
    app.groups.by = "sheep"
    knowledge.act({"action": "open_group", "group": "1"})
    assert app.shown.images.title == "with sheep"


# --- one threshold per class, tried


CUT = 0.75


@pytest.mark.parametrize("images", [None, AT], ids=["all", "picked"])
def test_decisions_follow_the_threshold_that_is_tried(app, images):
    app.selection.class_name = NAME
    if images is not None:
        pick(app)
    app.shown.try_threshold(NAME, CUT)
    at = np.arange(len(app.dataset.rows)) if images is None else images
    label, logit = outcome_of(app, at=at)
    metrics = app.shown.snapshot.metrics[NAME]
    _, fp, fn, tp = confusion_matrix(label, logit > CUT).ravel()
    assert [metrics.precision, metrics.recall] == pytest.approx([tp / (tp + fp), tp / (tp + fn)])


def test_a_threshold_changes_no_ranking(app):
    app.selection.class_name = NAME
    app.shown.try_threshold(NAME, CUT)
    assert app.shown.snapshot.metrics[NAME].ap == app.students.snapshot.metrics[NAME].ap


def test_a_threshold_changes_no_other_class(app):
    app.shown.try_threshold(NAME, CUT)
    assert app.shown.snapshot.metrics["sheep"] == app.students.snapshot.metrics["sheep"]


def test_a_threshold_tried_decides_as_one_of_the_spec(app, tmp_path):
    app.shown.try_threshold(NAME, CUT)
    kept = app.tuner.with_students(threshold={NAME: CUT})
    assert app.shown.snapshot.metrics[NAME] == kept.metrics(kept.root(), "tune")[NAME]


def test_the_teacher_decides_by_the_threshold_tried(app):
    app.shown.try_threshold(NAME, CUT)
    k = app.store.classes.index(NAME)
    expected = app.store.teacher_log_odds[app.dataset.rows, k] > CUT
    assert (app.students.student(NAME).teacher_decided == expected).all()


def test_a_threshold_makes_no_iteration(app):
    before = app.students.node.id
    app.shown.try_threshold(NAME, CUT)
    assert (app.students.node.id, len(app.tuning.nodes)) == (before, 1)


def test_reset_decides_by_the_threshold_of_the_spec(app):
    app.shown.try_threshold(NAME, CUT)
    app.shown.try_threshold(NAME, None)
    assert app.shown.snapshot is app.students.snapshot


def test_the_threshold_of_the_spec_is_no_trial(app):
    app.shown.try_threshold(NAME, 0.0)
    assert app.students.thresholds == {}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_threshold_that_is_no_number_is_refused(app, value):
    with pytest.raises(ValueError, match="No threshold can be tried"):
        app.shown.try_threshold(NAME, value)


def test_a_page_for_one_class_tries_no_threshold_of_another(app):
    only = AppState(app.tuner, Jobs(inline=True), rights=Rights(class_name=NAME))
    with pytest.raises(TuningError, match="allows bicycle only, not sheep"):
        only.shown.try_threshold("sheep", CUT)


def test_a_threshold_of_an_unknown_class_is_refused(app):
    with pytest.raises(TuningError, match="no class 'nobody'"):
        app.shown.try_threshold("nobody", CUT)


def test_groups_follow_the_threshold_that_is_tried(app, knowledge):
    app.groups.by = "sheep"
    app.shown.try_threshold(NAME, CUT)
    student = app.tuner.at(app.students.node, "tune")[NAME]
    sheep = app.store.label[student.rows, app.store.classes.index("sheep")]
    there = (sheep == 0) & (student.labels == 1)
    found = (student.logits[there] > CUT).mean()
    row = {each["key"]: each for each in knowledge.panels.groups["rows"]}["0"]
    assert row["found"].startswith(f"{found:.2f}")


def test_all_metrics_follow_the_threshold_that_is_tried(app, knowledge):
    app.shown.try_threshold(NAME, CUT)
    label, logit = outcome_of(app, at=np.arange(len(app.dataset.rows)))
    shown = {row["name"]: row["now"] for row in knowledge.panels.measures["rows"]}
    assert shown["F1"] == f"{f1_score(label, logit > CUT):.3f}"


def test_listed_images_follow_the_threshold_that_is_tried(app):
    detail = DetailView(app)
    app.selection.open_concept("wheel", NAME)
    app.shown.try_threshold(NAME, CUT)
    gallery = detail._gallery
    assert (gallery.decided == (gallery.student > CUT)).all()


def test_the_page_says_which_threshold_is_tried(app):
    app.shown.try_threshold(NAME, CUT)
    assert make_heading(app)["thresholds"] == "bicycle: threshold +0.75 tried"


def test_the_line_for_the_spec_has_the_threshold_tried(app, knowledge):
    knowledge.act({"action": "try_threshold", "threshold": CUT})
    assert knowledge.panels.threshold["tried"]["line"] == 'threshold: {"bicycle": 0.75}'


def test_the_thresholds_offered_do_not_follow_the_one_tried(app, knowledge):
    """A slider whose places move under the pointer could not be used."""
    before = knowledge.panels.measures["trial"]
    app.shown.try_threshold(NAME, CUT)
    assert knowledge.panels.measures["trial"] == before


def test_frames_of_a_part_have_its_images(app):
    tuner = app.tuner.measuring(app.dataset.rows[AT])
    assert pd.Index(tuner.images("tune")).equals(pd.Index(app.dataset.rows[AT]))
