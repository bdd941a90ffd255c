"""``suggest`` by the worst group: what is compared, proposed, stated and refused."""

import numpy as np
import pandas as pd
import pytest
from grouped import CLASS, COLUMN, grouped_frames

from inficond_panel import from_frames
from inficond_panel.errors import DataError, TuningError
from inficond_panel.tuning.suggest import carry_out, suggest
from inficond_panel.tuning.suggest.baselines import BALANCED_LABELS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def students(tmp_path_factory):
    path = tmp_path_factory.mktemp("aim") / "own.zarr"
    return from_frames(**grouped_frames(), path=path).with_settings(lambda_=1e-3).fit()


@pytest.fixture(scope="module")
def levers(students):
    return students.compare_repairs(aim="worst-group", by=COLUMN)


@pytest.fixture(scope="module")
def suggestion(students):
    return suggest(students.tuner, aim="worst-group", by=COLUMN)


def worst(students, node, by=COLUMN, split="holdout"):
    """Worst group of a node's students at equal numbers, counted by hand."""
    tuner, rows = students.tuner, students.tuner.store.rows(split)
    logit, label = tuner.logits(node, rows)[:, 0], tuner.store.label[rows, 0] == 1
    called = np.zeros(len(rows), dtype=bool)
    called[np.argsort(-logit)[: label.sum()]] = True
    group, right = np.array(tuner.store.column(by))[rows], called == label
    cells = [(label == side) & (group == name) for side in (0, 1) for name in set(group)]
    return min(right[cell].mean() for cell in cells)


def test_a_proposal_reweights_the_groups(suggestion):
    assert "groups" in [edit.kind.key for edit in suggestion.intents]


def test_the_worst_group_gains_on_images_that_chose_nothing(students, suggestion):
    node = carry_out(students.tuner, suggestion)
    assert worst(students, node) > worst(students, students.tuner.root()) + 0.1


def test_the_first_lever_has_the_worst_group_of_the_student(students, levers):
    expected = worst(students, students.tuner.root(), split="tune")
    assert levers.loc[(CLASS, "as it is"), "worst"] == pytest.approx(expected)


def test_each_lever_states_what_it_changes_in_ap(levers):
    lever = levers.loc[CLASS].drop("as it is")
    change = lever["ap"] - levers.loc[(CLASS, "as it is"), "ap"]
    np.testing.assert_allclose(change, lever["ap_change"], atol=1e-12)


def test_the_change_of_ap_has_limits(levers):
    row = levers.loc[(CLASS, "reweight groups")]
    assert row["ap_change_low"] <= row["ap_change"] <= row["ap_change_high"]


def test_dfr_is_beside_as_a_baseline(levers):
    assert levers.loc[(CLASS, BALANCED_LABELS), "needs"] == "no edit: ranks images"


def test_groups_by_chance_get_no_repair_of_the_true_groups(students):
    found = suggest(students.tuner, aim="worst-group", by="coin")
    node = carry_out(students.tuner, found) or students.tuner.root()
    before = worst(students, students.tuner.root())
    assert abs(worst(students, node) - before) < 0.1


def test_a_concept_that_divides_images_may_be_removed(students):
    levers = students.compare_repairs(aim="worst-group", by="lake")
    assert "✕ lake" in levers.loc[CLASS].index


def test_the_same_seed_gives_the_same_suggestion(students, suggestion):
    again = suggest(students.tuner, aim="worst-group", by=COLUMN)
    assert again.intents == suggestion.intents


def test_the_gain_is_stated_in_the_accuracy_of_the_worst_group(levers):
    assert "in the accuracy of the worst group" in " ".join(levers.attrs["notes"])


def test_the_facts_name_the_aim(levers):
    assert levers.attrs["facts"]["aim"] == "worst-group"


def test_the_usual_aim_is_ap(students):
    assert "worst" not in students.compare_repairs().columns


