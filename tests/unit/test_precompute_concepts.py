"""The corpus, the scores of concepts, and their projections."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from inficond_panel.errors import DataError
from precompute import concepts
from precompute.concepts import concept_scores, read_corpus
from precompute.project import project
from precompute.segments import unit


def test_corpus_keeps_the_order_and_passes_blank_lines_over(tmp_path):
    (tmp_path / "words.txt").write_bytes("\ufeffwheel\r\n\r\n  tv  monitor \ncafé".encode())
    assert read_corpus(tmp_path / "words.txt") == ["wheel", "tv monitor", "café"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("dog\ncat\nDog\ncat\n", "'Dog' on lines 1 and 3; 'cat' on lines 2 and 4"),
        (" \n\n", "is empty"),
    ],
)
def test_faulty_corpora_are_told(tmp_path, text, fault):
    (tmp_path / "words.txt").write_text(text)
    with pytest.raises(DataError, match=fault):
        read_corpus(tmp_path / "words.txt")


def test_a_missing_corpus_is_told(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_corpus(tmp_path / "words.txt")


@given(st.integers(0, 10_000), st.lists(st.integers(1, 5), min_size=1, max_size=9))
def test_scores_equal_a_naive_loop(seed, counts):
    rng = np.random.default_rng(seed)
    text = unit(rng.normal(size=(4, 6)).astype(np.float32))
    image = np.repeat(np.arange(len(counts)), counts)
    embedding = unit(rng.normal(size=(len(image), 6))).astype(np.float16)
    score, best, cosine = concept_scores(embedding, image, text)
    expected = np.zeros((len(counts), 4))
    for s, i in enumerate(image):
        cosines = [float(np.dot(embedding[s].astype(float), t.astype(float))) for t in text]
        assert cosines[best[s]] == pytest.approx(max(cosines), abs=1e-6)
        assert cosine[s] == pytest.approx(max(cosines), abs=1e-6)
        expected[i] = np.maximum(expected[i], cosines)
    np.testing.assert_allclose(score, expected, atol=1e-6)


def test_scoring_in_parts_is_scoring_at_once(monkeypatch):
    rng = np.random.default_rng(0)
    text, image = unit(rng.normal(size=(3, 5))), np.repeat(np.arange(20), rng.integers(1, 4, 20))
    embedding = unit(rng.normal(size=(len(image), 5)))
    whole = concept_scores(embedding, image, text)
    monkeypatch.setattr(concepts, "_SEGMENTS_AT_A_TIME", 3)
    for one, other in zip(whole, concept_scores(embedding, image, text), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_pca_is_that_of_scikit_learn_and_tsne_keeps_neighbours():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.eye(3, 16), 12, axis=0) + 0.05 * rng.normal(size=(36, 16))
    points = project(groups, ["pca", "tsne"], seed=0)
    assert points.shape == (2, 36, 2)
    assert points.dtype == np.float32
    np.testing.assert_allclose(points[0], PCA(2).fit_transform(groups), atol=1e-5)
    away = np.linalg.norm(points[1][:, None] - points[1][None], axis=-1)
    np.fill_diagonal(away, np.inf)
    assert (away.argmin(1) // 12 == np.arange(36) // 12).all()
    np.testing.assert_array_equal(points, project(groups, ["pca", "tsne"], seed=0))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_few_concepts_have_places_too(count):
    values = unit(np.random.default_rng(count).normal(size=(count, 8)))
    assert np.isfinite(project(values, ["pca", "tsne"], seed=0)).all()
