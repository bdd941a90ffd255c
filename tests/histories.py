"""Nodes for tests of the history, and ways to harm its file."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
from factory import small_spec, spec_text

from inficond_panel.spec import load_spec
from inficond_panel.store import Store
from inficond_panel.tuning import History, Intent, Node, Tuner, open_tuner
from inficond_panel.tuning.node import node_id

SETTINGS = {"reference": "parent", "step": 0.05}


def make_node(label: str = "root", parent: Node | None = None, seed: int = 0) -> Node:
    """A node with a true id; the same ``label`` on the same parent gives the same id."""
    rng = np.random.default_rng(seed)
    intents = (Intent("tv monitor", "Bücherregal", "down", 1.5),) if parent else ()
    settings = {**SETTINGS, "label": label}
    name = node_id(parent.id if parent else None, intents, settings)
    return Node(
        id=name,
        root=parent.root if parent else name,
        parent=parent.id if parent else None,
        intents=intents,
        bounds={("tv monitor", "Bücherregal"): (None, 0.1 + 0.2), ("cat", "é"): (0.0, 0.0)},
        weights=rng.normal(size=(7, 3)) / 3,
        intercepts=rng.normal(size=3),
        gap=(1e-7, float("nan"), 0.0),
        certificate=("gap", "kkt", "gap"),
        seconds=0.25,
        author="me",
        settings=settings,
    )


def make_tuner(store: Store, folder: Path, extra: str = "", history: str = ":memory:") -> Tuner:
    """A tuner over ``store`` by the small spec with ``extra``."""
    path = folder / "small.yaml"
    path.write_text(spec_text(extra))
    return Tuner(store, load_spec(path, check_files=False), History(history))


def tuned_spec(folder: Path) -> Path:
    """A spec whose history has #0 and #1, where bicycle is without wheel."""
    spec = small_spec(folder)
    tuner = open_tuner(spec)
    tuner.fine_tune(tuner.root(), [Intent("bicycle", "wheel", "remove")])
    return spec


def alter(path: str | Path, statement: str, *values: Any) -> None:
    """Change rows by hand: without the triggers, which come again after it."""
    with sqlite3.connect(path) as db:
        triggers = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        kept = triggers.fetchall()
        for name, _ in kept:
            db.execute(f"DROP TRIGGER {name}")
        db.execute(statement, values)
        for _, sql in kept:
            db.execute(sql)
