"""The corpus, its text vectors, scores of images by concept, and projections."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.decomposition import PCA

from inficond_panel.concepts import scoring
from inficond_panel.concepts.scoring import Scoring, score_concept, score_corpus
from inficond_panel.concepts.texts import embed_concepts, twins
from inficond_panel.errors import DataError, MissingExtraError
from inficond_panel.store.schema import SCORING_METHODS
from precompute.concepts import umap_projection as project_module
from precompute.concepts.corpus import read_corpus, twin_warnings, zero_warnings
from precompute.concepts.umap_projection import project, project_segments


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def test_a_corpus_keeps_the_order_of_its_lines(tmp_path):
    file = tmp_path / "words.txt"
    file.write_bytes("\ufeffwheel\r\n\r\n  tv  monitor \ncafé".encode())
    assert list(read_corpus(file)) == ["wheel", "tv monitor", "café"]


@pytest.fixture
def corpus_notes(tmp_path):
    """Notes on a corpus with empty lines, and a text that stands for two concepts."""
    file, notes = tmp_path / "words.txt", []
    file.write_text("car, auto\n\nvan, Auto\n \nauto mobile\n")
    read_corpus(file, notes.append)
    return notes


def test_empty_lines_of_a_corpus_are_noted(corpus_notes):
    assert corpus_notes[0].endswith("has empty lines: 2, 4")


def test_a_text_of_two_concepts_is_noted(corpus_notes):
    assert "'Auto' stands for two concepts, on lines 1 and 3" in corpus_notes[1]
    assert len(corpus_notes) == 2


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("dog\ncat\nDog\ncat\n", "'Dog' listed twice, on lines 1 and 3; 'cat' .* 2 and 4"),
        ("tv  monitor\n# a\nTV monitor\n", "'TV monitor' listed twice, on lines 1 and 3"),
        (" \n\n# nothing but this\n", "is empty"),
        ("dog\ncat,, puss\n,cow", "line 2: a text .* is empty; line 3: a text .* is empty"),
        ("dog\n" * 99, "on lines 1 and 13; and 86 more"),
        ("dog, hound, Dog", "line 1: 'dog' is listed twice"),
    ],
)
def test_a_faulty_corpus_is_refused_by_line(tmp_path, text, fault):
    (tmp_path / "words.txt").write_text(text)
    with pytest.raises(DataError, match=fault):
        read_corpus(tmp_path / "words.txt")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('["wheel", "rail"]', ":1: this is JSON"),
        ('[\n "wheel",\n "rail"\n]\n', ":1: this is JSON"),
        ('\n{"words": ["wheel"]}', ":2: this is JSON"),
        ("1. wheel\n2. rail\n", ":1: this is a numbered list: '1. wheel'"),
        ("# words\n1) wheel\n2) rail\n10) sky", ":2: this is a numbered list"),
        ("- wheel\n- rail\n", ":1: this is a list with bullets"),
        ("* wheel\n• rail\n", ":1: this is a list with bullets"),
        ('"wheel",\n"rail"\n', ":1: this is a list in quotes"),
        ("concept\n0,wheel\n1,rail\n", ":2: this is a table with numbers of rows: '0,wheel'"),
    ],
)
def test_a_corpus_in_another_form_is_refused(tmp_path, text, told):
    (tmp_path / "words.txt").write_text(text)
    with pytest.raises(DataError, match=rf"words\.txt{told}"):
        read_corpus(tmp_path / "words.txt")


@pytest.mark.parametrize(
    "text", ["3D printer\nwheel", "wheel\n1. FC badge\nrail", "T-shirt\nx-ray", "o'clock\nrail"]
)
def test_a_corpus_of_odd_names_is_read(tmp_path, text):
    (tmp_path / "words.txt").write_text(text)
    assert list(read_corpus(tmp_path / "words.txt")) == text.splitlines()


class Letters:
    """A text's vector counts its letters, made unit."""

    def embed_text(self, texts):
        counts = [[text.count(chr(97 + i)) for i in range(26)] for text in texts]
        return unit(np.array(counts, dtype=np.float32))


