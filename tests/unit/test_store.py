"""A store is written whole, read back equal, refused where it is damaged, and takes maps later."""

import json
import os
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr
from factory import ATTRS, small_arrays, small_store

from inficond_panel.errors import StoreFormatError, StoreMissingError
from inficond_panel.store import open_store, write_store
from inficond_panel.store.schema import array_hash, content_hash
from inficond_panel.store.write import add_arrays


def drawn() -> dict[str, np.ndarray]:
    return small_arrays(images=40, concepts=10, classes=2)


def made(folder: Path, *changes: tuple[str, Any, Any], **attrs: Any) -> Path:
    """A store whose hashes agree, of drawn arrays with other values at some (name, place)."""
    arrays = drawn()
    for name, at, value in changes:
        arrays[name][at] = value
    write_store(folder / "s.zarr", arrays, {**ATTRS, **attrs})
    return folder / "s.zarr"


@pytest.fixture
def path(tmp_path):
    return small_store(tmp_path / "s.zarr", images=40, concepts=10, classes=2).path


def edit(path: Path, **attributes: object) -> None:
    """Change attributes of a store by hand; None takes one out."""
    meta = json.loads((path / "zarr.json").read_text())
    edited = {**meta["attributes"], **attributes}
    meta["attributes"] = {name: value for name, value in edited.items() if value is not None}
    (path / "zarr.json").write_text(json.dumps(meta))


def test_what_was_written_is_read_back_and_cannot_be_written_to(tmp_path):
    arrays = drawn()
    arrays["image"][1] = "ä b"
    arrays["segment_image"][arrays["segment_image"] == 3] = 2  # image 3 has none
    write_store(tmp_path / "s.zarr", arrays, ATTRS)
    store = open_store(tmp_path / "s.zarr")
    assert store.images[:3] == ["000000", "ä b", "000002"]
    assert store.classes == ["bicycle", "tv monitor"]
    np.testing.assert_array_equal(store.label, arrays["label"])
    np.testing.assert_array_equal(store.concept_score, arrays["concept_score"].astype("f4"))
    assert store.rows("tune").tolist() == list(range(2, 40, 4))
    of_two = np.flatnonzero(arrays["segment_image"] == 2)
    assert store.segments_of(2).tolist() == of_two.tolist()
    assert store.segments_of(3).tolist() == []
    store.verify()
    with pytest.raises(ValueError, match="read-only"):
        store.concept_score[0, 0] = 1


@pytest.mark.parametrize("part", [1, 5, 6, 1000])
def test_a_hash_is_sha256_of_type_shape_and_bytes_however_it_is_read(monkeypatch, part):
    values = np.arange(42, dtype=np.float16).reshape(7, 2, 3)
    expected = sha256(b"float16(7, 2, 3)" + values.astype("<f2").tobytes()).hexdigest()
    monkeypatch.setattr("inficond_panel.store.schema._PART", part)
    for same in (values, values.astype(">f2"), xr.DataArray(values)):
        assert array_hash(same) == expected
    assert array_hash(values.T) != expected
    assert content_hash({"b": "2", "a": "1"}) == sha256(b"a 1\nb 2\n").hexdigest()


def test_the_same_arrays_have_the_same_content_hash_and_others_another(tmp_path):
    def digest(**changed: np.ndarray) -> str:
        return write_store(tmp_path / "s.zarr", {**drawn(), **changed}, ATTRS)

    def about(hour: str) -> dict[str, np.ndarray]:
        texts = np.full((40, 2), "süd")
        texts[0, 1] = hour
        return {"metadata_column": np.array(["place", "hour"]), "metadata": texts}

    label = drawn()["label"]
    label[1, 0] = 1 - label[1, 0]
    plain, placed = digest(), digest(**about(""))
    assert (digest(), digest(**about(""))) == (plain, placed)
    assert len({plain, placed, digest(label=label), digest(**about("1 h"))}) == 4


def test_a_store_is_replaced_only_by_a_complete_one(path):
    arrays = drawn()
    arrays["label"][:] = 0
    write_store(path, arrays, ATTRS)
    assert not open_store(path).label.any()
    before = open_store(path).content_hash
    del arrays["label"]
    with pytest.raises(StoreFormatError, match="missing array 'label'"):
        write_store(path, arrays, ATTRS)
    assert open_store(path).content_hash == before
    assert [entry.name for entry in path.parent.iterdir()] == ["s.zarr"]


