"""Splits: lists, shares of a list also by class, the rest; each image in one split only."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inficond_panel.errors import DataError
from inficond_panel.spec import Share
from precompute.datasets.dataset import assign, iterative_stratification, read_list


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
        (["c", "d"], "abc", "No labels.* d"),
        ([], "ab", "tune has no image"),
    ],
)
def test_overlap_unknown_images_and_an_empty_split_are_told(tune, known, fault):
    with pytest.raises(DataError, match=fault):
        assign({"fit": "x", "tune": "y"}, {"x": ["a", "b"], "y": tune}, known)


def test_unlabelled_images_of_a_stratified_share_and_images_of_two_splits_are_told():
    references = {"fit": "train", "tune": share("test", 0.5, stratify=True), "holdout": "rest"}
    lists = {"train": ["a"], "test": ["b", "c"]}

    def positives(ids):
        return np.array([{"a": [True], "b": [True]}[image] for image in ids])

    with pytest.raises(DataError, match=r"No labels of 1 image of the list test.* c"):
        assign(references, lists, ["a", "b"], positives)
    lists = {"train": ["a"], "test": list("abcd")}
    for seed in range(6):  # it is not dropped from the rest in silence
        references["tune"] = share("test", 0.5, seed)
        with pytest.raises(DataError, match=r"1 image in the split fit and in .*first are a"):
            assign(references, lists, "abcd")


@given(st.integers(30, 90), st.integers(0, 4), st.integers(0, 3))
@settings(deadline=None, max_examples=25)
def test_stratified_shares_divide_the_list_too(count, seed, classes):
    ids = [f"a{i}" for i in range(count)]
    label = np.random.default_rng(seed).random((count, classes)) < 0.3
    row = {name: i for i, name in enumerate(ids)}
    parts = {"fit": share("all", 0.6, seed, True), "tune": share("all", 0.2, seed, True)}
    parts["holdout"] = "rest"
    split_of = assign(parts, {"all": ids}, ids, lambda some: label[[row[name] for name in some]])
    assert sorted(split_of) == sorted(ids)
    for split, part in (("fit", 0.6), ("tune", 0.2), ("holdout", 0.2)):
        rows = [row[name] for name, of in split_of.items() if of == split]
        assert rows == sorted(rows)
        assert abs(len(rows) - part * count) <= 2 + classes
        assert np.all(np.abs(label[rows].sum(0) - part * label.sum(0)) <= 2)


def test_the_rarest_class_is_dealt_out_first():
    positive = np.zeros((8, 2), dtype=bool)
    positive[:4, 0] = positive[3:5, 1] = True
    # Class 1 has two images, class 0 four. Each part lacks one of class 1: image 3 goes to either
    # part by a tie (here the first), image 4 to the other. Then each part lacks 2 - 1 and 2 of
    # class 0: image 0 to the second, 1 (1 and 1 lack; the second lacks 2 of 4, the first 3) ...
    part = iterative_stratification(positive, [0.5, 0.5], SimpleNamespace(integers=lambda n: 0))
    assert part[[3, 4, 0, 1]].tolist() == [0, 1, 1, 0]
    assert np.bincount(part).tolist() == [4, 4]
    assert [positive[part == p].sum(0).tolist() for p in (0, 1)] == [[2, 1], [2, 1]]


@pytest.mark.parametrize("seed", range(4))
def test_the_same_as_iterstrat(seed):
    """With the same order and the same draws at ties, parts are the same image by image."""
    reference = pytest.importorskip("iterstrat.ml_stratifiers").IterativeStratification
    positive = np.random.default_rng(seed).random((150, 6)) < [0.03, 0.1, 0.1, 0.3, 0.5, 0.02]
    shares = np.array([0.5, 0.25, 0.25])
    expected = reference(positive, shares, np.random.RandomState(seed))
    ties = SimpleNamespace(integers=np.random.RandomState(seed).choice)
    assert iterative_stratification(positive, shares, ties).tolist() == expected.tolist()
