"""A store whose hashes agree, but whose values cannot be, is refused when it is opened."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from factory import ATTRS, small_arrays, small_store

from inficond_panel.errors import StoreFormatError
from inficond_panel.store import open_store, write_store


def made(folder: Path, change=None, **attrs) -> Path:
    """A small store with some of its arrays changed."""
    arrays = small_arrays(images=40, concepts=10, classes=2)
    if change:
        change(arrays)
    write_store(folder / "s.zarr", arrays, {**ATTRS, **attrs})
    return folder / "s.zarr"


def put(name, at, value):
    def change(arrays):
        arrays[name] = np.array(
            arrays[name], dtype=object if arrays[name].dtype.kind == "U" else None
        )
        arrays[name][at] = value
        if arrays[name].dtype == object:
            arrays[name] = np.array(arrays[name].tolist())

    return change


def take_out(name):
    def change(arrays):
        arrays[name] = arrays[name][:0]
        if name == "method":
            arrays["concept_projection"] = arrays["concept_projection"][:0]

    return change


FAULTS = {
    "two classes of one name": (put("class_name", 1, "bicycle"), "has the name 'bicycle' twice"),
    "two images of one name": (put("image", 1, "000000"), "image has the name '000000' twice"),
    "two concepts of one name": (put("concept", 3, "wheel"), "concept has the name 'wheel' twice"),
    "an empty name": (put("concept", 3, " "), "concept has an empty name"),
    "labels": (put("label", (3, 1), -7), "label has 1 values that .* -1 and 1, the first at "
               "image '000003', class_name 'tv monitor'"),
    "split": (put("split", 5, "Tune"), "split has 1 values that are none of fit, tune, holdout"),
    "image of a segment": (put("segment_image", -1, 40), "segment_image .* not between 0 and 39"),
    "order of segments": (put("segment_image", 0, 39), "segment_image does not ascend"),
    "concept of a segment": (put("segment_concept", 0, 10**9), "segment_concept .* 0 and 9"),
    "no concept of a segment": (put("segment_concept", 0, -1), "segment_concept .* 0 and 9"),
    "boxes": (put("segment_box", (0, 1), np.nan), "segment_box has 1 values that are NaN"),
    "logits": (put("teacher_logit", (2, 0), np.inf), "teacher_logit has 1 values that are NaN"),
    "places": (put("concept_projection", (0, 2, 1), np.nan), "concept_projection has 1"),
    "no method": (take_out("method"), "it has no method"),
    "offsets fall": (put("thumbnail_offset", 3, 10**6), "thumbnail_offset does not rise"),
    "offsets end early": (put("mask_offset", 40, 7), "mask_offset does not rise"),
    "shapes": (put("thumbnail_shape", (4, 0), 16), "mask_offset does not fit thumbnail_shape"),
    "huge shapes": (put("thumbnail_shape", (4, 0), 2**31 - 1), "thumbnail_shape .* 1 and 8192"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_values_that_cannot_be_are_refused(tmp_path, fault):
    change, message = FAULTS[fault]
    with pytest.raises(StoreFormatError, match=message) as told:
        open_store(made(tmp_path, change))
    assert "inficond precompute" in told.value.remedy


@pytest.mark.parametrize("value", [np.nan, -0.5, np.inf])
def test_scores_that_cannot_be_are_refused_before_they_are_used(tmp_path, value):
    store = open_store(made(tmp_path, put("concept_score", (2, 1), value)))
    with pytest.raises(StoreFormatError, match=r"concept_score has 1 values .* concept 'spoke'"):
        _ = store.concept_score


def test_all_faults_are_told_together(tmp_path):
    def change(arrays):
        put("class_name", 1, "bicycle")(arrays)
        put("label", (0, 0), 5)(arrays)
        put("mask_offset", 1, -1)(arrays)

    with pytest.raises(StoreFormatError) as told:
        open_store(made(tmp_path, change))
    for name in ("class_name", "label", "mask_offset"):
        assert name in told.value.message


ATTRIBUTES = {
    "a list as encoder": ({"encoder": [0]}, "attribute encoder has the wrong type"),
    "no text as title": ({"title": 3}, "attribute title has the wrong type"),
    "warnings": ({"warnings": "all"}, "attribute warnings has the wrong type"),
    "prompts": ({"prompts": [1]}, "attribute prompts has the wrong type"),
    "stages": ({"stages": ["text"]}, "attribute stages has the wrong type"),
    "a stage without a key": ({"stages": {"text": {}}}, r"attribute stages\.text\.key is missing"),
    "seconds": ({"stages": {"text": {"key": "0", "seconds": "1"}}}, r"stages\.text\.seconds"),
    "method": ({"scores": {"method": "max"}}, r"scores\.method is 'max', not one of"),
    "temperature": ({"scores": {"method": "contrast", "temperature": 0}}, r"scores\.temperature"),
    "centre": ({"scores": {"method": "centred"}}, "score_centre is missing"),
    "knowledge": ({"knowledge": {"b": 1}}, r"knowledge\.network is missing"),
}


@pytest.mark.parametrize("fault", ATTRIBUTES)
def test_attributes_of_other_types_are_refused(tmp_path, fault):
    attrs, message = ATTRIBUTES[fault]
    with pytest.raises(StoreFormatError, match=message):
        open_store(made(tmp_path, **attrs))


def rewrite(path: Path, change) -> None:
    """Change the metadata of a group or an array."""
    meta = json.loads((path / "zarr.json").read_text())
    change(meta)
    (path / "zarr.json").write_text(json.dumps(meta))


def test_a_changed_attribute_is_noticed(tmp_path):
    path = made(tmp_path, scores={"method": "max_cosine"})
    rewrite(path, lambda meta: meta["attributes"].update(scores={"method": "centred"}))
    with pytest.raises(StoreFormatError, match="its attributes do not match their hash"):
        open_store(path)


def test_a_store_without_a_hash_of_its_attributes_opens(tmp_path):
    path = made(tmp_path)
    rewrite(path, lambda meta: meta["attributes"].pop("attributes_hash"))
    assert open_store(path).title == "Small"


def test_the_hash_of_attributes_is_that_of_their_json(tmp_path):
    import hashlib

    attributes = json.loads((made(tmp_path, title="é") / "zarr.json").read_text())["attributes"]
    found = attributes.pop("attributes_hash")
    text = json.dumps(attributes, sort_keys=True, separators=(",", ":"))
    assert "\\u00e9" in text
    assert found == hashlib.sha256(text.encode("ascii")).hexdigest()


@pytest.mark.parametrize("name", ["thumbnail", "mask", "image", "label", "segment_image"])
def test_a_shape_that_no_file_fills_is_refused_at_once(tmp_path, name):
    path = made(tmp_path)
    rewrite(path / name, lambda meta: meta["shape"].__setitem__(0, 2**62))
    with pytest.raises(StoreFormatError):
        open_store(path)


@pytest.mark.parametrize("name", ["zarr.json", "label/zarr.json", "label/c/0/0", "thumbnail/c/0"])
def test_a_pipe_in_a_store_is_refused(tmp_path, name):
    path = made(tmp_path)
    (path / name).unlink()
    os.mkfifo(path / name)
    with pytest.raises(StoreFormatError, match=f"{name} is neither a file nor a folder"):
        open_store(path)


def test_links_to_files_are_followed_and_others_refused(tmp_path):
    path = made(tmp_path)
    chunk = path / "label" / "c" / "0" / "0"
    shutil.move(chunk, tmp_path / "content")
    chunk.symlink_to(tmp_path / "content")
    open_store(path).verify()
    chunk.unlink()
    chunk.symlink_to("/dev/zero")
    with pytest.raises(StoreFormatError, match="is a link that leads to no file"):
        open_store(path)
    chunk.unlink()
    (path / "label" / "again").symlink_to(path)
    with pytest.raises(StoreFormatError, match="is a link that leads to no file"):
        open_store(path)


def test_a_store_as_it_is_written_passes(tmp_path):
    small_store(tmp_path / "a.zarr").verify()
