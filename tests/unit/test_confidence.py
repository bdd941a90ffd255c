"""Intervals at the spec's level, or none: the same students and estimates."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from factory import small_spec
from sklearn.metrics import accuracy_score

from inficond_panel.distill.metrics.bootstrap import draw_counts
from inficond_panel.results.frame import interval_of
from inficond_panel.results.metrics import metrics
from inficond_panel.state import AppState
from inficond_panel.state.jobs import Jobs
from inficond_panel.tuning import Intent, open_tuner
from inficond_panel.views.detail.view import DetailView
from inficond_panel.views.knowledge.view import KnowledgeView
from inficond_panel.views.performance.view import PerformanceView
from inficond_panel.views.provenance.comparison import make_comparison
from inficond_panel.vocabulary.confidence import confidence_word, interval_word, tails

THUMB = Intent("bicycle", "wheel", "up")


def tuned(folder, extra=""):
    """Students of a small store with one thumb."""
    tuner = open_tuner(small_spec(folder, extra=extra), history=folder / "h.sqlite")
    node = tuner.fine_tune(tuner.root(), [THUMB])
    tuner.history.set_head(tuner.root_id, node.id, "fine-tune")
    return tuner


def test_words() -> None:
    words = {0.95: "95 %", 0.8: "80 %", 0.995: "99.5 %", 0.57: "57 %"}
    assert {level: confidence_word(level) for level in words} == words
    assert interval_word(0.9) == "90 % interval"
    assert tails(0.8) == pytest.approx((0.1, 0.9))


def test_a_lower_level_is_narrower_and_the_students_stay_what_they_are(tmp_path_factory) -> None:
    """The limits against scikit-learn on each draw."""
    levels = ("", "views: {confidence: 0.8}\n")
    wide, narrow = (tuned(tmp_path_factory.mktemp("level"), extra) for extra in levels)
    assert wide.head().id == narrow.head().id
    assert wide.head().weights_hash == narrow.head().weights_hash
    measured = ("ap", "accuracy", "brier")
    own = [metrics(t, t.head(), "tune", keys=measured).loc["bicycle"] for t in (wide, narrow)]
    for metric in measured:
        old, new = (interval_of(each, metric) for each in own)
        assert old.estimate == new.estimate
        assert old.low <= new.low <= new.high <= old.high
        assert new.high - new.low < old.high - old.low
    student = narrow.at(narrow.head(), "tune")["bicycle"]
    known = student.labels >= 0
    label, decided = student.labels[known], student.logits[known] > 0
    draws = draw_counts(len(label), 200, 0)
    values = [accuracy_score(label, decided, sample_weight=row) for row in draws]
    limits = np.percentile(values, [10, 90])
    assert own[1][["accuracy_low", "accuracy_high"]].tolist() == pytest.approx(limits)


#: ``[low, high]``, ``95 %``, and what is said of an interval.
LIMITS = re.compile(r"\[[+−-]?\d[\d.]*, |95 %|noise|interval")


def texts(told: Any) -> Iterator[str]:
    """All texts in nested data."""
    if isinstance(told, str):
        yield told
    elif isinstance(told, dict | list | tuple):
        for item in told.values() if isinstance(told, dict) else told:
            yield from texts(item)


def limits_in(told: Any) -> list[str]:
    return [text for text in texts(told) if LIMITS.search(text)]


@pytest.fixture(scope="module")
def apps(tmp_path_factory) -> dict[bool, AppState]:
    """With intervals and without, each tuned alike."""
    found = {}
    for shown in (True, False):
        extra = "" if shown else "views: {intervals: false}\n"
        tuner = tuned(tmp_path_factory.mktemp("shown"), extra)
        found[shown] = AppState(tuner, Jobs(inline=True))
        found[shown].selection.class_name = "bicycle"
    return found


def test_student_knowledge_tells_estimates_alone(apps) -> None:
    views = {shown: KnowledgeView(app) for shown, app in apps.items()}
    for shown, view in views.items():
        view.panels.param.update(measured=True, repairing=True, explained=True)
        view.thresholds.ask(None)
        apps[shown].tuning.toggle(Intent("bicycle", "sky", "down"))
        view.batch.show()
        parts = (view.table, view.bar, view.panels)
        found = limits_in([part.param.values() for part in parts])
        assert bool(found) is shown, found
        assert all(bool(effect["low"]) is shown for effect in view.table.effects.values())
    preview = {shown: view.bar.summary["preview"]["text"] for shown, view in views.items()}
    assert preview[True] == preview[False]
    effects = {shown: view.table.effects["wheel"]["change"] for shown, view in views.items()}
    assert effects[True] == effects[False]
    heads = {shown: view.panels.measures["heads"] for shown, view in views.items()}
    assert heads[False] == [head for head in heads[True] if head != "95 %"]


def test_charts_have_no_band(apps) -> None:
    for shown, app in apps.items():
        view = DetailView(app)
        app.selection.open_concept("wheel")
        assert bool(view.panel.bands) is shown
        assert bool(view.panel.confidence) is shown
        app.refit_what_if.solve("bicycle", "wheel")
        changes = next(iter(app.refit_what_if.changes.values()))
        assert math.isnan(changes["f1"].low) is not shown


def test_cards_and_a_comparison_tell_estimates_alone(apps) -> None:
    for shown, app in apps.items():
        tuner, view = app.tuner, PerformanceView(app)
        view._find_changes("bicycle")
        assert bool(limits_in(view.table.param.values())) is shown
        app.comparison.compare(tuner.root_id, app.students.node.id)
        assert bool(limits_in(make_comparison(app, "bicycle"))) is shown
