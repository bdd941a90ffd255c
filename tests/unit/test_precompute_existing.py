"""The images of a store as a data set, with its own splits or others."""

import re
import shutil

import numpy as np
import pytest
from factory import small_store
from precompute_factory import CONV, SPEC, dataset_section, photo_set, tiny_encoder

import precompute
from inficond_panel.errors import DataError, SpecError, StoreError
from inficond_panel.spec import load_spec
from inficond_panel.store import open_store
from precompute.datasets import load_dataset


@pytest.fixture
def folder(tmp_path):
    small_store(tmp_path / "a.zarr")
    return tmp_path


def test_images_of_a_store_keep_labels_with_splits(folder):
    store = open_store(folder / "a.zarr")
    dataset = load_dataset(dataset_section(folder, "kind: store\npath: a.zarr", check_files=True))
    assert list(dataset.ids) == store.images
    assert list(dataset.split) == store.split.tolist()
    assert list(dataset.classes) == store.classes
    np.testing.assert_array_equal(dataset.label, store.label)
    assert not dataset.notes
    assert len({dataset.digest(i) for i in range(len(dataset.ids))}) == len(dataset.ids)


def test_images_of_a_store_cannot_be_loaded(folder):
    dataset = load_dataset(dataset_section(folder, "kind: store\npath: a.zarr", check_files=True))
    with pytest.raises(DataError, match="holds no photos, only thumbnails") as told:
        dataset.load(0)
    assert "the photos' data set" in told.value.remedy


def test_images_of_a_store_may_have_other_splits_in_order(folder):
    store = open_store(folder / "a.zarr")
    text = "kind: store\npath: a.zarr\nsplits: {fit: holdout, tune: {from: fit, share: 0.5}, "
    dataset = load_dataset(dataset_section(folder, f"{text}holdout: rest}}"))
    rows = [store.images.index(name) for name in dataset.ids]
    assert rows == sorted(rows)
    assert set(store.split[rows]) == {"fit", "holdout"}
    assert "images are in no split" in dataset.notes[0]


def test_images_of_a_store_may_be_stratified(folder):
    half, some = (f"{{from: all, share: {share}, stratify: true}}" for share in (0.5, 0.2))
    text = f"kind: store\npath: a.zarr\nsplits: {{fit: {half}, tune: {some}, holdout: rest}}"
    dataset = load_dataset(dataset_section(folder, text))
    counts = [dataset.split.count(split) for split in ("fit", "tune", "holdout")]
    assert np.abs(np.array(counts) - np.array([0.5, 0.2, 0.3]) * len(dataset.ids)).max() <= 2


def test_digests_depend_on_the_images_not_on_how_splits_are_named(folder):
    whole = load_dataset(dataset_section(folder, "kind: store\npath: a.zarr")).encoded
    text = "kind: store\npath: a.zarr\nsplits: {fit: fit, tune: tune, holdout: holdout}"
    same = load_dataset(dataset_section(folder, text)).encoded
    text = text.replace("fit: fit", "fit: {from: fit, share: 0.5}")
    assert whole.digest == same.digest
    assert load_dataset(dataset_section(folder, text)).encoded.digest != whole.digest


def test_keys_that_need_photos_and_what_is_no_store_or_no_list_are_told(folder):
    (folder / "z.yaml").write_text("""title: T
dataset: {kind: store, path: a.zarr}
concepts:
  corpus: z.yaml
  encoder: {model: m, pretrained: p, image_size: 96}
  thumbnails: {size: 64}
teacher: {kind: head}
""")
    with pytest.raises(SpecError) as told:
        load_spec(folder / "z.yaml")
    assert [(p.line, p.column, p.message.partition(":")[0]) for p in told.value.problems] == [
        (5, 38, "concepts.encoder.image_size"),
        (6, 3, "concepts.thumbnails"),
        (7, 1, "teacher"),
    ]
    (folder / "b.zarr").mkdir()
    with pytest.raises(StoreError, match=r"cannot be read as a store|not a store"):
        load_dataset(dataset_section(folder, "kind: store\npath: b.zarr"))
    text = "kind: store\npath: a.zarr\nsplits: {fit: train, tune: t, holdout: h}"
    with pytest.raises(SpecError, match=r"splits.fit: lists of a store are fit, tune and holdout"):
        dataset_section(folder, text)


@pytest.mark.torch
def test_other_words_for_the_images_of_a_store_need_no_photo(tmp_path):
    """As from the photos, which are gone; another encoder is refused."""
    pytest.importorskip("torch")
    photo_set(tmp_path)
    tiny_encoder(tmp_path / "encoder", CONV)
    (tmp_path / "words.txt").write_text("bell\nsaddle\nsky\n")
    precompute.run(load_spec(tmp_path / "spec.yaml"), tmp_path / "far" / "photos.zarr")
    (tmp_path / "other.txt").write_text("moon\nsky\nrail\nspoke\n")
    text = SPEC.replace("corpus: words.txt", "corpus: other.txt")
    (tmp_path / "photos.yaml").write_text(text)
    expected = precompute.run(load_spec(tmp_path / "photos.yaml"), tmp_path / "far" / "anew.zarr")
    start, end = text.index("dataset:"), text.index("concepts:")
    section = "dataset: {kind: store, path: far/photos.zarr}\n"
    rest = text[end:].replace("image_size: 96, ", "")
    rest = re.sub(r".*(segments|thumbnails):.*\n", "", rest)
    (tmp_path / "store.yaml").write_text(text[:start] + section + rest)
    shutil.rmtree(tmp_path / "photos")
    report = precompute.run(load_spec(tmp_path / "store.yaml"), tmp_path / "b.zarr")
    made, anew = open_store(report.store), open_store(expected.store)
    made.verify()
    assert made.concepts == ["moon", "sky", "rail", "spoke"]
    for name in ("concept_score", "teacher_logit", "label", "segment_embedding", "segment_concept"):
        np.testing.assert_array_equal(getattr(made, name), getattr(anew, name))
    assert made.thumbnail(3) == anew.thumbnail(3)
    assert not precompute.run(load_spec(tmp_path / "store.yaml"), tmp_path / "b.zarr").changed
    shutil.rmtree(tmp_path / "encoder")
    tiny_encoder(tmp_path / "encoder", {**CONV, "timm_pool": "max"})
    with pytest.raises(DataError, match="is not the encoder of the spec"):
        precompute.run(load_spec(tmp_path / "store.yaml"), tmp_path / "c.zarr")
