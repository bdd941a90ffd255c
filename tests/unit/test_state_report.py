"""Reports of the state on a refit, on a group, on one image, and on the refit what-if."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from factory import twins_spec

from inficond_panel.results.local_explanation import take_apart
from inficond_panel.results.refit_report import explain
from inficond_panel.state import AppState, Jobs
from inficond_panel.tuning import Intent, open_tuner


@pytest.fixture
def twins(tmp_path: Path) -> AppState:
    return AppState(open_tuner(twins_spec(tmp_path)), Jobs(inline=True))


def tune(app: AppState, class_name: str, concept: str, direction: str) -> None:
    app.tuning.toggle(Intent(class_name, concept, direction))
    app.tuning.fine_tune()


# --- the refit behind a student ----------------------------------------------------------------


def test_a_report_is_made_once_and_is_the_engines(app: AppState) -> None:
    tune(app, "bicycle", "wheel", "down")
    refit = app.students.refit_of("bicycle")
    assert app.students.known_report(refit) is None
    report = app.students.report(refit, lambda: False)
    assert app.students.known_report(refit) is report
    assert app.students.report(refit, lambda: True) is report
    expected = explain(app.tuner, refit).of("bicycle")
    assert report.of("bicycle").bounds == expected.bounds
    assert {churn.split for churn in report.of("bicycle").churn} == {"fit", "tune"}


# --- groups and notices --------------------------------------------------------------------------


def test_a_group_holds_the_collinear_concepts_nearest_first(twins: AppState) -> None:
    group = twins.students.group("bicycle", "wheel")
    assert group.members[0].concept == "wheel"
    assert set(group.twins) == {"wheel", "spoke", "wheel 2"}
    near = [member.correlation for member in group.members]
    assert near == sorted(near, reverse=True)
    store = twins.store
    correlation = np.corrcoef(store.concept_score[store.rows("fit")].T) - np.eye(30)
    alone = store.concepts[int(np.argmin(correlation.max(axis=1)))]
    assert twins.students.group("bicycle", alone) is None


def test_rules_that_decide_are_told_before_the_refit_and_after(app: AppState) -> None:
    tune(app, "bicycle", "wheel", "remove")
    assert app.tuning.notices() == []
    app.tuning.toggle(Intent("bicycle", "wheel", "up"))
    told = app.tuning.notices()
    assert any("is replaced by" in notice for notice in told)
    assert any("weight 0" in notice for notice in told)
    app.tuning.fine_tune()
    assert app.tuning.notices() == told
    app.tuning.undo()
    assert app.tuning.notices() == []


# --- one image ---------------------------------------------------------


@pytest.mark.parametrize("class_name", ["bicycle", "sheep"])
def test_the_parts_of_a_prediction_add_up_to_the_logit(app: AppState, class_name: str) -> None:
    k = app.store.classes.index(class_name)
    for row in app.dataset.rows[:10].tolist():
        apart = take_apart(app.students.student(class_name), row)
        assert sum(part.logit for part in apart.parts) + apart.intercept == pytest.approx(
            apart.logit, abs=1e-5
        )
        assert [abs(p.logit) for p in apart.parts] == sorted(
            (abs(p.logit) for p in apart.parts), reverse=True
        )
        assert apart.teacher == app.store.teacher_logit[row, k]
        assert apart.label == app.store.label[row, k]


def test_the_smallest_edit_flips_the_image_and_no_smaller_one_does(app: AppState) -> None:
    k = app.store.classes.index("bicycle")
    scores, weights = app.store.concept_score, app.students.node.weights[:, k]
    logits = app.tuner.logits(app.students.node)[:, k]
    rows = app.dataset.rows
    for row in rows[:20].tolist():
        edit = take_apart(app.students.student("bicycle"), row).edit
        c = app.store.concepts.index(edit.concept)
        decided = logits > 0
        beyond = logits + scores[:, c] * edit.change * (1 + 1e-6)
        assert (beyond[row] > 0) == edit.present != decided[row]
        others = rows[rows != row]
        assert edit.others == np.count_nonzero((beyond > 0)[others] != decided[others])
        before = logits[row] + scores[row] * edit.change * (1 - 1e-6)  # on any concept, less
        assert ((before > 0) == decided[row]).all()
        assert edit.before == weights[c]


def test_the_edit_among_concepts_with_influence_is_on_one_of_them(app: AppState) -> None:
    for row in app.dataset.rows[:20].tolist():
        apart = take_apart(app.students.student("bicycle"), row)
        assert apart.used.before != 0
        assert abs(apart.used.change) >= abs(apart.edit.change)
