"""Random words: nouns in place of the concepts, drawn by a seed, scored as one corpus."""

import numpy as np
import pytest
import zarr
from factory import ATTRS, EMBED, small_arrays
from worded import MADE, put_words

from inficond_panel.concepts import beside
from inficond_panel.concepts.class_names import letters_of
from inficond_panel.concepts.random_words import (
    candidates_of,
    draw_words,
    embed_apart,
    lacks_random_words,
    nouns,
    random_words,
    random_words_path,
    random_words_text,
    write_random_words,
)
from inficond_panel.concepts.scoring import Scoring, score_corpus
from inficond_panel.concepts.typed import TypedConcept, basis_of, extended
from inficond_panel.errors import StoreFormatError
from inficond_panel.store import open_store, write_store

IMAGES, TEMPERATURE = 40, 0.05


def unit(seed, shape=(EMBED,)):
    vectors = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def store_by(path, method="max_cosine", attrs=MADE, **changed):
    """A small store whose images are scored by ``method``, as made from photos."""
    arrays = small_arrays(images=IMAGES) | changed
    arrays["segment_embedding"] = arrays["segment_embedding"].astype(np.float16)
    text, owner = arrays["concept_text_embedding"].astype(np.float32), arrays["segment_image"]
    scoring = Scoring(method, TEMPERATURE if method == "contrast" else None)
    fit = (arrays["split"] == "fit")[owner]
    scored = score_corpus(
        arrays["segment_embedding"], owner, text, images=IMAGES, scoring=scoring, fit=fit
    )
    arrays["concept_score"] = scored.score
    if method == "centred":
        arrays["score_centre"] = scored.scoring.centre
    if method == "contrast":
        arrays["segment_normaliser"] = scored.scoring.normaliser
    write_store(path, arrays, {**ATTRS, **attrs, "scores": scoring.settings})
    return open_store(path)


def put_random(store, words=None):
    """Random words next to a store, with drawn vectors."""
    words = candidates_of(store)[: len(store.concepts)] if words is None else words
    return write_random_words(store, words, unit(7, (len(words), EMBED)))


@pytest.fixture
def store(tmp_path):
    return store_by(tmp_path / "own.zarr")


class Deaf:
    """Encoder that knows some words, and gives all others one vector."""

    def __init__(self, known):
        self.known = known

    def embed_text(self, texts):
        seeds = [1 + self.known.index(text) if text in self.known else 0 for text in texts]
        return np.stack([unit(seed) for seed in seeds])


def test_the_list_has_no_word_twice():
    assert len({letters_of(word) for word in nouns()}) == len(nouns())


def test_equal_seeds_draw_equal_words():
    assert draw_words(30, set(), 5) == draw_words(30, set(), 5)


def test_other_seeds_draw_other_words():
    assert draw_words(30, set(), 5)[:30] != draw_words(30, set(), 6)[:30]


def test_a_taken_word_is_not_drawn():
    assert "anchor" not in draw_words(30, {letters_of("anchor")})


def test_a_large_corpus_gets_words_of_two_nouns():
    words = draw_words(len(nouns()) + 20, set())
    assert [len(word.split()) for word in words[-20:]] == [2] * 20


def test_a_large_corpus_gets_no_word_twice():
    words = draw_words(len(nouns()) + 500, set())
    assert len({letters_of(word) for word in words}) == len(nouns()) + 500


@pytest.mark.parametrize("text", ["Anchors", "anchor", "An-chor"])
def test_a_concept_is_no_random_word(tmp_path, text):
    names = [text, *small_arrays()["concept"][1:]]
    store = store_by(tmp_path / "own.zarr", concept=np.array(names))
    assert "anchor" not in candidates_of(store)


def test_a_synonym_of_a_concept_is_no_random_word(tmp_path):
    more = {"synonyms": {"wheel": ["anchor"]}}
    assert "anchor" not in candidates_of(store_by(tmp_path / "own.zarr", attrs=MADE | more))


@pytest.mark.parametrize("text", ["boat", "sheep", "train"])
def test_a_class_is_no_random_word(tmp_path, text):
    store = store_by(tmp_path / "own.zarr", class_name=np.array(["boat", "sheep", "train", "axe"]))
    assert text not in candidates_of(store)


def test_a_synonym_of_a_class_is_no_random_word(tmp_path):
    names = np.array(["motorbike", "sheep", "train", "axe"])
    store = store_by(tmp_path / "own.zarr", class_name=names)
    assert "motorcycle" not in candidates_of(store)


