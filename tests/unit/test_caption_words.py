"""Words of captions as concept scores: which captions have a concept, and captions with faults."""

import numpy as np
import pytest

from inficond_panel.common.captions import LONGEST, caption_fault
from inficond_panel.concepts.caption_words import absent_note, caption_scores, empty_note


def has(caption: str, *texts: str) -> bool:
    return bool(caption_scores([caption], [texts])[0, 0])


@pytest.mark.parametrize(
    ("caption", "text"),
    [
        ("a dog on a beach", "dog"),
        ("A Dog.", "dog"),
        ("dogs at play", "dog"),
        ("a dog at play", "dogs"),
        ("two women in a car", "woman"),
        ("boxes, knives and leaves", "knife"),
        ("a traffic light", "traffic light"),
        ("three traffic lights", "traffic light"),
        ("a fire-hydrant", "fire hydrant"),
        ("a fire hydrant", "fire-hydrant"),
        ("a t-shirt", "tshirt"),
        ("the man's hat", "man"),
        ("the man’s hat", "hat"),
        ("wet\nleaves", "leaf"),
        ("ein Mädchen", "mädchen"),
        ("ein Ma\u0308dchen", "M\u00e4dchen"),
        ("a very long red dress", "very long red dress"),
    ],
)
def test_a_caption_has_a_word_or_phrase(caption, text):
    assert has(caption, text)


@pytest.mark.parametrize(
    ("caption", "text"),
    [
        ("a hotdog", "dog"),
        ("a dog", "hotdog"),
        ("red, cars", "red car"),
        ("car red", "red car"),
        ("", "dog"),
        ("...", "dog"),
        ("a bus", "bug"),
    ],
)
def test_a_caption_lacks_a_word_or_phrase(caption, text):
    assert not has(caption, text)


def test_a_synonym_counts():
    assert has("a puppy", "dog", "puppy")


def test_scores_are_one_row_per_caption():
    scores = caption_scores(["a cat", "two dogs", "cat and dog"], [("cat",), ("dog",)])
    np.testing.assert_array_equal(scores, [[1, 0], [0, 1], [1, 1]])


def test_scores_are_float32():
    assert caption_scores(["a"], [("a",)]).dtype == np.float32


@pytest.mark.parametrize(
    ("caption", "fault"),
    [
        (3, "is int '3', not text"),
        ({"a": 1}, "not text"),
        ("a\0b", "control character '\\x00' at position 2"),
        ("a" * (LONGEST + 1), "has 10,001 characters, more than 10,000"),
    ],
)
def test_a_fault_of_a_caption_is_named(caption, fault):
    assert fault in caption_fault(caption)


@pytest.mark.parametrize("caption", ["", "a cat", "a" * LONGEST, "line\nline\ttab"])
def test_a_plain_caption_has_no_fault(caption):
    assert caption_fault(caption) == ""


def test_empty_captions_are_counted():
    assert empty_note(["", "a cat", "!"], ["1", "2", "3"]).startswith("2 captions without a word")


def test_concepts_in_no_caption_are_named():
    assert absent_note(np.array([[1, 0, 0]]), ["cat", "dog", "cow"]) == (
        "2 concepts in no caption: dog, cow"
    )


def test_at_most_five_concepts_in_no_caption_are_named():
    assert absent_note(np.zeros((1, 7)), list("abcdefg")).endswith("a, b, c, d, e, and 2 more")
