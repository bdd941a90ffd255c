"""The corpus, its text vectors, and the projections of concepts and segments."""

import sys

import numpy as np
import pytest
from sklearn.decomposition import PCA

from inficond_panel.concepts.texts import embed_concepts, twins
from inficond_panel.errors import DataError, MissingExtraError
from precompute.concepts import umap_projection as project_module
from precompute.concepts.corpus import read_corpus, twin_warnings, zero_warnings
from precompute.concepts.umap_projection import project, project_segments


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def read(folder, text, note=lambda _: None):
    (folder / "words.txt").write_text(text)
    return read_corpus(folder / "words.txt", note)


def test_corpus_keeps_the_order_and_passes_blank_lines_over(tmp_path):
    (tmp_path / "words.txt").write_bytes("\ufeffwheel\r\n\r\n  tv  monitor \ncafé".encode())
    assert list(read_corpus(tmp_path / "words.txt")) == ["wheel", "tv monitor", "café"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("dog\ncat\nDog\ncat\n", "'Dog' listed twice, on lines 1 and 3; 'cat' .* 2 and 4"),
        ("tv  monitor\n# a\nTV monitor\n", "'TV monitor' listed twice, on lines 1 and 3"),
        (" \n\n# nothing but this\n", "is empty"),
        ("dog\ncat,, puss\n,cow", "line 2: a text .* is empty; line 3: a text .* is empty"),
        ("dog, hound, Dog", "line 1: 'dog' is listed twice"),
    ],
)
def test_faulty_corpora_are_told(tmp_path, text, fault):
    with pytest.raises(DataError, match=fault):
        read(tmp_path, text)


def test_empty_lines_and_shared_synonyms_are_noted(tmp_path):
    notes = []
    read(tmp_path, "car, auto\n\nvan, Auto\n \nauto mobile\n", notes.append)
    assert len(notes) == 2
    assert notes[0].endswith("has empty lines: 2, 4")
    assert "'Auto' stands for two concepts, on lines 1 and 3" in notes[1]


class Letters:
    """A text's vector counts its letters, made unit."""

    def embed_text(self, texts):
        counts = [[text.count(chr(97 + i)) for i in range(26)] for text in texts]
        return unit(np.array(counts, dtype=np.float32))


def test_a_text_vector_is_the_normalised_mean_over_synonyms_and_prompts():
    concepts, prompts = [("bus", "motor coach"), ("cab",)], ["a {}", "photo of {}"]
    found = embed_concepts(Letters(), concepts, prompts)
    for row, texts in zip(found, concepts, strict=True):
        each = Letters().embed_text([p.replace("{}", t) for t in texts for p in prompts])
        np.testing.assert_allclose(row, unit(each.mean(0)), atol=1e-6)


def test_twins_are_told_nearest_first():
    text = unit(np.array([[1, 0, 0], [1, 0.1, 0], [0, 1, 0], [0, 1, 0.01], [0, 0, 1.0]]))
    pairs = twins(text, ["a", "b", "c", "d", "e"])
    assert [pair[:2] for pair in pairs] == [("c", "d"), ("a", "b")]
    assert pairs[1][2] == pytest.approx(1 / np.hypot(1, 0.1))
    (warning,) = twin_warnings(text, ["a", "b", "c", "d", "e"])
    assert warning.endswith("c = d (1.000), a = b (0.995)")
    assert twin_warnings(np.eye(3), ["a", "b", "c"]) == []
    many = twin_warnings(np.ones((8, 1)), list("abcdefgh"))[0]
    assert many.endswith("and 18 more")


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


def test_scores_that_are_mostly_clipped_are_told():
    assert zero_warnings(np.array([[0.1, 0.2], [0.0, 0.3]])) == []
    (warning,) = zero_warnings(np.array([[0.1, 0], [0.0, 0.3]]))
    assert warning.startswith("50% of the concept scores are 0")


@pytest.mark.slow
def test_umap_keeps_neighbours_and_is_the_same_again():
    pytest.importorskip("umap")
    rng = np.random.default_rng(0)
    groups = unit(np.repeat(np.eye(3, 16), 20, axis=0) + 0.05 * rng.normal(size=(60, 16)))
    (points,) = project(groups, ["umap"], seed=0)
    away = np.linalg.norm(points[:, None] - points[None], axis=-1)
    np.fill_diagonal(away, np.inf)
    assert (away.argmin(1) // 20 == np.arange(60) // 20).all()
    np.testing.assert_array_equal(points, project(groups, ["umap"], seed=0)[0])
    for count in (1, 3, 4, 5):
        assert np.isfinite(project(groups[:: 60 // count][:count], ["umap"], seed=0)).all()


def test_umap_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(MissingExtraError, match=r"\[umap\]"):
        project(np.eye(6), ["pca", "umap"], seed=0)


@pytest.fixture
def map_of_words():
    """Texts, their maps, and segments: some equal to a text, some anywhere."""
    rng = np.random.default_rng(2)
    text = unit(rng.normal(size=(12, 8))).astype(np.float32)
    segments = unit(rng.normal(size=(50, 8))).astype(np.float16)
    segments[:12] = text
    return text, project(text, ["pca", "tsne"], seed=0), segments


def test_segments_lie_along_the_axes_of_a_pca(map_of_words):
    text, maps, segments = map_of_words
    placed = project_segments(segments, text, maps, ["pca", "tsne"], 1000, 0)
    assert (placed.shape, placed.dtype) == ((2, 50, 2), np.float32)
    pca = PCA(2, svd_solver="full").fit(text)
    along = segments.astype(float) @ pca.components_.T
    along *= np.sign((pca.transform(text) * maps[0]).sum(0))
    np.testing.assert_allclose(
        placed[0], (along - along.mean(0)) / along.std(0) * maps[0].std(0), atol=1e-4
    )
    np.testing.assert_allclose(placed[0].mean(0), maps[0].mean(0), atol=1e-5)


def test_on_other_maps_segments_lie_at_the_concepts_that_they_are_like(map_of_words):
    text, maps, segments = map_of_words
    placed = project_segments(segments, text, maps, ["pca", "tsne"], 1000, 0)[1]
    np.testing.assert_allclose(placed[:12], maps[1], atol=1e-2 * np.ptp(maps[1]))
    low, high = maps[1].min(0) - 1e-3, maps[1].max(0) + 1e-3
    assert ((placed >= low) & (placed <= high)).all()


def test_of_more_segments_a_sample_is_placed(map_of_words, monkeypatch):
    text, maps, segments = map_of_words
    every = project_segments(segments, text, maps, ["pca", "tsne"], 50, 0)
    monkeypatch.setattr(project_module, "_BLOCK", 7)
    parts = project_segments(segments, text, maps, ["pca", "tsne"], 50, 0)
    np.testing.assert_allclose(parts, every, atol=1e-4)
    some = project_segments(segments, text, maps, ["pca", "tsne"], 20, 1)
    there = ~np.isnan(some[0, :, 0])
    assert there.sum() == 20
    np.testing.assert_array_equal(np.isnan(some), np.broadcast_to(~there[:, None], some.shape))
    np.testing.assert_allclose(some[1][there], every[1][there], atol=1e-4)
    np.testing.assert_array_equal(
        some, project_segments(segments, text, maps, ["pca", "tsne"], 20, 1)
    )
    other = project_segments(segments, text, maps, ["pca", "tsne"], 20, 2)
    assert (np.isnan(other) != np.isnan(some)).any()
