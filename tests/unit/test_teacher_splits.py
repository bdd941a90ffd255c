"""A teacher that is better on tuning images than on training images."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

import inficond_panel
from inficond_panel.results.shift import student_contradicted
from inficond_panel.results.teacher_splits import BETTER_ON_TUNE, better_on_tune, without_error_note
from inficond_panel.state import AppState, Jobs
from inficond_panel.tuning.shift_kinds import Differences
from inficond_panel.ui import upstream
from inficond_panel.views.start.view import StartView
from inficond_panel.vocabulary.shift_kinds import NOISE

pytestmark = pytest.mark.page

IMAGES = 1000
IDS = [f"{at:04d}" for at in range(IMAGES)]
FIT = np.arange(IMAGES) < 600
SPLIT = pd.Series(np.where(FIT, "fit", "tune"), IDS)
EXPORT = np.where(np.arange(IMAGES) % 2, "v1", "v2")


def students_of(path, *, change="", rare=1.0):
    """Students of bench and car. ``change``: the outputs of half of the training images are those
    of others (``order``), bench's tuning labels are the teacher's own (``own``), or it knows
    all labels of bench (``label``). Of the tuning images without bench only a share are left
    (``rare``)."""
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(IMAGES, 6))
    truth = scores[:, :2] + scores[:, 2:4]
    label = (truth + rng.normal(size=truth.shape) > 2).astype(float)
    logit = 2 * truth + rng.normal(size=truth.shape) - 3
    if change == "order":
        at = np.flatnonzero(FIT & (EXPORT == "v1"))
        logit[at] = logit[rng.permutation(at)]
    if change == "own":
        label[~FIT, 0] = logit[~FIT, 0] > 1
    if change == "label":
        logit[:, 0] = 6 * label[:, 0] - 3 + rng.random(IMAGES)
    left = FIT | (label[:, 0] == 1) | (rng.random(IMAGES) < rare)
    tables = [pd.DataFrame(each, IDS, ["bench", "car"])[left] for each in (logit, label)]
    return inficond_panel.from_frames(
        pd.DataFrame(scores, IDS, [f"c{at}" for at in range(6)])[left],
        *tables,
        split=SPLIT[left],
        metadata=pd.DataFrame({"export": EXPORT}, IDS)[left],
        path=path / "own.zarr",
    ).fit()


@pytest.fixture(scope="module")
def disordered(tmp_path_factory):
    return students_of(tmp_path_factory.mktemp("order"), change="order")


def test_a_teacher_without_an_error_is_asked_about(tmp_path):
    students = students_of(tmp_path, change="label")
    notes = students.doctor()["findings"].attrs["notes"]
    told = "The teacher ranks training and tuning rows of bench without an error. "
    assert any(note.startswith(told) for note in notes)


def test_a_teacher_with_errors_is_not(own_labels):
    classes = own_labels.tuner.store.classes
    assert without_error_note(own_labels.tuner, own_labels.node, classes) == ""


@pytest.fixture(scope="module")
def own_labels(tmp_path_factory):
    return students_of(tmp_path_factory.mktemp("own"), change="own")


def test_the_finding_has_the_aps_of_both_splits(own_labels):
    findings = own_labels.doctor()["findings"]
    told = findings[findings["kind"] == BETTER_ON_TUNE.replace("images", "rows")]["finding"]
    store = own_labels.tuner.store
    aps = [
        average_precision_score(store.label[rows, 0], store.teacher_logit[rows, 0])
        for rows in (store.rows("fit"), store.rows("tune"))
    ]
    assert list(told.index) == ["bench"]
    assert told.iloc[0].startswith(f"The teacher's AP of bench is {aps[0]:.2f} [")
    assert f"and {aps[1]:.2f} [" in told.iloc[0]


def test_labels_that_such_a_teacher_contradicts_may_be_right(disordered):
    assert student_contradicted(disordered.tuner, disordered.node, "bench").harder


def test_the_group_whose_outputs_are_the_reason_is_named(disordered):
    assert "on those of “export: v1”" in better_on_tune(disordered.tuner, "bench")


@pytest.mark.parametrize("rare", [1.0, 0.2])
def test_a_teacher_alike_on_both_has_no_finding_also_where_the_class_is_more_frequent(
    tmp_path, rare
):
    assert better_on_tune(students_of(tmp_path, rare=rare).tuner, "bench") == ""


@pytest.fixture
def start(own_labels):
    upstream.apply()
    app = AppState(own_labels.tuner, Jobs(inline=True))
    app.shifts.start()
    return StartView(app)


def test_the_start_page_has_a_card(start):
    told = {card["class_name"]: card["sentence"] for card in start.panel.cards}
    assert told["bench"].startswith("The teacher's AP of bench is ")


@pytest.mark.parametrize(("name", "sure"), [("bench", False), ("car", True)])
def test_wrong_training_labels_of_such_a_class_are_not_certain(start, name, sure):
    found = Differences(name, (50, 50), (200, 200), (NOISE,), (), 0.0)
    assert start._whose(found) == ("Training", sure)