def test_words_that_the_encoder_does_not_tell_apart_are_passed_over():
    encoder = Deaf(["cat", "hat"])
    words, _ = embed_apart(encoder, ["axe", "bag", "cat", "dot", "hat"], 3, ["{}"])
    assert words == ["axe", "cat", "hat"]


def test_the_vectors_are_those_of_the_words_that_are_kept():
    encoder = Deaf(["cat", "hat"])
    words, vectors = embed_apart(encoder, ["axe", "bag", "cat", "dot", "hat"], 3, ["{}"])
    np.testing.assert_allclose(vectors, encoder.embed_text(words), atol=1e-6)


def by_hand(store, text, method):
    """Scores of a corpus by a loop over images, in double precision, from the definitions."""
    segments, words = store.segment_embedding.astype(float), text.astype(float)
    if method == "centred":
        fit = np.asarray(store.split)[store.segment_image] == "fit"
        segments, words = segments - segments[fit].mean(axis=0), words - words.mean(axis=0)
        segments /= np.linalg.norm(segments, axis=1, keepdims=True)
        words /= np.linalg.norm(words, axis=1, keepdims=True)
    value = segments @ words.T
    if method == "contrast":
        value = np.exp(value / TEMPERATURE)
        value /= value.sum(axis=1, keepdims=True)
    owners = [store.segment_image == image for image in range(len(store.images))]
    return np.array([np.maximum(value[own], 0).max(axis=0) for own in owners])


@pytest.mark.parametrize("method", ["max_cosine", "centred", "contrast"])
def test_scores_are_those_of_a_corpus_of_random_words(tmp_path, method):
    store = store_by(tmp_path / "own.zarr", method)
    made = put_random(store)
    expected = by_hand(store, made.concept_text_embedding, method)
    np.testing.assert_allclose(random_words(store)[1], expected, atol=2e-5)


def test_the_store_keeps_its_hash(store):
    put_random(store)
    assert open_store(store.path).content_hash == store.content_hash


def test_a_store_lacks_them_until_they_are_made(store):
    before = lacks_random_words(store)
    put_random(store)
    assert [before, lacks_random_words(store)] == [True, False]


def test_a_store_without_segments_can_have_none(tmp_path):
    drop = ("segment_image", "segment_concept", "segment_cosine", "segment_embedding")
    drop += ("segment_box", "mask", "mask_offset")
    arrays = {name: values for name, values in small_arrays().items() if name not in drop}
    write_store(tmp_path / "own.zarr", arrays, {**ATTRS, **MADE})
    assert not lacks_random_words(open_store(tmp_path / "own.zarr"))


def test_a_typed_concept_is_a_random_word_no_more(store):
    put_random(store)
    word = random_words(store)[0][3]
    segments = len(store.segment_image)
    score, cosine = np.zeros(IMAGES, np.float32), np.zeros(segments, np.float32)
    one = TypedConcept((word,), basis_of(store), unit(1), score, cosine)
    assert word not in random_words(extended(store, [one]))[0]


def test_the_classes_own_words_stay_when_random_words_are_written(store):
    put_words(store)
    put_random(store)
    assert len(list(random_words_path(store).parent.glob("*.zarr"))) == 2


def test_random_words_stay_when_own_words_are_written(store):
    put_random(store)
    put_words(store)
    assert random_words(store) is not None


def test_random_words_of_another_corpus_are_removed(tmp_path):
    store = store_by(tmp_path / "own.zarr")
    put_random(store)
    names = ["anchor", *small_arrays()["concept"][1:]]
    again = store_by(tmp_path / "own.zarr", concept=np.array(names))
    put_random(again)
    assert [path.name for path in random_words_path(again).parent.iterdir()] == [
        random_words_path(again).name
    ]


def test_an_encoder_that_tells_few_words_apart_has_no_random_words(store):
    put_random(store, candidates_of(store)[:10])  # of 30
    assert random_words(store) is None


def test_an_encoder_that_tells_few_words_apart_is_reported(store):
    put_random(store, candidates_of(store)[:10])
    assert random_words_text(store) == "none: the encoder tells few words apart"


def test_random_words_of_another_store_are_damaged(store):
    path = put_random(store).path
    zarr.open_group(path).attrs[beside.WORDS_OF] = "0" * 64
    with pytest.raises(StoreFormatError, match=r"random words in .* are damaged"):
        random_words(open_store(store.path))


def test_words_that_were_not_drawn_are_damaged(store):
    put_random(store, ["wheel", *candidates_of(store)[1:30]])
    with pytest.raises(StoreFormatError, match=r"random words in .* are other words"):
        random_words(open_store(store.path))


def test_damaged_random_words_are_lacking(store):
    put_random(store, ["wheel", *candidates_of(store)[1:30]])
    assert lacks_random_words(store)
