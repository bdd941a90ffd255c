"""A store that is replaced or removed while it is in use: two stores are never mixed."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from factory import ATTRS, small_arrays, small_store

from inficond_panel.errors import StoreReplacedError
from inficond_panel.store import open_store, write_store
from inficond_panel.store.write import add_arrays


def other_arrays() -> dict[str, np.ndarray]:
    """Arrays as those of ``small_store``, of other masks and scores."""
    arrays = small_arrays()
    arrays["mask"] = np.where(arrays["mask"] > 0, 3 - np.minimum(arrays["mask"], 2), 0)
    arrays["concept_score"] = arrays["concept_score"] / 2
    return arrays


@pytest.fixture
def store(tmp_path: Path):
    return small_store(tmp_path / "small.zarr")


@pytest.fixture
def replaced(store):
    """A store in use, of which the labels are read, and which was replaced then."""
    store.read("label")
    write_store(store.path, other_arrays(), ATTRS)
    return store


@pytest.mark.parametrize("read", [lambda store: store.mask(3), lambda store: store.concept_score])
def test_arrays_of_another_store_are_refused(replaced, read):
    with pytest.raises(StoreReplacedError, match="was replaced by another store while it was in"):
        read(replaced)


def test_what_to_do_about_it_is_told(replaced):
    with pytest.raises(StoreReplacedError) as told:
        replaced.mask(3)
    assert told.value.remedy_for_page == "Load the page, or start the command, again."


def test_an_array_that_was_read_before_stays(replaced):
    assert (replaced.label == small_arrays()["label"]).all()


def test_an_array_that_is_the_same_in_both_is_read(replaced):
    assert (replaced.split == small_arrays()["split"]).all()


def test_opened_again_it_is_the_new_store(replaced):
    new = other_arrays()
    of_image = slice(*new["mask_offset"][3:5])
    assert (open_store(replaced.path).mask(3).ravel() == new["mask"][of_image]).all()


def test_a_removed_store_is_told(store):
    shutil.rmtree(store.path)
    with pytest.raises(StoreReplacedError, match="was removed while it was in use"):
        store.mask(3)


def test_a_replaced_store_is_not_damaged(replaced):
    with pytest.raises(StoreReplacedError):
        replaced.verify()


def test_photos_are_read_while_maps_are_added(store):
    before = store.thumbnail(3)
    pixels = store.read("mask_offset")[-1]
    facts = {"knowledge": {"b": 0.5}}
    add_arrays(store, {"knowledge_contrast": np.zeros(pixels, np.float16)}, facts)
    assert store.thumbnail(3) == before


def test_a_store_with_added_maps_is_current(store):
    pixels = store.read("mask_offset")[-1]
    facts = {"knowledge": {"b": 0.5}}
    add_arrays(store, {"knowledge_contrast": np.zeros(pixels, np.float16)}, facts)
    store.check_current()


def test_a_store_that_is_replaced_while_it_opens_is_the_new_one(store, monkeypatch):
    """The second store comes between the metadata and the small arrays."""
    open_zarr, coming = xr.open_zarr, [other_arrays()]

    def slow(*given, **more):
        dataset = open_zarr(*given, **more)
        if coming:
            write_store(
                store.path, {**coming.pop(), "label": -(small_arrays()["label"] ** 2)}, ATTRS
            )
        return dataset

    monkeypatch.setattr(xr, "open_zarr", slow)
    assert open_store(store.path).label.max() == 0
