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


@pytest.fixture(scope="module")
def with_word(base, arrays):
    """The store with the last word of the corpus typed."""
    return extended(base, [type_concept(base, str(arrays["concept"][11]), Words(arrays))])


@pytest.mark.parametrize(
    "name", ["label", "teacher_logit", "segment_embedding", "segment_box", "split"]
)
def test_arrays_without_concepts_are_those_of_the_base(base, with_word, name):
    assert getattr(with_word, name) is getattr(base, name)


def test_images_are_those_of_the_base(base, with_word):
    assert with_word.images == base.images
    assert with_word.thumbnail(3) == base.thumbnail(3)


def test_the_segments_of_an_image_are_those_of_the_base(base, with_word):
    np.testing.assert_array_equal(with_word.mask(3), base.mask(3))


def test_the_splits_are_those_of_the_base(base, with_word):
    np.testing.assert_array_equal(with_word.rows("tune"), base.rows("tune"))


def test_there_is_a_concept_more(base, with_word):
    assert dict(with_word.dataset.sizes) == {**base.dataset.sizes, "concept": 12}


def test_only_arrays_of_concepts_have_other_hashes(base, with_word):
    hashes, before = (store.attrs["variable_hashes"] for store in (with_word, base))
    assert {name for name in before if hashes[name] != before[name]} == {"concept", *EXTENDED}


def test_an_extended_store_is_verified(with_word):
    with_word.verify()


@pytest.mark.parametrize("name", sorted(EXTENDED))
def test_extended_arrays_cannot_be_changed(with_word, name):
    with pytest.raises(ValueError, match="read-only"):
        getattr(with_word, name)[...] = 0


def test_an_extended_store_is_written_like_any(with_word, tmp_path):
    copied = {name: with_word.dataset[name].to_numpy() for name in with_word.dataset.variables}
    attrs = {key: value for key, value in with_word.attrs.items() if "hash" not in key}
    digest = write_store(tmp_path / "copy.zarr", copied, {**attrs, "inputs_hash": "0"})
    assert digest == with_word.content_hash


@pytest.fixture
def three(base, words):
    """Three typed concepts."""
    return [type_concept(base, word, words) for word in ("red bus", "Anvil", "moss")]


def test_the_order_of_typed_concepts_does_not_matter(base, three):
    orders = itertools.permutations(three)
    assert len({extended(base, order).content_hash for order in orders}) == 1


def test_no_typed_concepts_leave_the_store(base):
    assert extended(base, []) is base


def test_each_set_of_typed_concepts_has_its_hash(base, three):
    stores = (base, extended(base, three[:2]), extended(base, three))
    assert len({store.content_hash for store in stores}) == 3


def test_typed_concepts_come_last_by_name(base, three):
    assert extended(base, three).concepts[11:] == ["Anvil", "moss", "red bus"]


def test_synonyms_of_a_typed_concept_are_averaged(base, words):
    typed = type_concept(base, "red bus,  scarlet   bus", words)
    mean = words.embed_text(["a red bus", "a scarlet bus"]).mean(0)
    assert typed.texts == ("red bus", "scarlet bus")
    np.testing.assert_allclose(typed.text, mean / np.linalg.norm(mean), atol=1e-6)


@pytest.fixture
def twin(base, words):
    """The projections with a twin of wheel; the first two components stand for a PCA here."""
    words.known["twin"] = words.known["wheel"]
    return extended(base, [type_concept(base, "twin", words)]).concept_projection


def test_a_typed_concept_leaves_the_others_where_they_are(base, twin):
    np.testing.assert_array_equal(twin[:, :11], base.concept_projection)


def test_a_twin_lies_on_its_twin(base, twin):
    wheel = base.concept_projection[:, base.concepts.index("wheel")]
    np.testing.assert_allclose(twin[:, 11], wheel, atol=2e-3)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("", "is not a concept: a text between commas is empty"),
        (" , bus", "is not a concept"),
        ("bus, Bus", "'bus' is listed twice"),
        ("Wheel", "'wheel' already exists"),
    ],
)
def test_a_line_that_is_no_new_concept_is_refused(base, words, line, fault):
    with pytest.raises(DataError, match=fault):
        type_concept(base, line, words)


def test_another_encoder_is_refused(base, words):
    words.digest = "e" * 64
    with pytest.raises(DataError, match="made with another encoder") as told:
        type_concept(base, "bus", words)
    assert "inficond precompute" in told.value.remedy


def test_a_store_that_does_not_say_its_encoder_takes_no_concept(arrays, words, tmp_path):
    write_store(tmp_path / "old.zarr", arrays, ATTRS)
    with pytest.raises(DataError, match="lacks encoder_digest and prompts"):
        type_concept(open_store(tmp_path / "old.zarr"), "bus", words)


@pytest.fixture
def folder(base, words, tmp_path):
    """A folder of two typed concepts; the last line took the place of the second."""
    folder = TypedFolder(DiskFolder(tmp_path / "x.concepts"))
    for line in ("red bus, omnibus", "Moss", "moss, lichen"):
        folder.add(type_concept(base, line, words))
    return folder


def test_an_empty_folder_has_no_typed_concepts(base, tmp_path):
    assert TypedFolder(DiskFolder(tmp_path / "x.concepts")).read(base) == []


def test_typed_concepts_are_read_again(base, folder):
    assert [one.texts for one in folder.read(base)] == [("moss", "lichen"), ("red bus", "omnibus")]


def test_typed_concepts_of_a_folder_are_those_typed_again(base, folder, words):
    read = folder.read(base)
    again = [type_concept(base, ", ".join(one.texts), words) for one in read]
    assert extended(base, read).content_hash == extended(base, again).content_hash


def test_a_typed_concept_can_be_removed(base, folder):
    folder.remove(folder.read(base)[0])
    assert [one.name for one in folder.read(base)] == ["red bus"]


def test_no_temporary_file_stays_in_a_folder(folder):
    assert not list(folder.path.glob("*.tmp"))


@pytest.mark.parametrize("damage", ["bit", "cut", "empty"])
def test_a_typed_concept_whose_file_is_damaged_is_refused(base, folder, damage):
    file, *_ = folder.path.glob("*.npz")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes({"bit": bytes(data), "cut": bytes(data[:100]), "empty": b""}[damage])
    with pytest.raises(StoreFormatError, match=r"typed concept in .* is damaged"):
        folder.read(base)
