"""A concept typed later: as if it had been in the corpus; and which texts name a class."""

import itertools

import numpy as np
import pytest
from factory import ATTRS, small_arrays

from inficond_panel.common.folders import DiskFolder
from inficond_panel.concepts.scoring import Scoring, score_corpus
from inficond_panel.concepts.typed import TypedFolder, extended, type_concept
from inficond_panel.errors import DataError, StoreFormatError
from inficond_panel.store import Store, open_store, write_store

EXTENDED = {"concept_score", "concept_text_embedding", "concept_projection", "segment_concept",
            "segment_cosine"}  # fmt: skip


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


def written(path, arrays, concepts: int, method: str = "max_cosine") -> Store:
    """A store of the first words of ``arrays``, scored by a method."""
    text = arrays["concept_text_embedding"].astype(np.float32)[:concepts]
    embedding = arrays["segment_embedding"].astype(np.float16)
    scoring, images = Scoring(method, 0.05 if method == "contrast" else None), len(arrays["image"])
    scored = score_corpus(embedding, arrays["segment_image"], text, images=images, scoring=scoring)
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
    write_store(path, arrays, {**ATTRS, **said})
    return open_store(path)


@pytest.fixture(scope="module")
def arrays():
    return small_arrays(images=60, concepts=12)


@pytest.fixture(scope="module")
def base(arrays, tmp_path_factory):
    return written(tmp_path_factory.mktemp("base") / "base.zarr", arrays, 11)


@pytest.fixture
def words(arrays):
    return Words(arrays)


@pytest.mark.parametrize("method", ["max_cosine", "contrast", "centred"])
def test_it_is_as_if_the_word_had_been_in_the_corpus(tmp_path, arrays, words, method):
    whole = written(tmp_path / "whole.zarr", arrays, 12, method)
    store = written(tmp_path / "store.zarr", arrays, 11, method)
    found = extended(store, [type_concept(store, str(arrays["concept"][11]), words)])
    assert found.concepts == whole.concepts
    np.testing.assert_array_equal(found.segment_concept, whole.segment_concept)
    assert (found.segment_concept == 11).any()
    for name in ("segment_cosine", "concept_text_embedding"):
        np.testing.assert_allclose(getattr(found, name), getattr(whole, name), atol=1e-6)
    np.testing.assert_array_equal(found.concept_score[:, :11], store.concept_score)
    same = 11 if method == "max_cosine" else 0  # the others would contend with it, or be centred
    last = 0.2 if method == "centred" else 2e-6  # the mean of twelve texts, not of eleven
    for columns, tolerance in ((slice(same), 1e-6), (11, last)):
        one, other = (of.concept_score[:, columns] for of in (found, whole))
        np.testing.assert_allclose(one, other, atol=tolerance)


def test_the_rest_is_the_base_and_all_of_it_a_store_like_any(base, arrays, words, tmp_path):
    found = extended(base, [type_concept(base, str(arrays["concept"][11]), words)])
    for name in ("label", "teacher_logit", "segment_embedding", "segment_box", "split"):
        assert getattr(found, name) is getattr(base, name)
    assert (found.images, found.thumbnail(3)) == (base.images, base.thumbnail(3))
    np.testing.assert_array_equal(found.mask(3), base.mask(3))
    np.testing.assert_array_equal(found.rows("tune"), base.rows("tune"))
    assert dict(found.dataset.sizes) == {**base.dataset.sizes, "concept": 12}
    hashes, before = (store.attrs["variable_hashes"] for store in (found, base))
    assert {name for name in before if hashes[name] != before[name]} == {"concept", *EXTENDED}
    found.verify()
    for name in EXTENDED:
        with pytest.raises(ValueError, match="read-only"):
            getattr(found, name)[...] = 0
    copied = {name: found.dataset[name].to_numpy() for name in found.dataset.variables}
    attrs = {key: value for key, value in found.attrs.items() if "hash" not in key}
    digest = write_store(tmp_path / "copy.zarr", copied, {**attrs, "inputs_hash": "0"})
    assert digest == found.content_hash


def test_the_hash_is_that_of_the_set_synonyms_are_averaged_and_a_twin_lies_on_its_twin(base, words):
    typed = [type_concept(base, word, words) for word in ("red bus", "Anvil", "moss")]
    hashes = {extended(base, order).content_hash for order in itertools.permutations(typed)}
    assert len(hashes) == 1
    assert extended(base, []) is base
    assert base.content_hash not in hashes
    assert extended(base, typed[:2]).content_hash not in hashes
    assert extended(base, typed).concepts[11:] == ["Anvil", "moss", "red bus"]
    typed = type_concept(base, "red bus,  scarlet   bus", words)
    assert typed.texts == ("red bus", "scarlet bus")
    mean = words.embed_text(["a red bus", "a scarlet bus"]).mean(0)
    np.testing.assert_allclose(typed.text, mean / np.linalg.norm(mean), atol=1e-6)
    # the first two components stand for a PCA here
    words.known["twin"] = words.known["wheel"]
    found = extended(base, [type_concept(base, "twin", words)]).concept_projection
    np.testing.assert_array_equal(found[:, :11], base.concept_projection)
    wheel = base.concept_projection[:, base.concepts.index("wheel")]
    np.testing.assert_allclose(found[:, 11], wheel, atol=2e-3)


def test_what_is_no_new_concept_and_another_encoder_are_told(base, arrays, words, tmp_path):
    for line, fault in (
        ("", "is not a concept: a text between commas is empty"),
        (" , bus", "is not a concept"),
        ("bus, Bus", "'bus' is listed twice"),
        ("Wheel", "'wheel' already exists"),
    ):
        with pytest.raises(DataError, match=fault):
            type_concept(base, line, words)
    words.digest = "e" * 64
    with pytest.raises(DataError, match="made with another encoder") as told:
        type_concept(base, "bus", words)
    assert "inficond precompute" in told.value.remedy
    write_store(tmp_path / "old.zarr", arrays, ATTRS)
    with pytest.raises(DataError, match="lacks encoder_digest and prompts"):
        type_concept(open_store(tmp_path / "old.zarr"), "bus", words)


def test_kept_and_read_again_unless_the_file_is_damaged(base, words, tmp_path):
    folder = TypedFolder(DiskFolder(tmp_path / "x.concepts"))
    assert folder.read(base) == []
    for line in ("red bus, omnibus", "Moss", "moss, lichen"):  # the last in place of the second
        folder.add(type_concept(base, line, words))
    read = folder.read(base)
    assert [one.texts for one in read] == [("moss", "lichen"), ("red bus", "omnibus")]
    again = [type_concept(base, ", ".join(one.texts), words) for one in read]
    assert extended(base, read).content_hash == extended(base, again).content_hash
    folder.remove(read[0])
    assert [one.name for one in folder.read(base)] == ["red bus"]
    assert not list(folder.path.glob("*.tmp"))
    (file,) = folder.path.glob("*.npz")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    for content in (bytes(data), bytes(data[:100]), b""):
        file.write_bytes(content)
        with pytest.raises(StoreFormatError, match=r"typed concept in .* is damaged"):
            folder.read(base)
