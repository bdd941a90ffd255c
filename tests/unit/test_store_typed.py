"""A concept typed later: as if it had been in the corpus, kept beside the store, which stays."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from factory import ATTRS, small_arrays

from inficond_panel.common.folders import DiskFolder
from inficond_panel.concepts.scoring import Scoring, score_corpus
from inficond_panel.concepts.typed import TypedFolder, extended, type_concept
from inficond_panel.errors import DataError, StoreFormatError
from inficond_panel.store import Store, open_store, write_store

EXTENDED = {
    "concept_score",
    "concept_text_embedding",
    "concept_projection",
    "segment_concept",
    "segment_cosine",
}


class Words:
    """An encoder that knows the vectors of the factory's words, and draws those of others."""

    digest = "d" * 64

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        self.known = dict(zip(arrays["concept"], arrays["concept_text_embedding"], strict=True))

    def embed_text(self, texts: list[str]) -> np.ndarray:
        return np.stack([self._vector(text.removeprefix("a ")) for text in texts])

    def _vector(self, text: str) -> np.ndarray:
        rng = np.random.default_rng(list(text.encode()))
        vector = self.known.get(text, rng.normal(size=24))
        return (vector / np.linalg.norm(vector)).astype(np.float32)


def chosen(method: str) -> Scoring:
    return Scoring(method, 0.05 if method == "contrast" else None)


def written(path, arrays, concepts: int, method: str = "max_cosine", **attrs: Any) -> Store:
    """A store of the first words of ``arrays``, scored by a method."""
    text = arrays["concept_text_embedding"].astype(np.float32)[:concepts]
    embedding = arrays["segment_embedding"].astype(np.float16)
    scored = score_corpus(
        embedding,
        arrays["segment_image"],
        text,
        images=len(arrays["image"]),
        scoring=chosen(method),
    )
    kept = {
        "score_centre": scored.scoring.centre,
        "segment_normaliser": scored.scoring.normaliser,
        "concept": arrays["concept"][:concepts],
        "concept_text_embedding": text,
        "concept_projection": np.stack([text[:, :2], text[:, 2:4]]),
        "concept_score": scored.score,
        "segment_concept": scored.concept,
        "segment_cosine": scored.cosine,
    }
    arrays = {**arrays, **{name: values for name, values in kept.items() if values is not None}}
    said = {"encoder_digest": Words.digest, "prompts": ["a {}"], "scores": scored.scoring.settings}
    write_store(path, arrays, {**ATTRS, **said, **attrs})
    return open_store(path)


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    return small_arrays(images=60, concepts=12)


@pytest.fixture(scope="module")
def base(arrays, tmp_path_factory) -> Store:
    return written(tmp_path_factory.mktemp("base") / "base.zarr", arrays, 11)


@pytest.mark.parametrize("method", ["max_cosine", "contrast", "centred"])
def test_it_is_as_if_the_word_had_been_in_the_corpus(tmp_path, arrays, method):
    whole = written(tmp_path / "whole.zarr", arrays, 12, method)
    store = written(tmp_path / "store.zarr", arrays, 11, method)
    typed = type_concept(store, str(arrays["concept"][11]), Words(arrays))
    found = extended(store, [typed])
    assert found.concepts == whole.concepts
    np.testing.assert_array_equal(found.segment_concept, whole.segment_concept)
    assert (found.segment_concept == 11).any()
    np.testing.assert_allclose(found.segment_cosine, whole.segment_cosine, atol=1e-6)
    np.testing.assert_allclose(
        found.concept_text_embedding, whole.concept_text_embedding, atol=1e-6
    )
    same = 11 if method == "max_cosine" else 0  # the others would contend with it, or be centred
    np.testing.assert_array_equal(found.concept_score[:, :11], store.concept_score)
    np.testing.assert_allclose(
        found.concept_score[:, :same], whole.concept_score[:, :same], atol=1e-6
    )
    tolerance = 0.2 if method == "centred" else 2e-6  # the mean of twelve texts, not of eleven
    np.testing.assert_allclose(
        found.concept_score[:, 11], whole.concept_score[:, 11], atol=tolerance
    )


def test_the_rest_is_the_base(base, arrays):
    found = extended(base, [type_concept(base, str(arrays["concept"][11]), Words(arrays))])
    for name in ("label", "teacher_logit", "segment_embedding", "segment_box", "split"):
        assert getattr(found, name) is getattr(base, name)
    assert found.images == base.images
    assert found.thumbnail(3) == base.thumbnail(3)
    np.testing.assert_array_equal(found.mask(3), base.mask(3))
    np.testing.assert_array_equal(found.rows("tune"), base.rows("tune"))
    assert set(found.dataset.sizes.items()) ^ set(base.dataset.sizes.items()) == {
        ("concept", 12),
        ("concept", 11),
    }
    changed = {
        name
        for name, value in base.attrs["variable_hashes"].items()
        if found.attrs["variable_hashes"][name] != value
    }
    assert changed == {"concept", *EXTENDED}
    found.verify()
    for name in EXTENDED:
        with pytest.raises(ValueError, match="read-only"):
            getattr(found, name)[...] = 0