def test_the_vector_of_a_concept_is_the_mean_of_its_texts_in_all_prompts():
    concepts, prompts = [("bus", "motor coach"), ("cab",)], ["a {}", "photo of {}"]
    found = embed_concepts(Letters(), concepts, prompts)
    for row, texts in zip(found, concepts, strict=True):
        each = Letters().embed_text([p.replace("{}", t) for t in texts for p in prompts])
        np.testing.assert_allclose(row, unit(each.mean(0)), atol=1e-6)


NEAR = unit(np.array([[1, 0, 0], [1, 0.1, 0], [0, 1, 0], [0, 1, 0.01], [0, 0, 1.0]]))


def test_twins_come_by_their_cosine():
    pairs = twins(NEAR, ["a", "b", "c", "d", "e"])
    assert [pair[:2] for pair in pairs] == [("c", "d"), ("a", "b")]
    assert pairs[1][2] == pytest.approx(1 / np.hypot(1, 0.1))


def test_twins_are_warned_of():
    (warning,) = twin_warnings(NEAR, ["a", "b", "c", "d", "e"])
    assert warning.endswith("c = d (1.000), a = b (0.995)")


def test_vectors_at_right_angles_are_no_twins():
    assert twin_warnings(np.eye(3), ["a", "b", "c"]) == []


def test_many_twins_are_counted():
    assert twin_warnings(np.ones((8, 1)), list("abcdefgh"))[0].endswith("and 18 more")


def test_a_few_scores_of_0_are_not_warned_of():
    assert zero_warnings(np.array([[0.1, 0.2], [0.0, 0.3]])) == []


def test_many_scores_of_0_are_warned_of():
    (warning,) = zero_warnings(np.array([[0.1, 0], [0.0, 0.3]]))
    assert warning.startswith("50 % of the concept scores are 0")


def nearest(points):
    away = np.linalg.norm(points[:, None] - points[None], axis=-1)
    np.fill_diagonal(away, np.inf)
    return away.argmin(1)


@pytest.fixture(scope="module")
def three_groups():
    """Vectors (36, 16) of three groups of twelve."""
    rng = np.random.default_rng(0)
    return np.repeat(np.eye(3, 16), 12, axis=0) + 0.05 * rng.normal(size=(36, 16))


@pytest.fixture(scope="module")
def projected(three_groups):
    """Points (2, 36, 2) by PCA and by t-SNE."""
    return project(three_groups, ["pca", "tsne"], seed=0)


def test_points_of_projections_are_float32(projected):
    assert projected.shape == (2, 36, 2)
    assert projected.dtype == np.float32


def test_pca_is_that_of_scikit_learn(three_groups, projected):
    np.testing.assert_allclose(projected[0], PCA(2).fit_transform(three_groups), atol=1e-5)


