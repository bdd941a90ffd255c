"""Groups of images whose labels say another thing than the teacher's outputs do elsewhere."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import inficond_panel
from inficond_panel.export.model_card import model_card
from inficond_panel.results.doctor.labelled_otherwise import LABELLED_OTHERWISE, labelled_otherwise
from inficond_panel.state import AppState, Jobs
from inficond_panel.ui import upstream

pytestmark = pytest.mark.page

IMAGES, FIT = 1800, 1200
SPLIT = np.where(np.arange(IMAGES) < FIT, "fit", "tune")
FOUR, TWO = ("north", "south", "east", "west"), ("east", "west")


def students_of(
    folder,
    *,
    missing=0.0,
    added=0.0,
    seed=0,
    column="site",
    sites=FOUR,
    everywhere=False,
    few=False,
    unknown=0.0,
):
    """Three classes and a column of ``sites``, or of places from 1 to 100. In the last site, or the
    last quarter of places, labels of bird on fit, or ``everywhere``, are ``missing``, or ``added``
    to images without (shares). The teacher is right but for noise. ``few``: birds are rare.
    ``unknown`` is the share of tuning labels of bird that are not known."""
    rng, ids = np.random.default_rng(seed), [f"{at:04d}" for at in range(IMAGES)]
    risk = rng.normal(size=(IMAGES, 3)) - (3.2 if few else 1.0)
    label = (rng.random(risk.shape) < 1 / (1 + np.exp(-2 * risk))).astype(int)
    place = rng.integers(1, 101, IMAGES)
    site = np.array(sites)[place % len(sites)]
    group = site == "west" if column == "site" else place > 75
    group &= everywhere | (SPLIT == "fit")
    drawn = rng.random(IMAGES)
    label[group & (label[:, 0] == 1) & (drawn < missing), 0] = 0
    label[group & (label[:, 0] == 0) & (drawn < added), 0] = 1
    given = label.astype(float)
    given[(SPLIT == "tune") & (rng.random(IMAGES) < unknown), 0] = np.nan
    return inficond_panel.from_frames(
        pd.DataFrame(risk + rng.normal(size=risk.shape), ids, ["a", "b", "c"]),
        pd.DataFrame(2 * risk + rng.normal(size=risk.shape), ids, ["bird", "dog", "car"]),
        pd.DataFrame(given, ids, ["bird", "dog", "car"]),
        split=pd.Series(SPLIT, ids),
        metadata=pd.DataFrame({column: site if column == "site" else place.astype(str)}, ids),
        path=folder / "own.zarr",
    )


@pytest.fixture(scope="module")
def missing(tmp_path_factory):
    return students_of(tmp_path_factory.mktemp("missing"), missing=0.8)


def test_a_site_where_labels_are_missing_is_named(missing):
    found = labelled_otherwise(missing.tuner.store)
    assert [*found] == ["bird"]
    assert found["bird"].startswith("In “site: west” (")
    assert "labels of bird are missing there, or the teacher is wrong there." in found["bird"]


def test_the_expected_number_is_that_of_a_logistic_regression_of_the_others(missing):
    store = missing.tuner.store
    rows = store.rows("fit")
    west = np.array(store.column("site"))[rows] == "west"
    logit, label = store.teacher_logit[rows, 0][:, None], store.label[rows, 0]
    model = LogisticRegression(C=np.inf).fit(logit[~west], label[~west])
    expected = model.predict_proba(logit[west])[:, 1].sum()
    told = labelled_otherwise(store)["bird"]
    assert f"{label[west].sum()} are labelled bird, and about {expected:.0f} would be" in told


def test_a_site_where_labels_were_added_is_named(tmp_path):
    told = labelled_otherwise(students_of(tmp_path, added=0.5).tuner.store)["bird"]
    assert told.startswith("In “site: west”")
    assert "labels of bird are wrong there, or the teacher misses it there." in told


def test_the_end_of_a_long_day_is_named_by_a_column_of_numbers(tmp_path):
    told = labelled_otherwise(students_of(tmp_path, missing=0.8, column="place").tuner.store)
    assert told["bird"].startswith("In “place: quarter 4: 7")


@pytest.mark.parametrize("seed", range(6))
def test_of_two_sites_the_other_split_says_which(tmp_path, seed):
    """Labels that are missing in one make the other one look as if it had too many."""
    told = labelled_otherwise(students_of(tmp_path, missing=0.7, sites=TWO, seed=seed).tuner.store)[
        "bird"
    ]
    assert told.startswith("In “site: west”")
    assert "east" not in told


def test_of_two_sites_both_are_told_where_no_split_says_which(tmp_path):
    made = students_of(tmp_path, missing=0.7, sites=TWO, everywhere=True)
    told = labelled_otherwise(made.tuner.store)["bird"]
    assert " makes it look so." in told
    assert "“site: west”" in told
    assert "“site: east”" in told


@pytest.mark.parametrize(("unknown", "told"), [(0.0, True), (0.5, False)])
def test_labels_that_are_missing_in_all_training_images_are_told(tmp_path, unknown, told):
    """Unless the tuning labels may be chosen, since many are not known."""
    made = students_of(tmp_path, missing=0.8, sites=("west",), unknown=unknown)
    found = labelled_otherwise(made.tuner.store).get("bird", "")
    assert (" of the 1,200 training images are labelled bird, and about " in found) == told
    assert ("missing in training images, or wrongly there in tuning images" in found) == told


@pytest.mark.parametrize("seed", range(6))
def test_honest_labels_have_no_such_group(tmp_path, seed):
    assert labelled_otherwise(students_of(tmp_path, seed=seed).tuner.store) == {}


def test_a_few_missing_labels_of_a_rare_class_are_not_enough(tmp_path):
    assert labelled_otherwise(students_of(tmp_path, missing=1.0, few=True).tuner.store) == {}


def test_the_doctor_says_so(missing):
    findings = missing.fit().doctor()["findings"]
    assert [*findings[findings["kind"] == LABELLED_OTHERWISE].index] == ["bird"]


def test_the_card_says_so(missing):
    students = missing.fit()
    faults = model_card(students.tuner, students.node)["faults"]
    assert [each["about"] for each in faults if each["kind"] == LABELLED_OTHERWISE] == ["bird"]


def test_the_page_says_so(missing):
    upstream.apply()
    app = AppState(missing.fit().tuner, Jobs(inline=True))
    app.shifts.start()
    app.selection.class_name = "bird"
    assert LABELLED_OTHERWISE in [each.kind for each in app.decided.by_class["bird"]]