def test_the_hash_is_that_of_the_set_whatever_the_order(base, arrays):
    words = [type_concept(base, word, Words(arrays)) for word in ("red bus", "Anvil", "moss")]
    hashes = {extended(base, order).content_hash for order in itertools.permutations(words)}
    assert len(hashes) == 1
    assert extended(base, []) is base
    assert base.content_hash not in hashes
    assert extended(base, words[:2]).content_hash not in hashes
    assert extended(base, words).concepts[11:] == ["Anvil", "moss", "red bus"]


def test_a_store_of_the_same_arrays_has_the_same_hash(base, arrays, tmp_path):
    """The extended store is a store like any: written to disk it is the same."""
    found = extended(base, [type_concept(base, "moss", Words(arrays))])
    copied = {name: found.dataset[name].to_numpy() for name in found.dataset.variables}
    attrs = {key: value for key, value in found.attrs.items() if "hash" not in key}
    digest = write_store(tmp_path / "copy.zarr", copied, {**attrs, "inputs_hash": "0"})
    assert digest == found.content_hash


def test_synonyms_are_averaged(base, arrays):
    words = Words(arrays)
    typed = type_concept(base, "red bus,  scarlet   bus", words)
    assert typed.texts == ("red bus", "scarlet bus")
    mean = words.embed_text(["a red bus", "a scarlet bus"]).mean(0)
    np.testing.assert_allclose(typed.text, mean / np.linalg.norm(mean), atol=1e-6)


def test_it_lies_on_the_maps_where_its_text_says(base, arrays):
    """The first two components stand for a PCA here, and a twin lies where its twin does."""
    known = Words(arrays)
    known.known["twin"] = known.known["wheel"]
    found = extended(base, [type_concept(base, "twin", known)])
    at = found.concepts.index("wheel")
    for m in range(2):
        np.testing.assert_array_equal(found.concept_projection[m, :11], base.concept_projection[m])
        np.testing.assert_allclose(
            found.concept_projection[m, 11], base.concept_projection[m, at], atol=2e-3
        )


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("", "is not a concept: a text between commas is empty"),
        (" , bus", "is not a concept"),
        ("bus, Bus", "'bus' is listed twice"),
        ("Wheel", "'wheel' already exists"),
    ],
)
def test_what_is_no_new_concept_is_told(base, arrays, line, fault):
    with pytest.raises(DataError, match=fault):
        type_concept(base, line, Words(arrays))


def test_another_encoder_and_a_store_that_does_not_name_its_own(base, arrays, tmp_path):
    other = Words(arrays)
    other.digest = "e" * 64
    with pytest.raises(DataError, match="made with another encoder") as told:
        type_concept(base, "bus", other)
    assert "inficond precompute" in told.value.remedy
    write_store(tmp_path / "old.zarr", arrays, ATTRS)
    with pytest.raises(DataError, match="lacks encoder_digest and prompts"):
        type_concept(open_store(tmp_path / "old.zarr"), "bus", other)


def test_kept_and_read_again(base, arrays, tmp_path):
    folder = TypedFolder(DiskFolder(tmp_path / "x.concepts"))
    assert folder.read(base) == []
    for word in ("red bus, omnibus", "Moss"):
        folder.add(type_concept(base, word, Words(arrays)))
    folder.add(type_concept(base, "moss, lichen", Words(arrays)))  # in place of the first
    read = folder.read(base)
    assert [one.texts for one in read] == [("moss", "lichen"), ("red bus", "omnibus")]
    again = [type_concept(base, ", ".join(one.texts), Words(arrays)) for one in read]
    assert extended(base, read).content_hash == extended(base, again).content_hash
    folder.remove(read[0])
    assert [one.name for one in folder.read(base)] == ["red bus"]
    assert not list(folder.path.glob("*.tmp"))


def test_a_damaged_file_is_told(base, arrays, tmp_path):
    folder = TypedFolder(DiskFolder(tmp_path / "x.concepts"))
    folder.add(type_concept(base, "red bus", Words(arrays)))
    (file,) = folder.path.glob("*.npz")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    for content in (bytes(data), bytes(data[:100]), b""):
        file.write_bytes(content)
        with pytest.raises(StoreFormatError, match=r"typed concept in .* is damaged"):
            folder.read(base)
