"""Scores of images by concept: each method against its formula; a later concept scored alike."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

from inficond_panel.concepts import scoring
from inficond_panel.concepts.scoring import Scoring, score_concept, score_corpus
from inficond_panel.store.schema import SCORING_METHODS

EMBED = 6


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


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


def test_the_default_is_the_papers():
    embedding, image, text = drawn(3, [2, 2])
    found = score_corpus(embedding, image, text, images=2)
    assert found.scoring.settings == {"method": "max_cosine"}
    assert found.scoring.centre is found.scoring.normaliser is None


def test_the_mean_of_the_segments_is_that_of_the_split_fit():
    embedding, image, text = drawn(4, [3, 3, 3])
    fit = image < 2
    found = score_corpus(embedding, image, text, images=3, scoring=Scoring("centred"), fit=fit)
    score, _ = expected("centred", embedding, image, text, 3, fit=fit)
    np.testing.assert_allclose(found.score, score, atol=2e-5)
    np.testing.assert_allclose(found.scoring.centre[0], embedding[fit].mean(0, float), atol=1e-6)
    np.testing.assert_allclose(found.scoring.centre[1], text.mean(0), atol=1e-6)


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


def test_a_later_concept_is_centred_on_the_means_of_the_corpus():
    embedding, image, text = drawn(5, [2, 3])
    corpus = score_corpus(embedding, image, text[:-1], images=2, scoring=Scoring("centred"))
    later, _ = score_concept(embedding, image, text[-1], images=2, scoring=corpus.scoring)
    segments = unit(embedding.astype(float) - embedding.mean(0, float))
    cosine = segments @ unit(text[-1] - text[:-1].mean(0, dtype=float))
    np.testing.assert_allclose(later, [max(0, *cosine[:2]), max(0, *cosine[2:])], atol=2e-5)
    again, _ = score_concept(embedding, image, text[0], images=2, scoring=corpus.scoring)
    np.testing.assert_allclose(again, corpus.score[:, 0], atol=1e-6)


def test_contrast_does_not_change_by_what_all_cosines_share():
    """An offset common to all texts of a segment cancels; the largest cosine keeps it."""
    embedding, image, text = drawn(6, [2, 3])
    extended = np.hstack([embedding, np.full((5, 1), 0.5, np.float16)])
    offset = np.hstack([text, np.full((5, 1), 0.4, np.float32)])
    one = score_corpus(embedding, image, text, images=2, scoring=chosen("contrast"))
    other = score_corpus(extended, image, offset, images=2, scoring=chosen("contrast"))
    np.testing.assert_allclose(one.score, other.score, atol=2e-5)