def test_tsne_keeps_neighbours(projected):
    assert (nearest(projected[1]) // 12 == np.arange(36) // 12).all()


def test_projections_are_the_same_again(three_groups, projected):
    np.testing.assert_array_equal(projected, project(three_groups, ["pca", "tsne"], seed=0))


@pytest.fixture(scope="module")
def for_umap():
    """Vectors (60, 16) of three groups of twenty."""
    pytest.importorskip("umap")
    rng = np.random.default_rng(0)
    return unit(np.repeat(np.eye(3, 16), 20, axis=0) + 0.05 * rng.normal(size=(60, 16)))


@pytest.fixture(scope="module")
def by_umap(for_umap):
    return project(for_umap, ["umap"], seed=0)[0]


@pytest.mark.more
def test_umap_keeps_neighbours(by_umap):
    assert (nearest(by_umap) // 20 == np.arange(60) // 20).all()


@pytest.mark.more
def test_umap_is_the_same_again(for_umap, by_umap):
    np.testing.assert_array_equal(by_umap, project(for_umap, ["umap"], seed=0)[0])


@pytest.mark.more
@pytest.mark.parametrize("count", [1, 3, 4, 5])
def test_umap_places_few_concepts(for_umap, count):
    few = for_umap[:: 60 // count][:count]
    assert np.isfinite(project(few, ["umap"], seed=0)).all()


def test_umap_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(MissingExtraError, match=r"\[umap\]"):
        project(np.eye(6), ["pca", "umap"], seed=0)


def test_segments_lie_along_the_axes_of_a_pca_else_at_the_concepts_they_are_like(monkeypatch):
    """Some segments are equal to a text, some anywhere; of more a sample is placed."""
    rng = np.random.default_rng(2)
    text = unit(rng.normal(size=(12, 8))).astype(np.float32)
    segments = unit(rng.normal(size=(50, 8))).astype(np.float16)
    segments[:12] = text
    maps = project(text, ["pca", "tsne"], seed=0)

    def placed_on(most, seed=0):
        return project_segments(segments, text, maps, ["pca", "tsne"], most, seed)

    placed = placed_on(1000)
    assert (placed.shape, placed.dtype) == ((2, 50, 2), np.float32)
    pca = PCA(2, svd_solver="full").fit(text)
    along = segments.astype(float) @ pca.components_.T
    along *= np.sign((pca.transform(text) * maps[0]).sum(0))
    expected = (along - along.mean(0)) / along.std(0) * maps[0].std(0)
    np.testing.assert_allclose(placed[0], expected, atol=1e-4)
    np.testing.assert_allclose(placed[0].mean(0), maps[0].mean(0), atol=1e-5)
    np.testing.assert_allclose(placed[1, :12], maps[1], atol=1e-2 * np.ptp(maps[1]))
    low, high = maps[1].min(0) - 1e-3, maps[1].max(0) + 1e-3
    assert ((placed[1] >= low) & (placed[1] <= high)).all()
    every = placed_on(50)
    monkeypatch.setattr(project_module, "_BLOCK", 7)
    np.testing.assert_allclose(placed_on(50), every, atol=1e-4)
    some = placed_on(20, 1)
    there = ~np.isnan(some[0, :, 0])
    assert there.sum() == 20
    np.testing.assert_array_equal(np.isnan(some), np.broadcast_to(~there[:, None], some.shape))
    np.testing.assert_allclose(some[1][there], every[1][there], atol=1e-4)
    np.testing.assert_array_equal(some, placed_on(20, 1))
    assert (np.isnan(placed_on(20, 2)) != np.isnan(some)).any()


EMBED = 6


def drawn(seed, counts, concepts=5):
    """Segments (half precision) of images with so many each, and texts."""
    rng = np.random.default_rng(seed)
    image = np.repeat(np.arange(len(counts)), counts)
    offset = rng.normal(size=EMBED)
    embedding = unit(rng.normal(size=(len(image), EMBED)) + offset).astype(np.float16)
    return embedding, image, unit(rng.normal(size=(concepts, EMBED))).astype(np.float32)


def expected(method, embedding, image, text, images, temperature=None, fit=None):
    """The definition, image after image, in double precision."""
    segments, text = embedding.astype(float), text.astype(float)
    cosine = segments @ text.T
    value = cosine
    if method == "contrast":
        value = softmax(cosine / temperature, axis=1)
    if method == "centred":
        mean = segments[fit].mean(0) if fit is not None else segments.mean(0)
        value = unit(segments - mean) @ unit(text - text.mean(0)).T
    score = np.zeros((images, len(text)))
    for s, i in enumerate(image):
        score[i] = np.maximum(score[i], value[s])
    return score, cosine


def chosen(method):
    return Scoring(method, 0.05 if method == "contrast" else None)


@given(st.integers(0, 10_000), st.lists(st.integers(0, 5), min_size=1, max_size=9))
@pytest.mark.parametrize("method", SCORING_METHODS)
def test_scores_equal_a_naive_loop(method, seed, counts):
    counts = [2, *counts]
    embedding, image, text = drawn(seed, counts)
    found = score_corpus(embedding, image, text, images=len(counts), scoring=chosen(method))
    score, cosine = expected(method, embedding, image, text, len(counts), 0.05)
    np.testing.assert_allclose(found.score, score, atol=2e-5)
    np.testing.assert_allclose(found.cosine, cosine.max(1), atol=1e-6)
    at_best = cosine[np.arange(len(image)), found.concept]
    np.testing.assert_allclose(at_best, cosine.max(1), atol=1e-6)
    assert found.score.dtype == np.float32
    assert (found.score[np.array(counts) == 0] == 0).all()


@pytest.mark.parametrize("method", SCORING_METHODS)
def test_scoring_in_parts_is_scoring_at_once(monkeypatch, method):
    embedding, image, text = drawn(0, [1, 3, 0, 2, 4, 1, 5])
    whole = score_corpus(embedding, image, text, images=7, scoring=chosen(method))
    monkeypatch.setattr(scoring, "_SEGMENTS_AT_A_TIME", 3)
    parts = score_corpus(embedding, image, text, images=7, scoring=chosen(method))
    np.testing.assert_allclose(parts.score, whole.score, atol=1e-6)
    np.testing.assert_array_equal(parts.concept, whole.concept)
    one = score_concept(embedding, image, text[2], images=7, scoring=parts.scoring)
    np.testing.assert_allclose(one[1], embedding.astype(float) @ text[2], atol=1e-6)


@pytest.fixture(scope="module")
def centred_on_fit():
    """Segments, whether they are of fit, texts, and centred scores of three images."""
    embedding, image, text = drawn(4, [3, 3, 3])
    fit = image < 2
    found = score_corpus(embedding, image, text, images=3, scoring=Scoring("centred"), fit=fit)
    score, _ = expected("centred", embedding, image, text, 3, fit=fit)
    return SimpleNamespace(embedding=embedding, fit=fit, text=text, found=found, score=score)


def test_scores_are_centred_on_the_mean_of_fit(centred_on_fit):
    np.testing.assert_allclose(centred_on_fit.found.score, centred_on_fit.score, atol=2e-5)


def test_the_centre_is_the_means_of_segments_of_fit_with_texts(centred_on_fit):
    segments, texts = centred_on_fit.found.scoring.centre
    mean = centred_on_fit.embedding[centred_on_fit.fit].mean(0, float)
    np.testing.assert_allclose(segments, mean, atol=1e-6)
    np.testing.assert_allclose(texts, centred_on_fit.text.mean(0), atol=1e-6)


def test_the_papers_scores_have_no_centre():
    embedding, image, text = drawn(4, [3, 3, 3])
    usual = score_corpus(embedding, image, text, images=3).scoring
    assert usual.settings == {"method": "max_cosine"}
    assert usual.centre is usual.normaliser is None


@pytest.fixture(scope="module")
def centred_corpus():
    """Segments, texts, and centred scores of all concepts but the last."""
    embedding, image, text = drawn(5, [2, 3])
    corpus = score_corpus(embedding, image, text[:-1], images=2, scoring=Scoring("centred"))
    return SimpleNamespace(embedding=embedding, image=image, text=text, corpus=corpus)


def test_a_later_concept_is_centred_on_the_corpus(centred_corpus):
    c = centred_corpus
    later, _ = score_concept(c.embedding, c.image, c.text[-1], images=2, scoring=c.corpus.scoring)
    segments = unit(c.embedding.astype(float) - c.embedding.mean(0, float))
    cosine = segments @ unit(c.text[-1] - c.text[:-1].mean(0, dtype=float))
    np.testing.assert_allclose(later, [max(0, *cosine[:2]), max(0, *cosine[2:])], atol=2e-5)


def test_a_concept_of_the_corpus_has_the_same_scores_later(centred_corpus):
    c = centred_corpus
    again, _ = score_concept(c.embedding, c.image, c.text[0], images=2, scoring=c.corpus.scoring)
    np.testing.assert_allclose(again, c.corpus.score[:, 0], atol=1e-6)


@given(st.integers(0, 10_000))
@pytest.mark.parametrize("method", ["max_cosine", "contrast"])
def test_a_later_concept_is_scored_as_if_it_had_been_in_the_corpus(method, seed):
    counts = [1, 4, 0, 2]
    embedding, image, text = drawn(seed, counts)
    corpus = score_corpus(embedding, image, text[:-1], images=4, scoring=chosen(method))
    later, cosine = score_concept(embedding, image, text[-1], images=4, scoring=corpus.scoring)
    whole = score_corpus(embedding, image, text, images=4, scoring=chosen(method))
    np.testing.assert_allclose(later, whole.score[:, -1], atol=2e-5)
    np.testing.assert_allclose(cosine, embedding.astype(float) @ text[-1], atol=1e-6)
