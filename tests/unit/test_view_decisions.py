"""Findings on decisions, on the start page and on the page of the class."""

import numpy as np
import pandas as pd
import pytest

import inficond_panel
from inficond_panel.state import AppState, Jobs
from inficond_panel.tuning import Intent
from inficond_panel.ui import upstream
from inficond_panel.views.knowledge.view import KnowledgeView
from inficond_panel.views.start.view import StartView

pytestmark = pytest.mark.page

IMAGES = 1500
IDS = [f"{i:04d}" for i in range(IMAGES)]
CLASSES = ["car", "bird", "ship"]


@pytest.fixture
def preferred(tmp_path):
    """A session on rows of one class each, of which the teacher prefers ship."""
    rng = np.random.default_rng(0)
    label = rng.integers(0, 3, IMAGES)
    scores = 3.0 * np.eye(3)[label] + rng.normal(size=(IMAGES, 3))
    logit = 2 * scores - 4 + np.array([0, 0, 6.0])
    split = pd.Series(np.repeat(["fit", "tune", "holdout"], [900, 500, 100]), IDS)
    students = inficond_panel.from_frames(
        *(pd.DataFrame(each, IDS, CLASSES) for each in (scores, logit, np.eye(3)[label])),
        split=split,
        path=tmp_path / "own.zarr",
        task="single_label",
    )
    upstream.apply()
    app = AppState(students.fit().tuner, Jobs(inline=True))
    app.shifts.start()
    return app


def test_a_class_that_is_called_too_often_has_a_card(preferred):
    view = StartView(preferred)
    told = {card["class_name"]: card["sentence"] for card in view.panel.cards}
    assert "of the tuning rows are called ship" in told["ship"]


def test_the_page_of_the_class_says_so(preferred):
    preferred.selection.class_name = "ship"
    view = KnowledgeView(preferred)
    assert "are called ship" in view.panels.finding["sentence"]


def test_the_page_of_another_class_does_not(preferred):
    preferred.selection.class_name = "car"
    view = KnowledgeView(preferred)
    assert "called" not in view.panels.finding["sentence"]


def test_the_refit_of_another_class_looks_at_the_decisions_again(preferred):
    """Where images have one class, all students decide together."""
    told = preferred.decided.by_class["ship"]
    preferred.tuning.toggle(Intent("car", "car", "up"))
    preferred.tuning.fine_tune()
    assert preferred.decided.by_class["ship"] != told
