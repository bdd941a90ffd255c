"""Columns of metadata with many numbers divide images into quarters."""

import numpy as np
import pandas as pd
import pytest

import inficond_panel
from inficond_panel.tuning.cells import group_texts

IMAGES = 400


def store_with(values, folder):
    """Students of a table with a column of metadata, ``place``."""
    rng, ids = np.random.default_rng(0), [f"{at:03d}" for at in range(IMAGES)]
    scores = rng.normal(size=(IMAGES, 3))
    label = (scores[:, 0] + rng.normal(size=IMAGES) > 0).astype(int)
    return inficond_panel.from_frames(
        pd.DataFrame(scores, ids, ["a", "b", "c"]),
        pd.DataFrame({"k": scores[:, 0]}, ids),
        pd.DataFrame({"k": label}, ids),
        metadata=pd.DataFrame({"place": values}, ids),
        split=pd.Series(["fit"] * 200 + ["tune"] * 200, ids),
        path=folder / "own.zarr",
    )


@pytest.fixture
def numbered(tmp_path):
    """Places from 1 to 100 in any order."""
    rng = np.random.default_rng(1)
    return store_with(rng.permutation(np.resize(np.arange(1, 101), IMAGES)).astype(str), tmp_path)


def test_they_are_the_quarters_of_pandas(numbered):
    store = numbered.tuner.store
    quarters = pd.qcut(pd.Series(store.column("place")).astype(float), 4, labels=False)
    found = [int(text.split()[1][0]) - 1 for text in group_texts(store, "place")]
    assert found == quarters.tolist()


def test_a_quarter_is_named_by_its_least_and_largest_number(numbered):
    found = sorted(set(group_texts(numbered.tuner.store, "place")))
    ends = ((1, 25), (26, 50), (51, 75), (76, 100))
    assert found == [f"quarter {at + 1}: {low} to {high}" for at, (low, high) in enumerate(ends)]


def test_metrics_by_it_have_four_groups(numbered):
    assert len(numbered.fit().groups("place")) == 4


def test_an_unknown_number_is_in_no_quarter(tmp_path):
    values = np.arange(IMAGES).astype(str)
    values[7] = ""
    texts = group_texts(store_with(values, tmp_path).tuner.store, "place")
    assert [at for at, text in enumerate(texts) if not text] == [7]


@pytest.mark.parametrize("values", [np.arange(IMAGES) % 12, np.arange(IMAGES) % 2])
def test_few_numbers_are_groups_each(tmp_path, values):
    texts = group_texts(store_with(values.astype(str), tmp_path).tuner.store, "place")
    assert [*texts] == [*values.astype(str)]


def test_words_among_the_numbers_are_groups_each(tmp_path):
    values = [f"{at}a" if at % 7 == 0 else str(at) for at in range(IMAGES)]
    assert [*group_texts(store_with(values, tmp_path).tuner.store, "place")] == values


def test_a_number_that_most_images_have_makes_fewer_quarters(tmp_path):
    values = np.where(np.arange(IMAGES) < 300, 0, np.arange(IMAGES)).astype(str)
    found = sorted(set(group_texts(store_with(values, tmp_path).tuner.store, "place")))
    assert found == ["quarter 1: 0", "quarter 4: 300 to 399"]
