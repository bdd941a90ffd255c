"""Photos added beside a store: parts that are read by content hash, and never changed."""

import shutil
from unittest.mock import Mock

import numpy as np
import pytest
import zarr
from factory import ATTRS, small_arrays, small_store
from more_factory import added_part

from inficond_panel.concepts.scoring import Scoring, score_concept, score_corpus
from inficond_panel.concepts.typed import TypedConcept, basis_of, extended
from inficond_panel.errors import StoreError, StoreFormatError
from inficond_panel.store import more_photos as more_module
from inficond_panel.store import open_store, write_store
from inficond_panel.store.more_photos import Extended, more_folder, more_photos, parts_of


@pytest.fixture
def store(tmp_path):
    return small_store(tmp_path / "small.zarr", images=40)


@pytest.fixture
def three(store):
    """Three parts, of five, one and three photos."""
    return [added_part(store, n, seed, f"call {seed}") for n, seed in ((5, 1), (1, 2), (3, 3))]


def test_parts_leave_the_store_as_it_was(store):
    before = store.content_hash
    added_part(store, 5, 1, "call 1")
    again = open_store(store.path)
    assert (again.content_hash, again.written_hash) == (before, before)


def test_parts_are_found_beside_the_store(store, three):
    again, parts = open_store(store.path), three
    assert parts_of(again) == parts
    assert [part.path.name for part in parts] == ["0001.zarr", "0002.zarr", "0003.zarr"]
    assert len({part.content_hash for part in parts}) == 3
    assert more_folder(again).name == "small.more"


def test_parts_are_read_in_the_order_in_which_they_were_added(store, three):
    found = more_photos(open_store(store.path))
    assert found.images[:6] == (*(f"call 1 {i}" for i in range(5)), "call 2 0")
    assert (found.paths[5], found.digests[5]) == ("/photos/call 2 0.jpg", "2 0")
    assert len(found) == 9


def test_each_row_of_added_photos_is_that_of_its_part(store, three):
    found = more_photos(open_store(store.path))
    for row, name in enumerate(found.images):  # each row by the part alone
        part, at = found.place(row)
        assert part.images[at] == name
        np.testing.assert_array_equal(found.score[row], part.concept_score[at])
        np.testing.assert_array_equal(found.teacher_logit[row], part.teacher_logit[at])
        assert part.picture(at).size[0] > 0
    assert {found.score.dtype, found.teacher_logit.dtype} == {np.dtype(np.float32)}


def test_added_photos_are_read_only(store, three):
    found = more_photos(open_store(store.path))
    with pytest.raises(ValueError, match="read-only"):
        found.score[0] = 1


def test_a_part_that_was_changed_is_an_error_only_where_it_is_needed(store):
    first, second = added_part(store, 5, 1), added_part(store, 3, 2, "other")
    zarr.open_group(first.path)["concept_score"][0, 0] = 0.5
    with pytest.raises(StoreFormatError, match="concept_score differs") as told:
        more_photos(open_store(store.path), [first.content_hash])
    assert "small.more" in told.value.remedy
    shutil.rmtree(first.path / "image")
    with pytest.raises(StoreFormatError, match="damaged"):
        parts_of(store)
    assert len(more_photos(store, [second.content_hash])) == 3
    with pytest.raises(StoreError, match=r"no part .* damaged"):
        more_photos(store, [first.content_hash])


@pytest.mark.parametrize("paths", [7, "abcde", ["a"] * 4, ["a"] * 4 + [None]])
def test_a_part_made_by_hand_names_a_file_for_each_photo(store, monkeypatch, paths):
    def write(at, arrays, attrs):
        return write_store(at, arrays, attrs | {"paths": paths})

    monkeypatch.setattr(more_module, "write_store", write)
    added_part(store, 5)
    (more_folder(store) / "0x.zarr").mkdir()  # no part
    with pytest.raises(StoreFormatError, match="a file for each"):
        more_photos(open_store(store.path))


def test_parts_made_by_hand_may_not_share_names(store):
    added_part(store, 5, 1)
    added_part(store, 3, 2)
    with pytest.raises(StoreFormatError, match="the same name"):
        more_photos(open_store(store.path))


def test_parts_of_another_content_are_left_out_and_counted(store):
    part = added_part(store)
    other = small_store(store.path, images=40, seed=5)
    assert (parts_of(other), parts_of(other, other=True)) == ([], [part])
    with pytest.raises(StoreError, match="no part"):
        more_photos(other, [part.content_hash])


