"""Stores, histories and exports that are damaged or forged: told in words, or the right numbers."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from factory import ATTRS, small_arrays, small_spec, spec_text
from guard import attempt
from histories import alter
from mutate import bytes_mutant, tree_mutant

from inficond_panel import load_students
from inficond_panel.cli import main
from inficond_panel.errors import HistoryError, InficondError
from inficond_panel.export import FORMATS, export
from inficond_panel.state import AppState, Jobs
from inficond_panel.store import write_store
from inficond_panel.tuning import History, Intent, Tuner, open_tuner
from inficond_panel.tuning.history import records

Folders = pytest.TempPathFactory


def flip(file: Path, rng: random.Random) -> None:
    """Some bits."""
    content = bytearray(file.read_bytes())
    for _ in range(rng.choice([1, 1, 2, 20])):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    file.write_bytes(content)


def cut(file: Path, rng: random.Random) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: rng.randrange(len(content))])


def mutate(file: Path, rng: random.Random) -> None:
    file.write_bytes(bytes_mutant(rng, file.read_bytes()))


# --- stores

SIZES = {"images": 40, "concepts": 8, "classes": 2}
VALUES: list[Any] = [
    *(-1, 0, 1, 7, 255, 10**9, -(2**31), 0.5, np.nan, np.inf, "", "fit", "Tune", "\x00")
]
FACTS: list[Any] = [None, 3, -1.5, True, "", "x", [], [0], ["a"], {}, {"a": 1}, {"method": "x"}]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: Folders) -> Path:
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
    if kind in ("flip", "cut"):
        {"flip": flip, "cut": cut}[kind](file, rng)
    elif kind == "swap":
        shutil.copyfile(rng.choice(files), path / "other")
        (path / "other").replace(file)
    else:
        file.unlink()
        if kind == "pipe":
            os.mkfifo(file)
    return f"{kind} {file.relative_to(path)}"


def test_a_damaged_store_is_told_or_gives_the_same_numbers(whole, tmp_path, mutants, capsys):
    expected, told = use(whole), 0
    store = tmp_path / "copy" / "small.zarr"
    for name, rng in mutants.generators(15):
        shutil.copytree(whole, tmp_path / "copy")
        done = f"{name}: {damage(store, rng)}"
        found = attempt(done, lambda: use(tmp_path / "copy"))
        told += isinstance(found, InficondError)
        assert isinstance(found, InficondError) or found == expected, done
        if rng.random() < 0.25:
            assert attempt(done, lambda: main(["info", str(store)])) in (0, 1), done
            assert "Traceback" not in capsys.readouterr().err
        shutil.rmtree(tmp_path / "copy")
    assert told


def forge(arrays: dict[str, np.ndarray], attrs: dict[str, Any], rng: random.Random) -> str:
    """Put odd values into arrays or attributes; what was done."""
    if rng.random() < 0.3:
        name = rng.choice([*ATTRS, "scores", "stages", "warnings", "prompts", "synonyms"])
        attrs[name] = rng.choice(FACTS)
        return f"{name} = {attrs[name]!r}"
    name = rng.choice(sorted(arrays))
    values = arrays[name].copy()
    at = tuple(rng.randrange(size) for size in values.shape)
    value = values[tuple(rng.randrange(size) for size in values.shape)]
    if rng.random() < 0.7:
        text = values.dtype.kind == "U"
        value = rng.choice([odd for odd in VALUES if isinstance(odd, str) == text])
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
    for name, rng in mutants.generators(12):
        arrays, attrs = small_arrays(**SIZES), dict(ATTRS)
        done = forge(arrays, attrs, rng)
        write_store(tmp_path / "small.zarr", arrays, attrs)
        told += isinstance(attempt(f"{name}: {done}", lambda: use(tmp_path)), InficondError)
    assert told


# --- histories


@pytest.fixture(scope="module")
def tree(tmp_path_factory: Folders) -> Tuner:
    """A tree of ten iterations with names, notes, looks and a deleted branch."""
    tuner = open_tuner(small_spec(tmp_path_factory.mktemp("tree")))
    nodes = [tuner.root()]
    for number, concept in enumerate(2 * ("sky", "wheel", "fur", "cloud", "hair")):
        direction = "down" if number % 2 else "up"
        nodes.append(tuner.fine_tune(nodes[number // 2], [Intent("bicycle", concept, direction)]))
    tuner.set_head(nodes[-1], "fine-tune")
    tuner.rename(nodes[2].id, "a name")
    tuner.set_note(nodes[3].id, "a note")
    tuner.count_look(nodes[4], "holdout")
    tuner.history.delete(nodes[5].id)
    tuner.history.close()
    return tuner


def shuffle(path: Path, rng: random.Random) -> None:
    """A page in the place of another, or zeros."""
    content = bytearray(path.read_bytes())
    pages = len(content) // 4096
    source, target = (4096 * rng.randrange(pages) for _ in range(2))
    page = content[source : source + 4096] if rng.random() < 0.5 else bytes(4096)
    content[target : target + 4096] = page
    path.write_bytes(content)


def edit(path: Path, rng: random.Random) -> None:
    """A cell of a row, by hand; of an iteration also with a checksum that fits."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.row_factory = sqlite3.Row
        table, key = rng.choice([("nodes", "id"), ("events", "number")])
        row = dict(rng.choice(db.execute(f"SELECT * FROM {table}").fetchall()))
    column = rng.choice(list(row))
    changed = {column: another(row[column], rng)}
    if table == "nodes" and rng.random() < 0.5:
        changed["checksum"] = records._checksum({**row, **changed})
    cells = ", ".join(f"{name} = ?" for name in changed)
    with contextlib.suppress(sqlite3.IntegrityError):  # the file itself refuses some values
        alter(path, f"UPDATE {table} SET {cells} WHERE {key} = ?", *changed.values(), row[key])


