"""The own word of a class: among the concepts, or next to the store, whose hash stays."""

import shutil

import numpy as np
import pytest
import zarr
from factory import ATTRS, CLASSES, EMBED, small_arrays, small_store
from frames import frames
from more_factory import added_part

from inficond_panel import from_frames
from inficond_panel.common import places
from inficond_panel.concepts import beside
from inficond_panel.concepts import own_words as module
from inficond_panel.concepts.own_words import (
    near_words,
    own_word,
    own_words,
    without_word,
    words_note,
    words_path,
    words_text,
    words_to_make,
    write_words,
)
from inficond_panel.concepts.scoring import Scoring, score_corpus
from inficond_panel.concepts.typed import TypedConcept, basis_of, extended, scoring_of
from inficond_panel.errors import DataError, StoreFormatError
from inficond_panel.store import open_store, write_store
from inficond_panel.store.more_photos import AllImages, more_folder, write_part

MADE = {"encoder_digest": "e" * 64, "prompts": ["a photo of a {}"]}
METHODS = ["max_cosine", "centred", "contrast"]
TEMPERATURE = 0.05


def unit(seed, shape=(EMBED,)):
    vectors = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def store_by(path, method="max_cosine", attrs=MADE, **changed):
    """A small store whose images are scored by ``method``, as made from photos."""
    arrays = small_arrays(images=40) | changed
    embedding = arrays["segment_embedding"] = arrays["segment_embedding"].astype(np.float16)
    text, owner = arrays["concept_text_embedding"].astype(np.float32), arrays["segment_image"]
    scoring = Scoring(method, TEMPERATURE if method == "contrast" else None)
    scored = score_corpus(embedding, owner, text, images=40, scoring=scoring)
    arrays["concept_score"] = scored.score
    if method == "centred":
        arrays["score_centre"] = scored.scoring.centre
    if method == "contrast":
        arrays["segment_normaliser"] = scored.scoring.normaliser
    write_store(path, arrays, {**ATTRS, **attrs, "scores": scoring.settings})
    return open_store(path)


def write_all(store, seed=3):
    """Words next to a store for all its classes without a concept, with drawn vectors."""
    names = words_to_make(store, None)
    return write_words(store, names, {name: unit((seed, i)) for i, name in enumerate(names)})


@pytest.fixture
def store(tmp_path):
    return store_by(tmp_path / "own.zarr")


def by_hand(part, text, method, corpus):
    """Scores of a word by a loop over images, in double precision, from the definitions."""
    segments, word = part.segment_embedding.astype(float), text.astype(float)
    if method == "centred":
        centre = part.score_centre.astype(float)
        segments, word = segments - centre[0], word - centre[1]
        segments /= np.linalg.norm(segments, axis=1, keepdims=True)
        word /= np.linalg.norm(word)
    value = segments @ word
    if method == "contrast":
        others = np.exp(segments @ corpus.astype(float).T / TEMPERATURE).sum(axis=1)
        value = np.exp(value / TEMPERATURE) / (np.exp(value / TEMPERATURE) + others)
    owners = [part.segment_image == image for image in range(len(part.images))]
    return np.array([max(0.0, *value[own]) if own.any() else 0.0 for own in owners])


@pytest.mark.parametrize("method", METHODS)
def test_scores_are_the_largest_of_the_segments(tmp_path, method):
    store = store_by(tmp_path / "own.zarr", method)
    write_all(store)
    word = own_word(store, "sheep")
    expected = by_hand(store, unit((3, 2)), method, store.concept_text_embedding)
    np.testing.assert_allclose(word.scores, expected, atol=2e-6)


@pytest.mark.parametrize("method", METHODS)
def test_an_added_photo_is_scored_like_a_photo_of_the_store(tmp_path, method):
    store = store_by(tmp_path / "own.zarr", method)
    write_all(store)
    part = part_by(store, method)
    images = AllImages(store)
    scores = own_word(store, "sheep").scores_at(images, images.added)
    opened = open_store(part.path)
    expected = by_hand(opened, unit((3, 2)), method, store.concept_text_embedding)
    np.testing.assert_allclose(scores, expected, atol=2e-6)


