"""A store that a script without this package wrote is a store like any other."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr
from factory import small_store

from inficond_panel.store import open_store
from inficond_panel.store.schema import ARRAYS

pytestmark = [pytest.mark.commands, pytest.mark.server]

SCRIPT = Path(__file__).parents[2] / "examples" / "store_from_arrays.py"
SPEC = """\
title: Elsewhere
dataset: {kind: table, root: none, labels: none.csv, splits: {fit: a, tune: b, holdout: c}}
concepts: {corpus: none.txt, encoder: {model: none, pretrained: none.safetensors}}
teacher: {kind: logits, path: none.csv}
store: my.zarr
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A store that a script wrote without this package."""
    folder = tmp_path_factory.mktemp("elsewhere")
    made = folder / "my.zarr"
    # -I: neither this folder nor PYTHONPATH is searched, so the package cannot be what writes it
    subprocess.run([sys.executable, "-I", SCRIPT, made], check=True, cwd=folder)
    (folder / "spec.yaml").write_text(SPEC)
    return made


def test_the_script_names_nothing_of_this_package():
    assert "inficond_panel" not in SCRIPT.read_text()
    assert "precompute" not in SCRIPT.read_text()


def test_it_is_a_whole_store(made):
    store = open_store(made)
    store.verify()
    assert store.classes == ["bicycle", "train"]
    assert store.mask(3).shape == tuple(store.thumbnail_shape[3])
    assert store.segment_mask(7).mean() == pytest.approx(1 / 3)
    assert store.patch(7)[:2] == b"\xff\xd8"


def test_it_can_be_distilled(made, tmp_path, run):
    flags = ["--history", tmp_path / "h.db", "--json"]
    assert "bicycle" in run("distill", made.with_name("spec.yaml"), *flags)[1]


def test_it_can_be_looked_into(made, run):
    store = open_store(made)
    document = json.loads(run("info", made, "--json")[1])
    arrays = {row["array"]: row for row in document["arrays"]["rows"]}
    assert arrays["concept_score"]["dimensions"] == "image 60 x concept 6"
    label, split = store.label, store.split
    (train,) = (row for row in document["positives"]["rows"] if row["class"] == "train")
    for name in ("fit", "tune", "holdout"):
        assert train[name] == (label[split == name, 1] == 1).sum()
    assert document["store"]["bytes"] > sum(row["bytes"] for row in arrays.values())
    assert {row["fact"]: row["value"] for row in document["store"]["rows"]}["made"] == "not known"


def test_what_this_package_writes_opens_in_xarray_with_its_attributes(tmp_path):
    small_store(tmp_path / "s.zarr")
    dataset = xr.open_zarr(tmp_path / "s.zarr", chunks=None, consolidated=False)
    score = {"long_name": "score of a concept in an image", "units": "1"}
    assert dataset.concept_score.attrs == score
    assert dataset.label.attrs["flag_meanings"].split() == ["ignored", "absent", "present"]
    np.testing.assert_array_equal(dataset.label.attrs["flag_values"], [-1, 0, 1])
    assert set(dataset.coords) == {"image", "concept", "class_name", "method"}
    assert "concept_score" in repr(dataset)
    assert "title:" in repr(dataset)
    assert zarr.open_group(tmp_path / "s.zarr", mode="r")["label"].metadata.dimension_names
    for variable in ARRAYS.values():  # also those that this store lacks
        assert variable.attributes["long_name"]
