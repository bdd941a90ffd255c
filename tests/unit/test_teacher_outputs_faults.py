"""Outputs of a teacher that two classes share, or most images."""

import numpy as np
import pandas as pd
import pytest

import inficond_panel
from inficond_panel.export.model_card import model_card
from inficond_panel.results.teacher_outputs import ONE_OUTPUT, SAME_OUTPUTS
from inficond_panel.state import AppState, Jobs
from inficond_panel.ui import upstream
from inficond_panel.views.start.view import StartView

pytestmark = pytest.mark.page

IDS = [f"{at:03d}.jpg" for at in range(600)]
SPLIT = pd.Series(np.repeat(["fit", "tune"], 300), IDS)
CLASSES = ["bus", "truck", "dog", "cat", "tree"]


@pytest.fixture(scope="module")
def students(tmp_path_factory):
    """The outputs of truck are those of bus; those of dog are cut off at 0. Those of cat are
    decisions alone. That of tree is the same everywhere."""
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(600, 5))
    label = (scores + rng.normal(size=scores.shape) > 1).astype(int)
    logit = 3 * scores - 3
    logit[:, 1] = logit[:, 0]
    logit[:, 2] = np.maximum(logit[:, 2], 0)
    logit[:, 3] = np.where(logit[:, 3] > 0, 1.0, -1.0)
    logit[:, 4] = -2
    return inficond_panel.from_frames(
        *(pd.DataFrame(each, IDS, CLASSES) for each in (scores, logit, label)),
        split=SPLIT,
        path=tmp_path_factory.mktemp("outputs") / "own.zarr",
    ).fit()


@pytest.fixture(scope="module")
def findings(students):
    return students.doctor()["findings"]


def test_a_column_that_was_copied_is_named_with_its_origin(findings):
    (told,) = findings[findings["kind"] == SAME_OUTPUTS].itertuples()
    assert (told.Index, "are those of bus on all" in told.finding) == ("truck", True)


def test_an_output_that_most_images_share_is_named_with_its_share(students, findings):
    outputs = students.tuner.store.teacher_logit[:, 2]
    kinds = findings["kind"] == ONE_OUTPUT.replace("images", "rows")
    (told,) = findings[kinds & (findings.index == "dog")].itertuples()
    expected = f"of dog is 0 on {100 * np.mean(outputs == 0):.0f} % of all"
    assert (told.Index, expected in told.finding) == ("dog", True)


def test_an_output_that_never_varies_is_named(findings):
    told = findings.loc["tree", "finding"]
    assert "The teacher's output of tree is −2 on all rows." in list(np.atleast_1d(told))


def test_the_start_page_says_so(students):
    upstream.apply()
    app = AppState(students.tuner, Jobs(inline=True))
    app.shifts.start()
    assert "outputs of truck are those of bus" in StartView(app).panel.faults[0]["fault"]


def test_the_card_has_all_of_them_by_class(students):
    faults = model_card(students.tuner, students.node)["faults"]
    of_outputs = [each["about"] for each in faults if "output" in each["kind"]]
    assert of_outputs == ["truck", "dog", "tree"]
