"""Damaged stores, and forged ones whose hashes agree: an error with a message, or right numbers."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from factory import ATTRS, small_arrays, spec_text
from guard import attempt

from inficond_panel.cli import main
from inficond_panel.errors import InficondError
from inficond_panel.state import AppState, Jobs
from inficond_panel.store import write_store
from inficond_panel.tuning import open_tuner

SIZES = {"images": 40, "concepts": 8, "classes": 2}
ODD: list[Any] = [-1, 0, 1, 7, 255, 10**9, -(2**31), 0.5, np.nan, np.inf, "", "fit", "Tune", "\x00"]
ODD_FACTS: list[Any] = [None, 3, -1.5, True, "", "x", [], [0], ["a"], {}, {"a": 1}, {"method": "x"}]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a spec and a store as it should be."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "small.yaml").write_text(spec_text())
    write_store(folder / "small.zarr", small_arrays(**SIZES), ATTRS)
    return folder


def use(folder: Path) -> tuple[Any, ...]:
    """Open the store, distil, and make what the page shows of a student; the numbers."""
    tuner = open_tuner(folder / "small.yaml", history=":memory:")
    tuner.store.verify()
    root = tuner.root()
    app = AppState(tuner, Jobs(inline=True))
    app.selection.class_name = tuner.store.classes[0]
    _ = [tuner.store.patch(s) for s in range(3)], tuner.store.segment_mask(5)
    found = tuner.metrics(root, "tune")
    return root.weights_hash, *(value.ap for value in found.values()), *app.dataset.counts.values()


def damage(path: Path, rng: random.Random) -> str:
    """Spoil one file of a store; what was done."""
    files = sorted(file for file in path.rglob("*") if file.is_file())
    file, kind = rng.choice(files), rng.choice(["flip", "flip", "cut", "gone", "swap", "pipe"])
    if kind == "flip":
        data = bytearray(file.read_bytes())
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        file.write_bytes(data)
    elif kind == "cut":
        file.write_bytes(file.read_bytes()[: rng.randrange(file.stat().st_size)])
    elif kind == "swap":
        shutil.copyfile(rng.choice(files), path / "other")
        (path / "other").replace(file)
    else:
        file.unlink()
        if kind == "pipe":
            os.mkfifo(file)
    return f"{kind} {file.relative_to(path)}"


def test_a_damaged_store_is_told_or_gives_the_same_numbers(whole, tmp_path, mutants):
    expected, told = use(whole), 0
    for name, rng in mutants.generators(40):
        shutil.copytree(whole, tmp_path / "copy")
        done = damage(tmp_path / "copy" / "small.zarr", rng)
        found = attempt(f"{name}: {done}", lambda: use(tmp_path / "copy"))
        told += isinstance(found, InficondError)
        assert isinstance(found, InficondError) or found == expected, f"{name}: {done}"
        shutil.rmtree(tmp_path / "copy")
    assert told


def forge(arrays: dict[str, np.ndarray], attrs: dict[str, Any], rng: random.Random) -> str:
    """Put odd values into arrays or attributes; what was done."""
    if rng.random() < 0.3:
        name = rng.choice([*ATTRS, "scores", "stages", "warnings", "prompts", "synonyms"])
        attrs[name] = rng.choice(ODD_FACTS)
        return f"{name} = {attrs[name]!r}"
    name = rng.choice(sorted(arrays))
    values = arrays[name].copy()
    at = tuple(rng.randrange(size) for size in values.shape)
    value = values[tuple(rng.randrange(size) for size in values.shape)]
    if rng.random() < 0.7:
        text = values.dtype.kind == "U"
        value = rng.choice([odd for odd in ODD if isinstance(odd, str) == text])
        if values.dtype.kind in "iu":
            value = 0 if value != value else np.clip(value, -128, 10**9)
            if values.dtype.kind == "u" or name == "label":
                value = value % 128
    values[at] = value
    arrays[name] = values
    return f"{name}{list(at)} = {value!r}"


def test_a_forged_store_is_told_or_used_without_a_traceback(tmp_path, mutants):
    (tmp_path / "small.yaml").write_text(spec_text())
    told = 0
    for name, rng in mutants.generators(30):
        arrays, attrs = small_arrays(**SIZES), dict(ATTRS)
        done = forge(arrays, attrs, rng)
        write_store(tmp_path / "small.zarr", arrays, attrs)
        told += isinstance(attempt(f"{name}: {done}", lambda: use(tmp_path)), InficondError)
    assert told


def test_what_is_told_of_a_damaged_store_on_the_command_line(whole, tmp_path, mutants, capsys):
    for name, rng in mutants.generators(10):
        shutil.copytree(whole / "small.zarr", tmp_path / "copy.zarr")
        done = damage(tmp_path / "copy.zarr", rng)
        status = attempt(f"{name}: {done}", lambda: main(["info", str(tmp_path / "copy.zarr")]))
        assert status in (0, 1), f"{name}: {done}"
        assert "Traceback" not in capsys.readouterr().err
        shutil.rmtree(tmp_path / "copy.zarr")
