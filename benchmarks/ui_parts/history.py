"""A long history of the demo, made by the solver: random thumbs, several branches."""

from __future__ import annotations

import random
import shutil
import sqlite3
import tempfile
from pathlib import Path

from inficond_panel.tuning import Intent, Tuner, open_tuner

BRANCHES = 0.02  #: share of the iterations that begin one


def put_history(spec: str | Path, iterations: int, place: Path) -> None:
    """Write a history of so many iterations to ``place``; it is kept for the same store."""
    of_store = open_tuner(spec, history=":memory:").store.content_hash[:12]
    kept = Path(tempfile.gettempdir()) / f"inficond-benchmark-{iterations}-{of_store}.sqlite"
    if not kept.exists():
        made = kept.with_suffix(".part")
        made.unlink(missing_ok=True)
        tuner = open_tuner(spec, history=made)
        _grow(tuner, iterations)
        tuner.history.close()  # all is in the one file then
        shutil.move(made, kept)
    place.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(kept) as source, sqlite3.connect(place) as target:
        source.backup(target)


def _grow(tuner: Tuner, iterations: int) -> None:
    draw = random.Random(0)
    nodes = [tuner.root()]
    for _ in range(iterations):
        parent = draw.choice(nodes) if draw.random() < BRANCHES else nodes[-1]
        nodes.append(tuner.fine_tune(parent, _batch(tuner, draw)))
        tuner.set_head(nodes[-1], "fine-tune")


def _batch(tuner: Tuner, draw: random.Random) -> list[Intent]:
    """One or two thumbs on different concepts of one class."""
    name = draw.choice(tuner.store.classes)
    return [
        Intent(name, concept, direction, None if direction == "remove" else 2.0)
        for concept in draw.sample(tuner.store.concepts, draw.randint(1, 2))
        for direction in [draw.choice(("up", "down", "remove"))]
    ]