def test_what_is_no_store_is_told_and_one_without_a_projection_refused(tmp_path, path):
    with pytest.raises(StoreMissingError, match="inficond precompute"):
        open_store(tmp_path / "none.zarr")
    (tmp_path / "file").write_text("no store")
    with pytest.raises(StoreFormatError, match="cannot be read as a store"):
        open_store(tmp_path / "file")
    shutil.rmtree(path / "split")
    with pytest.raises(StoreFormatError, match="split is missing"):
        open_store(path)
    arrays = drawn()
    for name in ("method", "concept_projection"):
        arrays[name] = arrays[name][:0]
    write_store(tmp_path / "s.zarr", arrays, ATTRS)
    with pytest.raises(StoreFormatError, match="it has no method"):
        open_store(tmp_path / "s.zarr")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        *[
            ({name: None}, f"attribute {name} is missing")
            for name in ("title", "encoder", "corpus", "teacher", "inputs_hash", "content_hash")
        ],
        ({"format": None}, "not a store"),
        ({"format_version": 99}, "version 99(.|\n)*inficond precompute"),
        ({"content_hash": "00"}, "content_hash does not match its attribute variable_hashes"),
        ({"variable_hashes": [1]}, "variable_hashes has the wrong type"),
        ({"variable_hashes": {"label": "00"}}, "does not match its attribute variable_hashes"),
        ({"scores": {"method": "centred"}}, "its attributes do not match their hash"),
    ],
)
def test_an_attribute_that_was_changed_by_hand_is_noticed(path, changed, message):
    edit(path, **changed)
    with pytest.raises(StoreFormatError, match=message):
        open_store(path)


def test_the_hash_of_attributes_is_that_of_their_json_and_a_store_without_it_opens(tmp_path):
    path = made(tmp_path, title="é")
    attributes = json.loads((path / "zarr.json").read_text())["attributes"]
    found = attributes.pop("attributes_hash")
    text = json.dumps(attributes, sort_keys=True, separators=(",", ":"))
    assert "\\u00e9" in text
    assert found == sha256(text.encode("ascii")).hexdigest()
    edit(path, attributes_hash=None)
    assert open_store(path).title == "é"


@pytest.mark.parametrize(
    ("name", "content"),
    [("label", None), ("thumbnail", None), ("concept", None), ("teacher_logit", b"\x00garbled")],
)
def test_a_lost_or_garbled_chunk_is_noticed(path, name, content):
    chunk = next(file for file in (path / name / "c").rglob("*") if file.is_file())
    chunk.unlink()
    if content:
        chunk.write_bytes(content)
    with pytest.raises(StoreFormatError, match=f"damaged: {name}"):
        open_store(path).verify()


