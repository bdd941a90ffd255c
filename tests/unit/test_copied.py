"""Concepts that have the scores of another one in a part of the images."""

import numpy as np
import pandas as pd
import pytest

from inficond_panel import from_frames
from inficond_panel.results.doctor.copied import COPIED, copied_concepts

SPLIT = ["fit"] * 400 + ["tune"] * 200


def students(copy=None, *, values=None, to="c5"):
    """Students of a table with a column ``site``; ``copy`` is a function of split and site that
    says in which rows column ``to`` has the scores of c2. ``values``: all scores are rounded to so
    many values."""
    rng, names = np.random.default_rng(3), [f"r{i}" for i in range(600)]
    scores = pd.DataFrame(rng.normal(size=(600, 8)), names).rename(columns="c{}".format)
    if values:
        scores = (scores > 0).astype(float)
    split = pd.Series(SPLIT, names)
    site = pd.Series(rng.choice(["north", "south"], 600), names)
    if copy:
        rows = copy(split, site)
        scores.loc[rows, to] = scores.loc[rows, "c2"]
    label = (scores["c0"] + rng.normal(0, 0.5, 600) > 0).astype(int)
    frames = (pd.DataFrame({"k": each}, names) for each in (4.0 * label - 2, label))
    metadata = pd.DataFrame({"site": site})
    return from_frames(scores, *frames, split=split, metadata=metadata, near_duplicates=False)


def told(*given, **named):
    return copied_concepts(students(*given, **named).tuner.store)


def test_a_column_of_another_one_in_a_split_is_told():
    found = told(lambda split, site: split == "tune")
    assert found == "In the 200 tuning images c2 and c5 have the same scores, and elsewhere not."


def test_a_column_of_another_one_in_a_group_of_a_split_is_told():
    found = told(lambda split, site: (split == "tune") & (site == "south"))
    assert "In “site: south” (" in found
    assert found.endswith(" tuning images) c2 and c5 have the same scores, and elsewhere not.")


def test_a_group_with_it_in_both_splits_is_told_for_both():
    found = told(lambda split, site: site == "south")
    assert [f"{which} images) c2 and c5" in found for which in ("tuning", "training")] == [True] * 2


@pytest.mark.parametrize("copy", [None, lambda split, site: split != ""], ids=["none", "all"])
def test_columns_that_are_equal_nowhere_or_everywhere_are_not_told(copy):
    assert told(copy) == ""


def test_columns_of_two_values_are_not_told():
    assert told(lambda split, site: (split == "tune") & (site == "south"), values=2) == ""


def test_the_doctor_says_so_first():
    found = students(lambda split, site: split == "tune").fit().doctor()["findings"]
    assert found["kind"].iloc[0] == COPIED