def test_a_half_written_part_is_no_part(store, monkeypatch):
    first = added_part(store, 5, 1)

    with monkeypatch.context() as patch:
        stopped = Mock(side_effect=KeyboardInterrupt)
        patch.setattr("inficond_panel.store.write.content_hash", stopped)
        with pytest.raises(KeyboardInterrupt):
            added_part(store, 3, 2)
    shutil.copytree(first.path, more_folder(store) / "0002.zarr.writing")  # as a killed run leaves
    assert parts_of(store) == [first]
    assert added_part(store, 3, 2).path.name == "0002.zarr"


@pytest.mark.parametrize("method", ["max_cosine", "centred", "contrast"])
def test_a_typed_concept_scores_added_photos_as_if_it_were_in_the_corpus(tmp_path, method):
    """The added photos are the store's: their scores are those of the word in the store."""
    arrays = small_arrays(images=30)
    text = arrays["concept_text_embedding"].astype(np.float32)
    embedding = arrays["segment_embedding"].astype(np.float16)
    owner = arrays["segment_image"]
    scoring = Scoring(method, 0.05 if method == "contrast" else None)
    scored = score_corpus(embedding, owner, text, images=30, scoring=scoring)
    whole = {**arrays, "concept_score": scored.score}
    if method == "centred":
        whole["score_centre"] = scored.scoring.centre
    if method == "contrast":
        whole["segment_normaliser"] = scored.scoring.normaliser
    write_store(tmp_path / "a.zarr", whole, {**ATTRS, "scores": scoring.settings})
    store = open_store(tmp_path / "a.zarr")
    vector = np.random.default_rng(3).normal(size=text.shape[1]).astype(np.float32)
    vector /= np.linalg.norm(vector)
    scores = np.zeros(30, np.float32), np.zeros(len(owner))
    typed = TypedConcept(("word",), basis_of(store), vector, *scores)
    bigger = extended(store, [typed])
    part = write_again(store, whole)
    found = more_photos(bigger)
    assert (found.score.shape[1], bigger.written_hash) == (len(text) + 1, store.content_hash)
    np.testing.assert_array_equal(found.score[:, :-1], store.concept_score)
    expected, _ = score_concept(embedding, owner, vector, images=30, scoring=scored.scoring)
    np.testing.assert_allclose(found.score[:, -1], expected, atol=1e-6)
    assert more_photos(bigger, [part.content_hash]).parts == (part.content_hash,)


def write_again(store, arrays):
    unlike = {"concept", "class_name", "method", "label", "split", "concept_projection"}
    unlike |= {"concept_text_embedding", "score_centre", "other_class"}
    kept = {name: one for name, one in arrays.items() if name not in unlike}
    names = [f"copy {i}" for i in range(len(arrays["image"]))]
    kept |= {"image": np.array(names), "image_digest": np.array(names)}
    return more_module.write_part(store, kept, names)


def test_a_softmax_teacher_has_its_other_logits(tmp_path):
    arrays = small_arrays(images=20)
    rng = np.random.default_rng(0)
    arrays |= {"other_class": np.array(["boat"]), "other_logit": rng.normal(size=(20, 1))}
    write_store(tmp_path / "a.zarr", arrays, {**ATTRS, "teacher_activation": "softmax"})
    store = open_store(tmp_path / "a.zarr")
    assert more_photos(store).other_logit.shape == (0, 1)
    write_again(store, arrays)
    found = more_photos(store)
    np.testing.assert_array_equal(found.other_logit, store.other_logit)
    np.testing.assert_allclose(found.teacher_log_odds, store.teacher_log_odds)


def test_the_result_says_what_was_added_and_what_was_not(store):
    found = Extended(
        store=store.path,
        part=added_part(store, 2),
        total=14,
        added=("a", "b"),
        already_there=("c.jpg",),
        refused=(("d.jpg", "000002", "tune"),),
        unreadable=(("e.jpg", "the file is empty"),),
        near_duplicates=(("a", "000003", "holdout"),),
    )
    assert list(found.lines()) == [
        f"2 photos added to {store.path}; 14 so far",
        "skipped 1 photo already in the store: c.jpg",
        "refused 1 photo equal to tune or holdout images: d.jpg = 000002 (tune)",
        "skipped 1 photo that cannot be read: e.jpg: the file is empty",
        "Warning: 1 nearly equal to tune or holdout images: a = 000003 (holdout)",
    ]