def part_by(store, method):
    """Twelve photos that were added to a store, scored by ``method``."""
    arrays = small_arrays(images=12, seed=7)
    owner, scoring = arrays["segment_image"], scoring_of(store)
    segments = arrays["segment_embedding"].astype(np.float16), owner
    scored = score_corpus(*segments, store.concept_text_embedding, images=12, scoring=scoring)
    alike = {"concept", "class_name", "method", "label", "split"}
    alike |= {"concept_text_embedding", "concept_projection"}
    names = np.array([f"new {i}" for i in range(12)])
    own = {"image": names, "image_digest": names, "concept_score": scored.score}
    if method == "contrast":
        own["segment_normaliser"] = scored.scoring.normaliser
    kept = {name: values for name, values in arrays.items() if name not in alike}
    return write_part(store, {**kept, **own}, [f"{i}.jpg" for i in range(12)])


def test_rows_mix_photos_of_the_store_with_added_photos(store):
    write_all(store)
    added_part(store, 12)
    images, word = AllImages(store), own_word(store, "sheep")
    every = word.scores_at(images, np.arange(52))
    np.testing.assert_array_equal(word.scores_at(images, np.array([51, 0, 40])), every[[51, 0, 40]])


def test_rows_of_the_store_have_the_stores_scores(store):
    write_all(store)
    word = own_word(store, "sheep")
    rows = store.rows("tune")
    np.testing.assert_array_equal(word.scores_at(AllImages(store), rows), word.scores[rows])


def test_the_hash_of_the_store_stays(store):
    before = {file: file.read_bytes() for file in store.path.rglob("*") if file.is_file()}
    write_all(store)
    assert before == {file: file.read_bytes() for file in store.path.rglob("*") if file.is_file()}


def test_the_word_is_none_of_the_concepts(store):
    write_all(store)
    assert own_word(store, "sheep").concept is None


def test_a_word_has_the_class_and_its_synonyms_for_names(store):
    write_all(store)
    names = ("tv monitor", "tv", "television", "television set")
    assert own_word(store, "tv monitor").names == names


def test_a_word_next_to_the_store_has_the_vector_it_was_made_with(store):
    write_all(store)
    np.testing.assert_array_equal(own_word(store, "sheep").text, unit((3, 2)))


def with_concept(path, name, synonyms=(), **attrs):
    """A store whose third concept is ``name``."""
    concepts = small_arrays(images=40)["concept"].astype(object)
    concepts[2] = name
    more = {"synonyms": {name: list(synonyms)}} if synonyms else {}
    return store_by(path, concept=concepts.astype(str), attrs={**MADE, **more, **attrs})


@pytest.mark.parametrize(
    ("name", "synonyms"),
    [
        ("tv monitor", ()),
        ("TV-Monitors", ()),
        ("television", ()),
        ("screen 9", ("tvmonitor",)),
        ("screen 9", ("monitor", "television set")),
    ],
)
def test_a_listed_concept_is_the_own_word(tmp_path, name, synonyms):
    store = with_concept(tmp_path / "own.zarr", name, synonyms)
    assert own_word(store, "tv monitor").concept == 2


@pytest.mark.parametrize("name", ["monitor", "tv set top box", "tele"])
def test_a_part_of_the_name_is_not_the_own_word(tmp_path, name):
    store = with_concept(tmp_path / "own.zarr", name)
    assert own_word(store, "tv monitor") is None


def test_of_two_concepts_the_own_word_is_the_one_with_the_classs_name(tmp_path):
    concepts = small_arrays(images=40)["concept"].astype(object)
    concepts[[2, 5]] = "television", "tv monitor"
    store = store_by(tmp_path / "own.zarr", concept=concepts.astype(str))
    assert own_word(store, "tv monitor").concept == 5


def test_a_listed_word_has_the_concepts_scores(tmp_path):
    store = with_concept(tmp_path / "own.zarr", "sheep")
    np.testing.assert_array_equal(own_word(store, "sheep").scores, store.concept_score[:, 2])