FAULTS = {
    "two classes of one name": ("class_name", 1, "bicycle", "has the name 'bicycle' twice"),
    "two images of one name": ("image", 1, "000000", "image has the name '000000' twice"),
    "two concepts of one name": ("concept", 3, "wheel", "concept has the name 'wheel' twice"),
    "an empty name": ("concept", 3, " ", "concept has an empty name"),
    "labels": ("label", (3, 1), -7, "label has 1 values that .* -1 and 1, the first at "
               "image '000003', class_name 'tv monitor'"),
    "split": ("split", 5, "Tune", "split has 1 values that are none of fit, tune, holdout"),
    "image of a segment": ("segment_image", -1, 40, "segment_image .* not between 0 and 39"),
    "order of segments": ("segment_image", 0, 39, "segment_image does not ascend"),
    "concept of a segment": ("segment_concept", 0, 10**9, "segment_concept .* 0 and 9"),
    "no concept of a segment": ("segment_concept", 0, -1, "segment_concept .* 0 and 9"),
    "boxes": ("segment_box", (0, 1), np.nan, "segment_box has 1 values that are NaN"),
    "logits": ("teacher_logit", (2, 0), np.inf, "teacher_logit has 1 values that are NaN"),
    "places": ("concept_projection", (0, 2, 1), np.nan, "concept_projection has 1"),
    "offsets fall": ("thumbnail_offset", 3, 10**6, "thumbnail_offset does not rise"),
    "offsets end early": ("mask_offset", 40, 7, "mask_offset does not rise"),
    "shapes": ("thumbnail_shape", (4, 0), 16, "mask_offset does not fit thumbnail_shape"),
    "huge shapes": ("thumbnail_shape", (4, 0), 2**31 - 1, "thumbnail_shape .* 1 and 8192"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_values_that_cannot_be_are_refused(tmp_path, fault):
    *change, message = FAULTS[fault]
    with pytest.raises(StoreFormatError, match=message) as told:
        open_store(made(tmp_path, change))
    assert "inficond precompute" in told.value.remedy


def test_scores_are_refused_before_they_are_used_and_all_other_faults_told_together(tmp_path):
    for value in (np.nan, -0.5, np.inf):
        store = open_store(made(tmp_path, ("concept_score", (2, 1), value)))
        with pytest.raises(StoreFormatError, match=r"concept_score has 1 values .* 'spoke'"):
            _ = store.concept_score
    changes = ("class_name", 1, "bicycle"), ("label", (0, 0), 5), ("mask_offset", 1, -1)
    with pytest.raises(StoreFormatError) as told:
        open_store(made(tmp_path, *changes))
    for name, *_ in changes:
        assert name in told.value.message


@pytest.mark.parametrize(
    ("attrs", "message"),
    [
        ({"encoder": [0]}, "attribute encoder has the wrong type"),
        ({"title": 3}, "attribute title has the wrong type"),
        ({"warnings": "all"}, "attribute warnings has the wrong type"),
        ({"prompts": [1]}, "attribute prompts has the wrong type"),
        ({"stages": ["text"]}, "attribute stages has the wrong type"),
        ({"stages": {"text": {}}}, r"attribute stages\.text\.key is missing"),
        ({"stages": {"text": {"key": "0", "seconds": "1"}}}, r"stages\.text\.seconds"),
        ({"scores": {"method": "max"}}, r"scores\.method is 'max', not one of"),
        ({"scores": {"method": "contrast", "temperature": 0}}, r"scores\.temperature"),
        ({"scores": {"method": "centred"}}, "score_centre is missing"),
        ({"knowledge": {"b": 1}}, r"knowledge\.network is missing"),
    ],
)
def test_attributes_of_other_types_are_refused(tmp_path, attrs, message):
    with pytest.raises(StoreFormatError, match=message):
        open_store(made(tmp_path, **attrs))


@pytest.mark.parametrize("name", ["thumbnail", "mask", "image", "label", "segment_image"])
def test_a_shape_that_no_file_fills_is_refused_at_once(path, name):
    meta = json.loads((path / name / "zarr.json").read_text())
    meta["shape"][0] = 2**62
    (path / name / "zarr.json").write_text(json.dumps(meta))
    with pytest.raises(StoreFormatError):
        open_store(path)


@pytest.mark.parametrize("name", ["zarr.json", "label/zarr.json", "label/c/0/0", "thumbnail/c/0"])
def test_a_pipe_in_a_store_is_refused(path, name):
    (path / name).unlink()
    os.mkfifo(path / name)
    with pytest.raises(StoreFormatError, match=f"{name} is neither a file nor a folder"):
        open_store(path)


def test_links_to_files_are_followed_and_others_refused(tmp_path, path):
    chunk = path / "label" / "c" / "0" / "0"
    shutil.move(chunk, tmp_path / "content")
    chunk.symlink_to(tmp_path / "content")
    open_store(path).verify()
    chunk.unlink()
    for link, target in ((chunk, "/dev/zero"), (path / "label" / "again", path)):
        link.symlink_to(target)
        with pytest.raises(StoreFormatError, match="is a link that leads to no file"):
            open_store(path)
        link.unlink()


FACTS = {"knowledge": {"b": 0.2, "network": "net", "layer": None}}


def maps_of(store, measured):
    found = np.full(len(store.dataset["mask"]), np.nan, np.float32)
    for image in measured:
        start, stop = store.mask_offset[image : image + 2]
        found[start:stop] = np.linspace(-1, 1, stop - start) + image
    return found


@pytest.fixture
def store(tmp_path):
    return small_store(tmp_path / "a.zarr", images=24)


def test_maps_come_back_the_content_hash_stays_and_a_map_that_was_changed_is_noticed(store):
    before = {name: store.dataset[name].to_numpy() for name in map(str, store.dataset.variables)}
    add_arrays(store, {"knowledge_contrast": maps_of(store, [0, 5])}, FACTS)
    after = open_store(store.path)
    after.verify()
    assert after.content_hash == store.content_hash
    assert after.attrs["knowledge"] == FACTS["knowledge"]
    hashes = (set(each.attrs["variable_hashes"]) for each in (after, store))
    assert set.difference(*hashes) == {"knowledge_contrast"}
    for name, values in before.items():
        assert np.array_equal(after.dataset[name].to_numpy(), values), name
    assert after.knowledge_contrast(1) is None
    found = after.knowledge_contrast(5)
    assert found.shape == tuple(store.thumbnail_shape[5])
    assert found.ravel() == pytest.approx(np.linspace(4, 6, found.size), abs=3e-3)
    zarr.open_group(store.path, mode="r+")["knowledge_contrast"][3] = 9
    with pytest.raises(StoreFormatError, match="knowledge_contrast differs"):
        open_store(store.path).verify()


def test_a_damaged_store_is_not_copied_and_maps_of_another_size_and_other_arrays_refused(store):
    with pytest.raises(StoreFormatError, match="knowledge_contrast"):
        add_arrays(store, {"knowledge_contrast": np.zeros(7)}, {})
    with pytest.raises(ValueError, match="concept_score"):
        add_arrays(store, {"concept_score": np.zeros(7)}, {})
    open_store(store.path).verify()
    (chunk, *_) = sorted((store.path / "concept_score" / "c").rglob("*"))[-1:]
    chunk.write_bytes(chunk.read_bytes()[:-3])
    with pytest.raises(StoreFormatError, match="damaged"):
        add_arrays(open_store(store.path), {"knowledge_contrast": maps_of(store, [0])}, FACTS)
    assert not open_store(store.path).has("knowledge_contrast")
