"""The configuration strip: what it tells of data set, student, metrics and looks."""

import math
from dataclasses import replace

import pytest
from sklearn import metrics as sklearn
from viewing import ask

from inficond_panel.common.numbers import points
from inficond_panel.state import AppState
from inficond_panel.tuning import Intent
from inficond_panel.ui.metric_cards import make_class_metrics, make_mean_metrics, mean
from inficond_panel.views.configuration.view import (
    ConfigurationView,
    draw_picture,
    make_looks,
    make_student,
)
from inficond_panel.vocabulary.metrics import SHARES
from inficond_panel.wording.metrics import change_text, make_change

pytestmark = pytest.mark.page


@pytest.fixture
def tuned(app: AppState) -> AppState:
    app.tuning.toggle(Intent("bicycle", "wheel", "down"))
    app.tuning.fine_tune()
    return app


def details(metric: dict) -> dict[str, str]:
    return dict(metric["card"]["rows"])


def cards(app: AppState, name: str) -> dict[str, dict[str, str]]:
    """Cards of a class by metric, without changes."""
    made = make_class_metrics(name, app.students.snapshot, {})
    return {metric["key"]: details(metric) for metric in made}


def find(metrics: list[dict], key: str) -> dict:
    return next(metric for metric in metrics if metric["key"] == key)


def test_a_change_is_since_the_start_in_percentage_points(tuned):
    snapshot = tuned.students.snapshot
    told = (snapshot.metrics, snapshot.before, snapshot.last)
    now, before, _ = (metrics["bicycle"].ap for metrics in told)
    changes = tuned.changes.total("bicycle", ["ap"])
    shown = find(make_class_metrics("bicycle", snapshot, changes), "ap")
    assert shown["now"] == f"{now:.3f}"
    assert shown["change"]["at"][1] == pytest.approx(100 * (now - before))


def test_a_change_has_no_interval_before_it_is_measured(tuned):
    snapshot, changes = tuned.students.snapshot, tuned.changes.total("bicycle", ["ap"])
    shown = find(make_class_metrics("bicycle", snapshot, changes), "ap")
    alone = find(make_class_metrics("bicycle", snapshot, {}), "ap")["change"]
    assert (alone["text"], alone["interval"]) == (shown["change"]["text"], "")


@pytest.fixture
def ap_card(tuned) -> dict[str, str]:
    """The card of AP of the class that was tuned."""
    return details(find(make_class_metrics("bicycle", tuned.students.snapshot, {}), "ap"))


def test_a_card_has_the_values_of_earlier_students(tuned, ap_card):
    snapshot = tuned.students.snapshot
    before, last = (metrics["bicycle"].ap for metrics in (snapshot.before, snapshot.last))
    assert ap_card["Start, previous"] == f"{before:.3f}, {last:.3f}"


def test_a_card_has_the_value_of_the_teacher(tuned, ap_card):
    teacher_ap = tuned.students.snapshot.metrics["bicycle"].teacher_ap
    assert ap_card["Teacher"] == f"{teacher_ap:.3f}"


def test_without_a_class_changes_are_of_the_mean(tuned):
    view = ConfigurationView(tuned)
    assert view.data()["scope"] == "all"
    found = tuned.changes.total("", SHARES)
    for metric in view.data()["metrics"]:
        assert metric["change"] == make_change(found[metric["key"]])
        assert details(metric)["Since start"] == change_text(metric["change"])


def test_a_change_of_the_class_says_when_it_is_within_noise(tuned):
    view = ConfigurationView(tuned)
    tuned.selection.class_name = "bicycle"
    found = tuned.changes.total("bicycle", SHARES)
    for metric in view.data()["metrics"]:
        change, told = found[metric["key"]], details(metric)["Since start"]
        assert told.startswith(points(change.estimate))
        assert told.endswith("within noise") == (change.words == "within noise")


def test_a_class_that_was_not_tuned_is_unchanged(tuned):
    view = ConfigurationView(tuned)
    tuned.selection.class_name = "sheep"
    assert {details(metric)["Since start"] for metric in view.data()["metrics"]} == {"unchanged"}


def test_cards_tell_the_teacher_beside_the_student(app):
    """Against scikit-learn, on the labelled images of the split; its fidelity would be 1."""
    store, rows = app.store, app.store.rows("tune")
    known = store.label[rows, 0] >= 0
    label, logit = store.label[rows, 0][known], store.teacher_logit[rows, 0][known]
    scores = ("f1", "recall", "precision", "accuracy")
    expected = {name: getattr(sklearn, f"{name}_score")(label, logit > 0) for name in scores}
    expected["ap"] = sklearn.average_precision_score(label, logit)
    told = {key: card.get("Teacher") for key, card in cards(app, "bicycle").items()}
    assert told == {**{key: f"{v:.3f}" for key, v in expected.items()}, "fidelity": None}
    all_ = find(make_mean_metrics(app.students.snapshot, {}), "recall")
    each = [float(cards(app, name)["recall"]["Teacher"]) for name in store.classes]
    assert float(details(all_)["Teacher"]) == pytest.approx(sum(each) / len(each), abs=0.001)