def test_a_listed_word_has_the_concepts_scores_of_added_photos(tmp_path):
    store = with_concept(tmp_path / "own.zarr", "sheep")
    added_part(store, 12)
    images = AllImages(store)
    scores = own_word(store, "sheep").scores_at(images, images.added)
    np.testing.assert_array_equal(scores, images.more.score[:, 2])


def test_a_listed_word_needs_none_next_to_the_store(tmp_path):
    store = with_concept(tmp_path / "own.zarr", "sheep")
    assert "sheep" not in words_to_make(store, None)


def typed(store, name):
    segments = len(store.segment_image)
    arrays = unit(8), np.full(40, 0.5, np.float32), np.zeros(segments, np.float32)
    return extended(store, [TypedConcept((name,), basis_of(store), *arrays)])


def test_a_typed_concept_becomes_the_own_word(store):
    write_all(store)
    assert own_word(typed(store, "lamb"), "sheep").concept is None
    assert own_word(typed(store, "sheep"), "sheep").concept == 30


def test_typed_concepts_leave_the_words_next_to_the_store(store):
    words = write_all(store)
    assert own_words(typed(store, "lamb")).content_hash == words.content_hash


@pytest.mark.parametrize("missing", [*MADE])
def test_without_its_encoder_a_store_has_no_words_next_to_it(tmp_path, missing):
    attrs = {name: value for name, value in MADE.items() if name != missing}
    store = store_by(tmp_path / "own.zarr", attrs=attrs)
    assert (words_to_make(store, None), own_word(store, "sheep")) == ({}, None)


def test_a_store_of_tables_has_the_concept_of_the_classs_name(tmp_path):
    given = frames()
    given["scores"] = given["scores"].rename(columns={"tail": "cats"})
    from_frames(**given, path=tmp_path / "own.zarr")
    store = open_store(tmp_path / "own.zarr")
    assert own_word(store, "cat").concept == store.concepts.index("cats")
    assert own_word(store, "bird") is None


def test_an_unknown_class_is_named(store):
    with pytest.raises(DataError, match=r"no class 'shep'.* Did you mean 'sheep'"):
        own_word(store, "shep")


def test_equal_words_have_equal_bits(store, tmp_path):
    first = write_all(store).content_hash
    shutil.rmtree(words_path(store))
    assert write_all(store).content_hash == first


def test_words_of_other_prompts_are_not_the_stores(store):
    write_all(store)
    other = store_by(store.path, attrs={**MADE, "prompts": ["a drawing of a {}"]})
    assert own_words(other) is None


def test_words_of_other_prompts_take_their_place(store):
    write_all(store)
    other = store_by(store.path, attrs={**MADE, "prompts": ["a drawing of a {}"]})
    words = write_all(other, seed=4)
    assert list(words.path.parent.iterdir()) == [words.path]


def test_other_labels_leave_the_words(store):
    words = write_all(store)
    other = store_by(store.path, label=1 - np.abs(small_arrays(images=40)["label"]))
    assert other.content_hash != store.content_hash
    assert own_words(other).content_hash == words.content_hash


def test_words_are_seen_by_a_store_that_is_open(store):
    assert own_word(store, "sheep") is None
    write_all(store)
    assert own_word(store, "sheep") is not None


def test_a_class_that_could_not_be_encoded_is_not_tried_again(store):
    names = words_to_make(store, None)
    words = write_words(store, names, {"sheep": unit(1)})
    assert words_to_make(store, words) == {}
    assert without_word(store) == [name for name in CLASSES[:4] if name != "sheep"]


def test_another_class_lets_all_words_be_made_again(store):
    words = write_all(store)
    concepts = [*small_arrays(images=40)["class_name"][:3], "horse"]
    other = store_by(store.path, class_name=np.array(concepts))
    assert list(words_to_make(other, words)) == concepts


def test_words_of_a_store_at_an_address_are_at_that_address(monkeypatch):
    pytest.importorskip("upath")
    monkeypatch.setattr(places, "PROTOCOLS", (*places.PROTOCOLS, "memory"))
    address = places.place_of("memory://bucket/own.zarr")
    arrays = small_arrays(images=40)
    write_store(address, arrays, {**ATTRS, **MADE})
    write_all(open_store(address))
    store = open_store(address)
    assert str(own_words(store).path).startswith("memory://bucket/own.words/")


