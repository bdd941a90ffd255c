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
from inficond_panel.store.checks import value_fault
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


@pytest.fixture(scope="module")
def read_back(tmp_path_factory):
    """Arrays with an image of no segment and a name with a letter of no ASCII, and their store."""
    arrays, folder = drawn(), tmp_path_factory.mktemp("written")
    arrays["image"][1] = "ä b"
    arrays["segment_image"][arrays["segment_image"] == 3] = 2  # image 3 has none
    write_store(folder / "s.zarr", arrays, ATTRS)
    return arrays, open_store(folder / "s.zarr")


def test_names_are_read_back(read_back):
    _, store = read_back
    assert store.images[:3] == ["000000", "ä b", "000002"]
    assert store.classes == ["bicycle", "tv monitor"]


def test_arrays_are_read_back(read_back):
    arrays, store = read_back
    np.testing.assert_array_equal(store.label, arrays["label"])
    np.testing.assert_array_equal(store.concept_score, arrays["concept_score"].astype("f4"))


def test_the_rows_of_a_split_are_read_back(read_back):
    assert read_back[1].rows("tune").tolist() == list(range(2, 40, 4))


def test_the_segments_of_an_image_are_read_back(read_back):
    arrays, store = read_back
    of_two = np.flatnonzero(arrays["segment_image"] == 2)
    assert store.segments_of(2).tolist() == of_two.tolist()


def test_an_image_without_segments_has_none(read_back):
    assert read_back[1].segments_of(3).tolist() == []


def test_what_was_written_is_verified(read_back):
    read_back[1].verify()


def test_arrays_of_a_store_cannot_be_changed(read_back):
    with pytest.raises(ValueError, match="read-only"):
        read_back[1].concept_score[0, 0] = 1


VALUES = np.arange(42, dtype=np.float16).reshape(7, 2, 3)


@pytest.mark.parametrize("part", [1, 5, 6, 1000])
@pytest.mark.parametrize(
    "same", [VALUES, VALUES.astype(">f2"), xr.DataArray(VALUES)], ids=["little", "big", "xarray"]
)
def test_the_hash_of_an_array_is_sha256_of_type_shape_bytes(monkeypatch, part, same):
    expected = sha256(b"float16(7, 2, 3)" + VALUES.astype("<f2").tobytes()).hexdigest()
    monkeypatch.setattr("inficond_panel.store.schema._PART", part)
    assert array_hash(same) == expected


@pytest.mark.parametrize("part", [1, 5, 6, 1000])
def test_another_order_of_an_array_has_another_hash(monkeypatch, part):
    monkeypatch.setattr("inficond_panel.store.schema._PART", part)
    assert array_hash(VALUES.T) != array_hash(VALUES)


@pytest.mark.parametrize("kind", [object, str, np.dtypes.StringDType()], ids=["o", "U", "T"])
def test_the_hash_of_texts_is_sha256_of_their_lines(kind):
    lines = "string(3,)bus\nnaïve\n\n".encode()
    assert array_hash(np.array(["bus", "naïve", ""], dtype=kind)) == sha256(lines).hexdigest()