def another(value: object, rng: random.Random) -> object:
    choices: list[object] = [None, "", 0, -1, 2**62, 1e308, b"", "[]", "{}", "null", "[[[[", "é\n"]
    if isinstance(value, int | float):
        choices += [value + 1, -value]
    elif isinstance(value, str) and value:
        at = rng.randrange(len(value))
        choices += [value[:at], value[:at] + rng.choice('09[]{}",:x') + value[at + 1 :]]
    elif isinstance(value, bytes) and value:
        at = rng.randrange(len(value))
        choices += [value[:at], value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :], value * 2]
    return rng.choice(choices)


def read_all(tuner: Tuner) -> dict[str, str]:
    """All that a page reads of a history, and one more iteration; hashes of the weights by id."""
    nodes = tuner.nodes(deleted=True)
    head = tuner.head()
    tuner.looks()
    tuner.history.events(tuner.root_id)
    tuner.fine_tune(head, [Intent("sheep", "cloud", "remove")])
    return {node.id: node.weights_hash for node in nodes}


def test_a_damaged_history_is_refused_or_gives_the_same_numbers(tree, mutants, tmp_path) -> None:
    stored = {node.id: node.weights_hash for node in tree.nodes(deleted=True)}
    tree.history.close()
    refused = 0
    for number, (name, rng) in enumerate(mutants.generators(120)):
        change = rng.choice([flip, flip, cut, shuffle, edit, edit, edit])
        path = tmp_path / f"{number}.sqlite"
        shutil.copy(tree.history.path, path)
        change(path, rng)
        tuner = Tuner(tree.store, tree.spec, History(path))
        found = attempt(f"{name}: {change.__name__}", lambda tuner=tuner: read_all(tuner))
        tuner.history.close()
        if isinstance(found, HistoryError):
            refused += 1
        elif isinstance(found, dict):
            assert {id_: found.get(id_, hash_) for id_, hash_ in stored.items()} == stored, name
    assert refused > 30  # most changes do damage


# --- exports


@pytest.fixture(scope="module")
def exported(tmp_path_factory: Folders) -> dict[str, Path]:
    """An export in each format."""
    pytest.importorskip("onnx")
    folder = tmp_path_factory.mktemp("export")
    tuner = open_tuner(small_spec(folder, images=60, concepts=6, classes=2), history=":memory:")
    node = tuner.fine_tune(tuner.root(), [Intent("bicycle", "wheel", "up")])
    return export(tuner, node, folder / "out", tuple(FORMATS))


def numbers(path: Path) -> tuple[Any, ...]:
    """Numbers that predictions depend on."""
    students = load_students(path)
    return (
        students.coef_.tolist(), students.intercept_.tolist(), list(students.class_names_),
        list(students.feature_names_in_), np.asarray(students.threshold).tolist(),
    )  # fmt: skip


def rewrite(file: Path, rng: random.Random) -> None:
    """Something odd at a place of a JSON document."""
    file.write_text(json.dumps(tree_mutant(rng, json.loads(file.read_text()))))


@pytest.mark.parametrize(
    ("kind", "changes"),
    [*((kind, [flip, flip, cut, mutate]) for kind in FORMATS), ("sklearn", [rewrite])],
)
def test_a_spoilt_export_is_refused_or_the_same(exported, tmp_path, mutants, kind, changes):
    expected, place = numbers(exported[kind]), tmp_path / exported[kind].name
    for name, rng in mutants.generators(60):
        shutil.copy(exported[kind], place)
        rng.choice(changes)(place, rng)
        found = attempt(name, lambda: numbers(place))
        assert isinstance(found, InficondError) or found == expected, name
