"""A store is written whole, read back equal, and tells when it is damaged."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from inficond_panel.errors import StoreFormatError, StoreMissingError
from inficond_panel.store import open_store, write_store
from inficond_panel.store.schema import array_hash, content_hash


def _jpeg(width: int, height: int, shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), (shade, 0, 255 - shade)).save(buffer, "JPEG")
    return buffer.getvalue()


def _arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    thumbs = [_jpeg(24, 16, 10), _jpeg(12, 20, 200), _jpeg(8, 8, 90)]
    shapes = np.array([[16, 24], [20, 12], [8, 8]])
    masks = [np.ones((16, 24)), np.repeat([1, 2], 120).reshape(20, 12), np.zeros((8, 8))]
    return {
        "image": np.array(["000007", "ä b", "z"]),
        "concept": np.array(["wheel", "sky"]),
        "class_name": np.array(["train"]),
        "method": np.array(["pca"]),
        "concept_score": rng.random((3, 2)),
        "teacher_logit": rng.normal(size=(3, 1)),
        "label": np.array([[1], [0], [-1]]),
        "split": np.array(["fit", "tune", "holdout"]),
        "segment_image": np.array([0, 1, 1]),
        "segment_concept": np.array([0, 1, 1]),
        "segment_cosine": rng.random(3),
        "segment_embedding": rng.normal(size=(3, 4)),
        "segment_box": np.array([[0, 0, 1, 1], [0, 0, 1, 0.5], [0, 0.5, 1, 1]]),
        "concept_text_embedding": rng.normal(size=(2, 4)),
        "concept_projection": rng.normal(size=(1, 2, 2)),
        "mask": np.concatenate([m.ravel() for m in masks]),
        "mask_offset": np.array([0, 384, 624, 688]),
        "thumbnail": np.frombuffer(b"".join(thumbs), np.uint8),
        "thumbnail_offset": np.cumsum([0, *map(len, thumbs)]),
        "thumbnail_shape": shapes,
    }


ATTRS = dict.fromkeys(
    ["title", "encoder", "preprocessing", "corpus", "teacher", "inputs_hash"], "x"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_store(tmp_path / "s.zarr", _arrays(), ATTRS)
    return tmp_path / "s.zarr"


def test_reads_back_what_was_written(path: Path) -> None:
    store, arrays = open_store(path), _arrays()
    assert store.images == ["000007", "ä b", "z"]
    assert store.classes == ["train"]
    np.testing.assert_array_equal(store.label, arrays["label"])
    np.testing.assert_array_equal(store.concept_score, arrays["concept_score"].astype("f4"))
    assert store.rows("tune").tolist() == [1]
    assert store.segments_of(1).tolist() == [1, 2]
    assert store.segments_of(2).tolist() == []
    store.verify()


def test_arrays_are_read_only(path: Path) -> None:
    with pytest.raises(ValueError, match="read-only"):
        open_store(path).concept_score[0, 0] = 1


def test_hash_is_sha256_of_type_shape_and_bytes() -> None:
    values = np.array([[1, 2], [3, 4]], dtype="<i4")
    expected = hashlib.sha256(b"int32(2, 2)" + values.tobytes()).hexdigest()
    assert array_hash(values) == expected
    assert array_hash(values.astype(">i4")) == expected
    assert array_hash(values.T) != expected
    assert content_hash({"b": "2", "a": "1"}) == hashlib.sha256(b"a 1\nb 2\n").hexdigest()


@pytest.mark.parametrize("part", [1, 5, 6, 1000])
def test_a_hash_is_the_same_read_in_parts(monkeypatch, part):
    values = np.arange(42, dtype=np.float16).reshape(7, 2, 3)
    expected = hashlib.sha256(b"float16(7, 2, 3)" + values.astype("<f2").tobytes()).hexdigest()
    monkeypatch.setattr("inficond_panel.store.schema._PART", part)
    assert array_hash(values) == expected
    assert array_hash(xr.DataArray(values)) == expected


def test_same_arrays_same_hash_and_one_value_changes_it(tmp_path: Path) -> None:
    arrays = _arrays()
    first = write_store(tmp_path / "a.zarr", arrays, ATTRS)
    assert write_store(tmp_path / "b.zarr", arrays, ATTRS) == first
    arrays["label"] = np.array([[1], [1], [-1]])
    assert write_store(tmp_path / "c.zarr", arrays, ATTRS) != first


def test_missing_store_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(StoreMissingError, match="inficond precompute"):
        open_store(tmp_path / "none.zarr")


def change_attributes(path: Path, change: Callable[[dict[str, object]], object]) -> None:
    meta = json.loads((path / "zarr.json").read_text())
    change(meta["attributes"])
    (path / "zarr.json").write_text(json.dumps(meta))


def test_other_format_version(path: Path) -> None:
    meta = path / "zarr.json"
    meta.write_text(meta.read_text().replace('"format_version": 1', '"format_version": 99'))
    with pytest.raises(StoreFormatError, match="version 99"):
        open_store(path)


@pytest.mark.parametrize("name", ["label", "thumbnail", "concept"])
def test_lost_chunk_is_noticed(path: Path, name: str) -> None:
    chunk = next(f for f in (path / name / "c").rglob("*") if f.is_file())
    chunk.unlink()
    with pytest.raises(StoreFormatError, match=f"damaged: {name}"):
        open_store(path).verify()


def test_garbled_chunk_is_noticed(path: Path) -> None:
    chunk = next(f for f in (path / "teacher_logit" / "c").rglob("*") if f.is_file())
    chunk.write_bytes(b"\x00garbled")
    with pytest.raises(StoreFormatError, match="teacher_logit"):
        _ = open_store(path).teacher_logit


def test_missing_array_and_foreign_group(path: Path, tmp_path: Path) -> None:
    import shutil

    shutil.rmtree(path / "split")
    with pytest.raises(StoreFormatError, match="split is missing"):
        open_store(path)
    (tmp_path / "file").write_text("no store")
    with pytest.raises(StoreFormatError):
        open_store(tmp_path / "file")
    meta = json.loads((path / "zarr.json").read_text())
    meta["attributes"] = {}
    (path / "zarr.json").write_text(json.dumps(meta))
    with pytest.raises(StoreFormatError, match="not a store"):
        open_store(path)


@pytest.mark.parametrize(
    "name", ["title", "encoder", "corpus", "teacher", "inputs_hash", "content_hash"]
)
def test_missing_attribute_is_noticed(path: Path, name: str) -> None:
    change_attributes(path, lambda attributes: attributes.pop(name))
    with pytest.raises(StoreFormatError, match=f"attribute {name} is missing"):
        open_store(path)


@pytest.mark.parametrize(
    "changed",
    [{"content_hash": "00"}, {"variable_hashes": [1]}, {"variable_hashes": {"label": "00"}}],
)
def test_changed_hash_is_noticed_on_opening(path: Path, changed: dict[str, object]) -> None:
    change_attributes(path, lambda attributes: attributes.update(changed))
    with pytest.raises(StoreFormatError, match="hashes"):
        open_store(path)


def test_a_store_is_replaced_only_by_a_complete_one(path: Path) -> None:
    arrays = _arrays()
    arrays["label"] = np.array([[0], [0], [0]])
    write_store(path, arrays, ATTRS)
    assert open_store(path).label.tolist() == [[0], [0], [0]]
    assert [entry.name for entry in path.parent.iterdir()] == ["s.zarr"]


def test_incomplete_arrays_are_refused(tmp_path: Path) -> None:
    arrays = _arrays()
    del arrays["label"]
    with pytest.raises(StoreFormatError, match="missing array 'label'"):
        write_store(tmp_path / "s.zarr", arrays, ATTRS)
    assert not (tmp_path / "s.zarr").exists()


def _with_metadata() -> dict[str, np.ndarray]:
    texts = np.array([["north", ""], ["süd", "dusk"], ["north", "noon"]])
    return {**_arrays(), "metadata_column": np.array(["place", "hour"]), "metadata": texts}


def test_metadata_is_part_of_the_content_hash(tmp_path: Path, path: Path) -> None:
    arrays = _with_metadata()
    one = write_store(tmp_path / "a.zarr", arrays, ATTRS)
    arrays["metadata"][0, 1] = "dawn"
    assert write_store(tmp_path / "b.zarr", arrays, ATTRS) != one != open_store(path).content_hash