# --- damage


def change_score(path):
    zarr.open_group(path)["concept_score"][0, 0] = 0.5


def remove_score(path):
    shutil.rmtree(path / "concept_score")


def spoil_group(path):
    (path / "zarr.json").write_text("{")


def forget_owner(path):
    group = zarr.open_group(path)
    group.attrs[beside.WORDS_OF] = "0" * 64


def forget_names(path):
    zarr.open_group(path).attrs[module.NAMES] = ["sheep"]


@pytest.mark.parametrize(
    "spoil", [change_score, remove_score, spoil_group, forget_owner, forget_names]
)
def test_damaged_words_are_told_with_a_remedy(store, spoil):
    path = write_all(store).path
    spoil(path)
    with pytest.raises(StoreFormatError, match="damaged") as error:
        own_word(open_store(store.path), "sheep")
    assert "inficond concept words SPEC" in error.value.remedy


def test_words_of_another_store_are_told(store, tmp_path):
    other = store_by(tmp_path / "other.zarr", image=np.array([f"x{i}" for i in range(40)]))
    shutil.copytree(write_all(other).path, words_path(store))
    with pytest.raises(StoreFormatError, match="belong to another store"):
        own_words(store)


# --- for people


def test_the_number_of_words_is_told_with_the_classes_that_lack_one(store):
    write_words(store, words_to_make(store, None), {"sheep": unit(1), "bird": unit(2)})
    assert words_text(store) == "2 of 4 classes; none: bicycle, tv monitor"


def test_the_note_names_the_command(store):
    assert words_note(store, "my spec.yaml").endswith("inficond concept words 'my spec.yaml'")


def test_there_is_no_note_when_all_words_are_there(store):
    write_all(store)
    assert words_note(store, "spec.yaml") == ""


def test_there_is_no_note_for_a_store_that_cannot_have_words(tmp_path):
    assert words_note(small_store(tmp_path / "small.zarr", images=40), "spec.yaml") == ""


def test_added_photos_are_not_taken_for_words(store):
    added_part(store, 5)
    write_all(store)
    assert more_folder(store).parent == words_path(store).parent.parent
    assert len(AllImages(store).added) == 5


def near_of(name, concepts):
    """Names of the concepts of a store of tables that count as the class ``name``."""
    store = spelt(name, concepts)
    return {store.concepts[c] for c in near_words(store, name)}


def spelt(name, concepts):
    """Store of tables with one class, and these concepts."""
    given = frames(images=40)
    scores = given["scores"].iloc[:, : len(concepts)].set_axis(concepts, axis=1)
    tables = {key: given[key][["bird"]].set_axis([name], axis=1) for key in ("logits", "labels")}
    return from_frames(scores, **tables, split=given["split"]).tuner.store


@pytest.mark.parametrize(
    ("name", "concept"),
    [("blond", "blonde"), ("blonde", "blond"), ("colour", "colors"), ("blond hair", "blonde hair")],
)
def test_without_text_vectors_another_spelling_is_near(name, concept):
    assert near_of(name, [concept, "man", "woman"]) == {concept}


@pytest.mark.parametrize(("name", "concept"), [("blond", "blonde"), ("colour", "colors")])
def test_without_text_vectors_the_own_word_may_have_another_spelling(name, concept):
    assert own_word(spelt(name, [concept, "man", "woman"]), name).name == concept


def test_the_own_word_in_another_spelling_is_not_the_word_of_another_class():
    given = frames(images=40)
    scores = given["scores"].iloc[:, :2].set_axis(["blonde", "man"], axis=1)
    tables = {
        key: given[key].iloc[:, :2].set_axis(["blond", "blonde"], axis=1)
        for key in ("logits", "labels")
    }
    store = from_frames(scores, **tables, split=given["split"]).tuner.store
    assert own_word(store, "blond") is None


@pytest.mark.parametrize(
    ("name", "concept"),
    [("board", "beard"), ("horse", "house"), ("bride", "bridge"), ("man", "mane"), ("car", "care")],
)
def test_a_word_that_differs_by_a_letter_is_another_word(name, concept):
    assert near_of(name, [concept, "dog", "tree"]) == set()