@pytest.mark.parametrize("kind", [np.float16, np.float32])
@pytest.mark.parametrize("wrong", [np.nan, -np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_found(kind, wrong):
    values = np.array([[0, 1], [-1, 65504]], dtype=kind)
    assert value_fault("segment_embedding", values, {}, signed=False) is None
    values[1, 0] = wrong
    found = value_fault("segment_embedding", values, {}, signed=False)
    assert found == ("has 1 values that are NaN or infinite", (1, 0))


def test_the_content_hash_is_sha256_of_the_sorted_hashes():
    assert content_hash({"b": "2", "a": "1"}) == sha256(b"a 1\nb 2\n").hexdigest()


def digest(folder: Path, **changed: np.ndarray) -> str:
    """Content hash of a store of drawn arrays with these in their place."""
    return write_store(folder / "s.zarr", {**drawn(), **changed}, ATTRS)


def about(hour: str) -> dict[str, np.ndarray]:
    """Metadata with this hour of the first image."""
    texts = np.full((40, 2), "süd")
    texts[0, 1] = hour
    return {"metadata_column": np.array(["place", "hour"]), "metadata": texts}


@pytest.mark.parametrize("more", [{}, about("")], ids=["plain", "with metadata"])
def test_the_same_arrays_have_the_same_content_hash(tmp_path, more):
    assert digest(tmp_path, **more) == digest(tmp_path, **more)


def test_other_arrays_have_another_content_hash(tmp_path):
    label = drawn()["label"]
    label[1, 0] = 1 - label[1, 0]
    changes = ({}, about(""), {"label": label}, about("1 h"))
    assert len({digest(tmp_path, **change) for change in changes}) == 4


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


def test_a_store_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(StoreMissingError, match="inficond precompute"):
        open_store(tmp_path / "none.zarr")


def test_a_file_is_no_store(tmp_path):
    (tmp_path / "file").write_text("no store")
    with pytest.raises(StoreFormatError, match="cannot be read as a store"):
        open_store(tmp_path / "file")


def test_a_store_without_an_array_is_refused(path):
    shutil.rmtree(path / "split")
    with pytest.raises(StoreFormatError, match="split is missing"):
        open_store(path)


def test_a_store_without_a_projection_is_refused(tmp_path):
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
        ({"format_version": 0}, "format 0, of an earlier version(.|\n)*inficond precompute"),
        ({"format_version": 99}, "format 99, of a newer version(.|\n)*Install the newest"),
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


def test_the_hash_of_attributes_is_that_of_their_json(tmp_path):
    path = made(tmp_path, title="é")
    attributes = json.loads((path / "zarr.json").read_text())["attributes"]
    found = attributes.pop("attributes_hash")
    text = json.dumps(attributes, sort_keys=True, separators=(",", ":"))
    assert "\\u00e9" in text
    assert found == sha256(text.encode("ascii")).hexdigest()


def test_a_store_without_a_hash_of_attributes_opens(tmp_path):
    path = made(tmp_path, title="é")
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


@pytest.mark.parametrize("value", [np.nan, -0.5, np.inf])
def test_scores_that_cannot_be_are_refused_before_they_are_used(tmp_path, value):
    store = open_store(made(tmp_path, ("concept_score", (2, 1), value)))
    with pytest.raises(StoreFormatError, match=r"concept_score has 1 values .* 'spoke'"):
        _ = store.concept_score


def test_other_faults_of_a_store_are_told_together(tmp_path):
    changes = ("class_name", 1, "bicycle"), ("label", (0, 0), 5), ("mask_offset", 1, -1)
    with pytest.raises(StoreFormatError) as told:
        open_store(made(tmp_path, *changes))
    assert [name for name, *_ in changes if name not in told.value.message] == []


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


def test_a_link_to_a_file_is_followed(tmp_path, path):
    chunk = path / "label" / "c" / "0" / "0"
    shutil.move(chunk, tmp_path / "content")
    chunk.symlink_to(tmp_path / "content")
    open_store(path).verify()


@pytest.mark.parametrize("place", ["label/c/0/0", "label/again"])
def test_a_link_to_a_device_or_a_folder_is_refused(path, place):
    link = path / place
    link.unlink(missing_ok=True)
    link.symlink_to(path if place == "label/again" else "/dev/zero")
    with pytest.raises(StoreFormatError, match="is a link that leads to no file"):
        open_store(path)


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


@pytest.fixture
def with_maps(store):
    """The store, read again after maps of two images were added."""
    add_arrays(store, {"knowledge_contrast": maps_of(store, [0, 5])}, FACTS)
    return open_store(store.path)


def test_a_store_with_maps_is_verified(with_maps):
    with_maps.verify()


def test_maps_keep_the_content_hash(store, with_maps):
    assert with_maps.content_hash == store.content_hash


def test_maps_have_a_hash_of_their_own(store, with_maps):
    hashes = (set(each.attrs["variable_hashes"]) for each in (with_maps, store))
    assert set.difference(*hashes) == {"knowledge_contrast"}


def test_facts_on_maps_are_attributes(with_maps):
    assert with_maps.attrs["knowledge"] == FACTS["knowledge"]


def test_maps_keep_the_other_arrays(store):
    before = {name: store.dataset[name].to_numpy() for name in map(str, store.dataset.variables)}
    add_arrays(store, {"knowledge_contrast": maps_of(store, [0, 5])}, FACTS)
    after = open_store(store.path)
    for name, values in before.items():
        assert np.array_equal(after.dataset[name].to_numpy(), values), name


def test_an_image_without_a_map_has_none(with_maps):
    assert with_maps.knowledge_contrast(1) is None


def test_a_map_is_read_back(store, with_maps):
    found = with_maps.knowledge_contrast(5)
    assert found.shape == tuple(store.thumbnail_shape[5])
    assert found.ravel() == pytest.approx(np.linspace(4, 6, found.size), abs=3e-3)


def test_a_map_that_was_changed_is_noticed(with_maps):
    zarr.open_group(with_maps.path, mode="r+")["knowledge_contrast"][3] = 9
    with pytest.raises(StoreFormatError, match="knowledge_contrast differs"):
        open_store(with_maps.path).verify()


def test_maps_of_another_size_are_refused(store):
    with pytest.raises(StoreFormatError, match="knowledge_contrast"):
        add_arrays(store, {"knowledge_contrast": np.zeros(7)}, {})
    open_store(store.path).verify()


def test_other_arrays_than_maps_are_refused(store):
    with pytest.raises(ValueError, match="concept_score"):
        add_arrays(store, {"concept_score": np.zeros(7)}, {})
    open_store(store.path).verify()


def test_a_damaged_store_takes_no_maps(store):
    (chunk, *_) = sorted((store.path / "concept_score" / "c").rglob("*"))[-1:]
    chunk.write_bytes(chunk.read_bytes()[:-3])
    with pytest.raises(StoreFormatError, match="damaged"):
        add_arrays(open_store(store.path), {"knowledge_contrast": maps_of(store, [0])}, FACTS)
    assert not open_store(store.path).has("knowledge_contrast")
