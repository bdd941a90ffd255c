"""Damaged and altered histories: an error that says so, or the numbers that were stored."""

from __future__ import annotations

import contextlib
import random
import shutil
import sqlite3
from pathlib import Path

import pytest
from factory import small_spec
from guard import attempt
from histories import alter

from inficond_panel.errors import HistoryError
from inficond_panel.tuning import History, Intent, Tuner, open_tuner
from inficond_panel.tuning.history import records

CONCEPTS = ("sky", "wheel", "fur", "cloud", "hair")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Tuner:
    """A tree of ten iterations with names, notes, looks and a deleted branch."""
    tuner = open_tuner(small_spec(tmp_path_factory.mktemp("whole")))
    nodes = [tuner.root()]
    for number, concept in enumerate(2 * CONCEPTS):
        parent = nodes[number // 2]
        direction = "down" if number % 2 else "up"
        nodes.append(tuner.fine_tune(parent, [Intent("bicycle", concept, direction)]))
    tuner.set_head(nodes[-1], "fine-tune")
    tuner.rename(nodes[2].id, "a name")
    tuner.set_note(nodes[3].id, "a note")
    tuner.count_look(nodes[4], "holdout")
    tuner.history.delete(nodes[5].id)
    tuner.history.close()
    return tuner


def flip(path: Path, rng: random.Random) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(rng.choice([1, 1, 2, 20])):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def truncate(path: Path, rng: random.Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: rng.randrange(len(content))])


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


def test_a_damaged_history_is_refused_or_gives_the_same_numbers(whole, mutants, tmp_path) -> None:
    stored = {node.id: node.weights_hash for node in whole.nodes(deleted=True)}
    whole.history.close()
    refused = 0
    for number, (name, rng) in enumerate(mutants.generators(120)):
        change = rng.choice([flip, flip, truncate, shuffle, edit, edit, edit])
        path = tmp_path / f"{number}.sqlite"
        shutil.copy(whole.history.path, path)
        change(path, rng)
        tuner = Tuner(whole.store, whole.spec, History(path))
        found = attempt(f"{name}: {change.__name__}", lambda tuner=tuner: read_all(tuner))
        tuner.history.close()
        if isinstance(found, HistoryError):
            refused += 1
        elif isinstance(found, dict):
            assert {id_: found.get(id_, hash_) for id_, hash_ in stored.items()} == stored, name
    assert refused > 30  # most changes do damage