def test_cards_show_no_change_of_an_untouched_student(app):
    metrics = make_class_metrics("bicycle", app.students.snapshot, {})
    names = ["AP", "F1", "Recall", "Precision", "Accuracy", "Fidelity"]
    assert [m["name"] for m in metrics] == names
    assert {m["change"] for m in metrics} == {None}


def test_cards_count_images_as_the_metrics_do(app):
    snapshot, told = app.students.snapshot, cards(app, "sheep")
    agreement, now = snapshot.agreement["sheep"], snapshot.metrics["sheep"]
    found = agreement.positives.both_right + agreement.positives.teacher_wrong
    assert told["recall"]["Found"] == f"{found} of {now.positives}"
    assert found / now.positives == pytest.approx(now.recall)
    for metric in ("precision", "accuracy"):
        right, counted = map(int, told[metric]["Right"].split(" of "))
        assert right / counted == pytest.approx(getattr(now, metric))
    assert told["fidelity"]["Images that differ"].startswith(f"{now.differ} of ")
    assert now.differ / now.n == pytest.approx(1 - now.fidelity)


@pytest.fixture
def broken(app) -> tuple:
    """A snapshot where precision of bicycle is undefined, its metrics, and those of others."""
    snapshot = app.students.snapshot
    nan, *others = snapshot.metrics.values()
    nan = replace(nan, precision=math.nan)
    broken = replace(snapshot, metrics={**snapshot.metrics, "bicycle": nan})
    return broken, nan, others


def test_an_undefined_metric_says_why(broken):
    broken, _, _ = broken
    one = find(make_class_metrics("bicycle", broken, {}), "precision")
    assert (one["now"], details(one)["Student"]) == ("–", "– (the student names no image)")


def test_an_undefined_metric_is_left_out_of_the_mean(broken):
    broken, nan, others = broken
    all_ = find(make_mean_metrics(broken, {}), "precision")
    assert all_["now"] == f"{sum(each.precision for each in others) / len(others):.3f}"
    assert details(all_)["Left out, undefined"] == "1"
    assert math.isnan(mean("precision", {"bicycle": nan}))
    assert mean("recall", {"bicycle": nan}) == nan.recall


def test_looks_at_the_holdout_are_told():
    for looks, short, told in (
        ({0: 0}, "", "None so far."),
        ({0: 0, 3: 1}, "1 look at holdout", "1 look so far, at #3."),
        ({2: 3, 0: 1}, "4 looks at holdout", "4 looks so far, at #0, #2."),
    ):
        made = make_looks(looks)
        assert made["short"] == short
        assert made["text"].endswith(told)


def test_students_are_offered_with_their_changes(tuned):
    nodes = tuned.tuning.nodes
    made = make_student(nodes, tuned.tuner.root(), [("Teacher", "it")])
    assert made["name"] == "#0"
    assert made["options"] == [[nodes[1].id, "#1 1 change"], [nodes[0].id, "#0 original"]]
    assert made["card"]["rows"][0] == ("Teacher", "it")


def test_a_class_that_is_chosen_is_selected(tuned):
    view = ConfigurationView(tuned)
    ask(view, "choose_class", name="sheep")
    assert (view.data()["scope"], tuned.selection.class_name) == ("class", "sheep")


def test_the_strip_follows_the_theme(tuned):
    view = ConfigurationView(tuned)
    tuned.theme = "dark"
    assert view._strip.theme == "dark"


def test_a_student_that_is_chosen_is_shown(tuned):
    view, root = ConfigurationView(tuned), tuned.tuning.nodes[0]
    ask(view, "choose_student", name=root.id)
    assert (tuned.students.node.id, view._strip.student["name"]) == (root.id, "#0")


def test_a_data_set_that_is_chosen_is_requested(tuned):
    ask(ConfigurationView(tuned), "choose_dataset", name="Other")
    assert tuned.requested == "Other"


def test_a_split_that_is_chosen_is_shown_where_a_look_is_counted(tuned):
    view = ConfigurationView(tuned)
    ask(view, "choose_split", name="holdout")
    data = view._strip.data
    assert (data["split"], data["looks"]["short"]) == ("holdout", "1 look at holdout")
    assert all("On holdout images." in metric["card"]["text"] for metric in data["metrics"])


def test_the_still_picture_has_changes_of_two_digits_whole():
    metric = {"name": "Mean F1", "now": "0.842", "change": {"text": "+12.6 points"}}
    data = {
        "dataset": {"name": "Drawn scenes", "size": "2,000 images"},
        "class": {"name": "", "count": 16},
        "split": "tune",
        "metrics": 6 * [metric],
    }
    drawn = draw_picture(data, {"name": "#12"}).svg()
    assert drawn.count("+12.6 points<") == 6
    assert "all 16 classes, tuning images<" in drawn
