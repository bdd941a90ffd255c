"""Maps of knowledge points in a store: added whole, and the store stays what it was."""

import numpy as np
import pytest
import zarr
from factory import small_store

from inficond_panel.errors import StoreFormatError
from inficond_panel.store import open_store
from inficond_panel.store.write import add_arrays

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
