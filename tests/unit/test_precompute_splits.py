"""Splits: lists, shares of a list, the rest; each image in one split only."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inficond_panel.errors import DataError
from inficond_panel.spec import Share
from precompute.datasets.dataset import assign, read_list


def share(name, part, seed=0, stratify=False):
    return Share(from_=name, share=part, seed=seed, stratify=stratify)


@pytest.mark.parametrize(("text", "fault"), [("\n \n", "empty"), ("1\n2\n1\n", "twice.* 1")])
def test_faulty_lists_are_told(tmp_path, text, fault):
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(DataError, match=fault):
        read_list(tmp_path / "a.txt")


@pytest.mark.parametrize(
    ("tune", "known", "fault"),
    [
        (["a", "c"], "abc", "in the split fit and in tune.* a"),
        (["c", "d"], "abc", "no labels.* d"),
    ],
)
def test_overlap_and_unknown_images_are_told(tune, known, fault):
    with pytest.raises(DataError, match=fault):
        assign({"fit": "x", "tune": "y"}, {"x": ["a", "b"], "y": tune}, known)


def test_a_stratified_share_of_a_list_with_unlabelled_images_is_told():
    references = {"fit": "train", "tune": share("test", 0.5, stratify=True), "holdout": "rest"}
    lists = {"train": ["a"], "test": ["b", "c"]}

    def positives(ids):
        return np.array([{"a": [True], "b": [True]}[image] for image in ids])

    with pytest.raises(DataError, match=r"1 images of the list test have no labels.* c"):
        assign(references, lists, ["a", "b"], positives)


def test_an_empty_split_is_told():
    with pytest.raises(DataError, match="tune has no image"):
        assign({"fit": share("x", 0.9), "tune": share("x", 0.01)}, {"x": ["a", "b"]}, "ab")


@pytest.mark.parametrize("seed", range(6))
def test_an_image_of_another_split_is_not_dropped_from_the_rest_in_silence(seed):
    with pytest.raises(DataError, match=r"1 images are in the split fit and in .*first are a"):
        assign(
            {"fit": "train", "tune": share("test", 0.5, seed), "holdout": "rest"},
            {"train": ["a"], "test": ["a", "b", "c", "d"]},
            "abcd",
        )


@given(st.integers(30, 90), st.integers(0, 4), st.integers(0, 3))
@settings(deadline=None, max_examples=25)
def test_stratified_shares_divide_the_list_too(count, seed, classes):
    ids = [f"a{i}" for i in range(count)]
    label = np.random.default_rng(seed).random((count, classes)) < 0.3
    row = {name: i for i, name in enumerate(ids)}
    split_of = assign(
        {
            "fit": share("all", 0.6, seed, True),
            "tune": share("all", 0.2, seed, True),
            "holdout": "rest",
        },
        {"all": ids},
        ids,
        lambda some: label[[row[name] for name in some]],
    )
    assert sorted(split_of) == sorted(ids)
    for split, part in (("fit", 0.6), ("tune", 0.2), ("holdout", 0.2)):
        rows = [row[name] for name, of in split_of.items() if of == split]
        assert rows == sorted(rows)
        assert abs(len(rows) - part * count) <= 2 + classes
        assert np.all(np.abs(label[rows].sum(0) - part * label.sum(0)) <= 2)