REFUSED = {
    ("worst-group", ""): "The aim is worst-group, without groups",
    ("mean-ap", COLUMN): "The aim is mean-ap, by 'place'",
    ("worst", COLUMN): "Did you mean 'worst-group'",
    ("worst-group", "one"): "All images of fit and tune are of one group",
}


@pytest.mark.parametrize(("aim", "by"), REFUSED)
def test_it_is_refused(students, aim, by):
    with pytest.raises(TuningError, match=REFUSED[aim, by]):
        students.suggest(aim=aim, by=by)


def test_an_unknown_name_is_refused_with_the_nearest(students):
    with pytest.raises(DataError, match="Did you mean 'place'"):
        students.suggest(aim="worst-group", by="plaice")


@pytest.mark.parametrize("by", ["rare", CLASS])
def test_a_class_with_a_small_cell_is_left_out(students, by):
    found = students.suggest(aim="worst-group", by=by)
    assert "too few images of fit by label and group" in found.skipped[CLASS]


def test_the_summary_says_that_a_group_is_too_small_and_not_that_labels_are_missing(students):
    told = str(students.suggest(aim="worst-group", by="rare"))
    assert told.startswith(
        f"Nothing is proposed: {CLASS} has too few rows of fit by label and group: "
    )
    assert "divide the rows by something other than rare" in told
    assert "labelled as showing it" not in told


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """Levers of students of 100 tuning images, of which 5 to 9 are birds on land."""
    given = grouped_frames(500, together=0.75)
    tune, place = given["split"] == "tune", given["metadata"][COLUMN]
    assert 5 <= (tune & (place == "land") & (given["labels"][CLASS] == 1)).sum() < 10
    path = tmp_path_factory.mktemp("few") / "own.zarr"
    students = from_frames(**given, path=path).with_settings(lambda_=1e-3).fit()
    return students.compare_repairs(aim="worst-group", by=COLUMN)


def test_gains_in_a_worst_group_of_few_images_have_no_limits(few):
    gains = few.loc[CLASS].drop("as it is")
    assert gains["gain"].notna().all()
    assert gains[["gain_low", "gain_high"]].isna().all(axis=None)


def test_a_note_names_the_group_of_few_images(few):
    assert "undefined, since too few tuning images are in " in " ".join(few.attrs["notes"])


def test_each_gain_lies_in_its_interval(levers):
    gains = levers.loc[CLASS].drop("as it is")
    inside = gains["gain"].between(gains["gain_low"], gains["gain_high"])
    assert (inside | gains["gain_low"].isna()).all()


def test_without_labels_of_tune_a_class_is_left_out(tmp_path):
    given = grouped_frames(300)
    given["labels"] = given["labels"].where(given["split"] != "tune")
    students = from_frames(**given, path=tmp_path / "own.zarr").fit()
    found = students.suggest(aim="worst-group", by=COLUMN)
    assert "0 positive and 0 negative images" in found.skipped[CLASS]
    assert "labelled as showing it" in found.summary


def test_a_student_that_ranks_by_chance_is_not_proposed(tmp_path):
    """In images of one device, the only column that tells the class never shows it, so the student
    never calls them; without the column its calls are as good as at random, in both groups."""
    rng, names = np.random.default_rng(0), [f"r{i}" for i in range(1600)]
    label, blurred = (rng.random(1600) < 0.09).astype(int), rng.random(1600) < 0.25
    scores = pd.DataFrame(rng.normal(size=(1600, 12)), index=names).rename(columns="c{}".format)
    scores["c0"] += np.where(blurred, -3.0, 1.6 * label)
    logit = 2.5 * scores["c0"] - 4 + rng.normal(0, 0.5, 1600)
    students = from_frames(
        scores,
        *(pd.DataFrame({"truck": each}, index=names) for each in (logit, label)),
        split=pd.Series(["fit"] * 1200 + ["tune"] * 400, index=names),
        metadata=pd.DataFrame({"device": np.where(blurred, "dashcam", "phone")}, index=names),
        path=tmp_path / "own.zarr",
    ).fit()
    assert suggest(students.tuner, aim="worst-group", by="device").intents == ()
