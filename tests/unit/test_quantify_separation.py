"""Groups of images with several labels, their silhouette, and the t-SNE map."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inficond_panel.errors import DataError, MissingExtraError
from inficond_panel.quantify.outputs import (
    Groups,
    label_set_groups,
    sample,
    silhouette,
    single_label_groups,
    tsne,
)

LABEL = np.array(
    [[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 1, 0], [0, 0, 0],
     [0, 0, 0], [1, -1, 0]]
)  # fmt: skip
NAMES = ["cat", "dog", "owl"]


def test_images_with_one_label_are_grouped_by_it():
    found = single_label_groups(LABEL, NAMES)
    assert found.names == ("cat", "dog")  # one owl is too few
    np.testing.assert_array_equal(found.of, [0, 0, 1, 1, -1, -1, -1, -1, -1, -1])
    assert found.images == 4
    assert "one label" in found.rule
    assert single_label_groups(LABEL, NAMES, least=1).names == ("cat", "dog", "owl")


def test_sets_of_labels_are_groups_and_none_is_one():
    found = label_set_groups(LABEL, NAMES)
    assert set(found.names) == {"cat", "dog", "cat + dog", "none"}
    assert [found.names[g] if g >= 0 else "" for g in found.of] == [
        "cat", "cat", "dog", "dog", "", "cat + dog", "cat + dog", "none", "none", "",
    ]  # fmt: skip


def test_the_silhouette_by_hand():
    outputs = np.array([[0.0], [1.0], [4.0], [6.0], [9.0]])
    groups = Groups(np.array([0, 0, 1, 1, -1]), ("a", "b"), "given")
    # of the first: a = 1, b = (4 + 6) / 2; of the third: a = 2, b = (4 + 3) / 2; ...
    expected = [(5 - 1) / 5, (4 - 1) / 4, (3.5 - 2) / 3.5, (5.5 - 2) / 5.5, np.nan]
    np.testing.assert_allclose(silhouette(outputs, groups), expected)


@given(st.integers(0, 200))
def test_the_silhouette_is_the_definition(seed):
    rng = np.random.default_rng(seed)
    outputs, of = rng.normal(size=(12, 3)), np.repeat([0, 1, 2, -1], 3)
    found = silhouette(outputs, Groups(of, ("a", "b", "c"), "given"))
    distance = np.linalg.norm(outputs[:, None] - outputs, axis=2)
    for k in range(9):
        own = distance[k, (of == of[k]) & (np.arange(12) != k)].mean()
        other = min(distance[k, of == g].mean() for g in range(3) if g != of[k])
        assert found[k] == pytest.approx((other - own) / max(own, other))
    assert np.isnan(found[9:]).all()


def test_a_large_set_is_sampled_by_its_seed():
    of = np.repeat([0, 1], 50)
    groups = Groups(of, ("a", "b"), "given")
    some = sample(groups, 30, seed=1)
    assert some.images == 30
    assert "30 of 100" in some.rule
    np.testing.assert_array_equal(some.of, sample(groups, 30, seed=1).of)
    assert (some.of[some.of >= 0] == of[some.of >= 0]).all()
    assert sample(groups, 100) is groups


@pytest.mark.slow
def test_tsne_keeps_clusters_and_is_repeatable():
    rng = np.random.default_rng(0)
    of = np.repeat([0, 1, 2], 20)
    outputs = rng.normal(size=(60, 5)) + 20 * np.eye(3, 5)[of]
    places = tsne(outputs)
    assert places.shape == (60, 2)
    np.testing.assert_array_equal(places, tsne(outputs))
    assert np.nanmean(silhouette(places, Groups(of, ("a", "b", "c"), "given"))) > 0.6


def test_too_little_is_told():
    one = Groups(np.zeros(4, int), ("a",), "images with one label, by that label")
    with pytest.raises(DataError, match="two groups"):
        silhouette(np.zeros((4, 2)), one)
    with pytest.raises(DataError, match="too few"):
        tsne(np.zeros((4, 2)))


def test_without_scikit_learn_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.metrics", None)
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    groups = Groups(np.array([0, 0, 1, 1]), ("a", "b"), "given")
    for wanted in (lambda: silhouette(np.eye(4), groups), lambda: tsne(np.eye(6))):
        with pytest.raises(MissingExtraError) as told:
            wanted()
        assert "[sklearn]" in told.value.remedy
