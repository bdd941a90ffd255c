"""The configuration strip: what it tells of data set, student, metrics and looks."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    precision_score,
    recall_score,
)

from inficond_panel.common.numbers import points
from inficond_panel.state import AppState
from inficond_panel.tuning import Intent
from inficond_panel.ui.metric_cards import make_class_metrics, make_mean_metrics, mean
from inficond_panel.views.configuration.view import ConfigurationView, make_looks, make_student
from inficond_panel.vocabulary.metrics import SHARES
from inficond_panel.wording.metrics import change_text, make_change


@pytest.fixture
def tuned(app: AppState) -> AppState:
    app.tuning.toggle(Intent("bicycle", "wheel", "down"))
    app.tuning.fine_tune()
    return app


def _by_key(metrics: list[dict]) -> dict[str, dict]:
    return {metric["key"]: metric for metric in metrics}


def _details(metric: dict) -> dict[str, str]:
    return dict(metric["card"]["rows"])


def test_metrics_of_the_untouched_student_show_no_change(app):
    metrics = make_class_metrics("bicycle", app.students.snapshot, {})

    assert [m["name"] for m in metrics] == [
        "AP", "F1", "Recall", "Precision", "Accuracy", "Fidelity",
    ]  # fmt: skip
    assert {m["change"] for m in metrics} == {None}


def test_change_is_since_the_start_in_percentage_points(tuned):
    snapshot = tuned.students.snapshot
    now, before, last = (
        m["bicycle"].ap for m in (snapshot.metrics, snapshot.before, snapshot.last)
    )
    changes = tuned.changes.total("bicycle", ["ap"])
    shown = _by_key(make_class_metrics("bicycle", snapshot, changes))["ap"]

    assert shown["now"] == f"{now:.3f}"
    assert shown["change"]["at"][1] == pytest.approx(100 * (now - before))
    alone = _by_key(make_class_metrics("bicycle", snapshot, {}))["ap"]["change"]
    assert (alone["text"], alone["interval"]) == (shown["change"]["text"], "")
    assert _details(shown)["Start, previous"] == f"{before:.3f}, {last:.3f}"
    assert _details(shown)["Teacher"] == f"{snapshot.metrics['bicycle'].teacher_ap:.3f}"
    assert "Since start" in _details(shown)


def test_every_card_tells_its_change_with_the_noise(tuned):
    view = ConfigurationView(tuned)
    tuned.selection.class_name = "bicycle"
    for metric in view.data()["metrics"]:
        change = tuned.changes.total("bicycle", SHARES)[metric["key"]]
        told = _details(metric)["Since start"]
        assert told.startswith(points(change.estimate))
        assert told.endswith("within noise") == (change.words == "within noise")
    tuned.selection.class_name = "sheep"  # not touched
    told = {_details(metric)["Since start"] for metric in view.data()["metrics"]}
    assert told == {"unchanged"}


def test_means_over_classes_tell_their_changes_with_the_noise(tuned):
    view = ConfigurationView(tuned)
    found = tuned.changes.total("", SHARES)
    assert view.data()["scope"] == "all"
    for metric in view.data()["metrics"]:
        assert metric["change"] == make_change(found[metric["key"]])
        assert _details(metric)["Since start"] == change_text(metric["change"])


def test_cards_tell_the_teacher_beside_the_student(app):
    """Against scikit-learn, on the labelled images of the split; its fidelity would be 1."""
    store, rows = app.store, app.store.rows("tune")
    label, named = store.label[rows, 0], store.teacher_logit[rows, 0] > 0
    known = label >= 0
    expected = {
        name: score(label[known], named[known])
        for name, score in (
            ("f1", f1_score),
            ("recall", recall_score),
            ("precision", precision_score),
            ("accuracy", accuracy_score),
        )
    }
    expected["ap"] = average_precision_score(label[known], store.teacher_logit[rows, 0][known])
    cards = {key: _details(m) for key, m in _by_key(_metrics(app, "bicycle")).items()}
    told = {key: card.get("Teacher") for key, card in cards.items()}
    assert told == {**{k: f"{v:.3f}" for k, v in expected.items()}, "fidelity": None}
    all_ = {
        m["key"]: _details(m).get("Teacher") for m in make_mean_metrics(app.students.snapshot, {})
    }
    each = [_by_key(_metrics(app, name))["recall"] for name in store.classes]
    mean_recall = sum(float(_details(m)["Teacher"]) for m in each) / len(each)
    assert float(all_["recall"]) == pytest.approx(mean_recall, abs=0.001)


def _metrics(app, name):
    return make_class_metrics(name, app.students.snapshot, {})


def test_cards_count_images_as_the_metrics_do(app):
    snapshot = app.students.snapshot
    agreement, now = snapshot.agreement["sheep"], snapshot.metrics["sheep"]
    found = agreement.positives.both_right + agreement.positives.teacher_wrong
    cards = {key: _details(m) for key, m in _by_key(_metrics(app, "sheep")).items()}

    assert cards["recall"]["Found"] == f"{found} of {now.positives}"
    assert found / now.positives == pytest.approx(now.recall)
    right, named = map(int, cards["precision"]["Right"].split(" of "))
    assert right / named == pytest.approx(now.precision)
    right, everything = map(int, cards["accuracy"]["Right"].split(" of "))
    assert right / everything == pytest.approx(now.accuracy)
    assert cards["fidelity"]["Images that differ"].startswith(f"{now.differ} of ")
    assert now.differ / now.n == pytest.approx(1 - now.fidelity)


def test_an_undefined_metric_says_why_and_is_left_out_of_the_mean(app):
    snapshot = app.students.snapshot
    nan = replace(snapshot.metrics["bicycle"], precision=math.nan)
    broken = replace(snapshot, metrics={**snapshot.metrics, "bicycle": nan})
    one = _by_key(make_class_metrics("bicycle", broken, {}))["precision"]
    all_ = _by_key(make_mean_metrics(broken, {}))["precision"]
    others = [m.precision for name, m in snapshot.metrics.items() if name != "bicycle"]

    assert one["now"] == "–"
    assert _details(one)["Student"] == "– (the student names no image)"
    assert all_["now"] == f"{sum(others) / len(others):.3f}"
    assert _details(all_)["Left out, undefined"] == "1"


def test_the_mean_of_nothing_is_undefined(app):
    nan = replace(app.students.snapshot.metrics["bicycle"], ap=math.nan)

    assert math.isnan(mean("ap", {"bicycle": nan}))
    assert mean("recall", {"bicycle": nan}) == nan.recall


@pytest.mark.parametrize(
    ("looks", "short", "told"),
    [
        ({0: 0}, "", "None so far."),
        ({0: 0, 3: 1}, "1 look at holdout", "1 look so far, at #3."),
        ({2: 3, 0: 1}, "4 looks at holdout", "4 looks so far, at #0, #2."),
    ],
)
def test_looks_at_the_holdout_are_told(looks, short, told):
    made = make_looks(looks)

    assert made["short"] == short
    assert made["text"].endswith(told)


def test_student_names_the_node_and_offers_all_newest_first(tuned):
    nodes = tuned.tuning.nodes
    made = make_student(nodes, tuned.tuner.root(), [("Teacher", "it")])

    assert made["name"] == "#0"
    assert made["options"] == [[nodes[1].id, "#1 1 change"], [nodes[0].id, "#0 original"]]
    assert made["card"]["rows"][0] == ("Teacher", "it")


def test_choices_reach_the_state(tuned):
    view = ConfigurationView(tuned)
    root = tuned.tuning.nodes[0]
    assert view.data()["scope"] == "all"
    view.act({"action": "choose_class", "name": "sheep"})
    assert view.data()["scope"] == "class"
    tuned.theme = "dark"
    assert view._strip.theme == "dark"
    view.act({"action": "choose_student", "name": root.id})
    view.act({"action": "choose_dataset", "name": "Other"})

    assert tuned.selection.class_name == "sheep"
    assert tuned.students.node.id == root.id
    assert tuned.requested == "Other"
    assert view._strip.student["name"] == "#0"


def test_a_look_at_the_holdout_is_shown_and_counted(app):
    view = ConfigurationView(app)
    view.act({"action": "choose_split", "name": "holdout"})

    assert view._strip.data["split"] == "holdout"
    assert view._strip.data["looks"]["short"] == "1 look at holdout"
    assert all("On holdout." in m["card"]["text"] for m in view._strip.data["metrics"])
