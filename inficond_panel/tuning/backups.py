"""Copies of a history: made while it is served, brought back, or made by carrying it out again."""

from __future__ import annotations

import re
from pathlib import Path

from inficond_panel.common import clock
from inficond_panel.common.whole_file import write_whole
from inficond_panel.concepts.extended_store import base_of
from inficond_panel.errors import HistoryError, TuningError
from inficond_panel.tuning.fitting.refit import Cancelled, Progress
from inficond_panel.tuning.history.history import History
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.other_students import count_others
from inficond_panel.tuning.replay import replay
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.tuning.typed_concepts import (
    copy_concepts,
    mirror_concepts,
    typed_anew,
    with_typed,
)


def back_up(tuner: Tuner, place: Path) -> None:
    """Copy the history, with its typed concepts, to a new file; it may be served meanwhile.

    Raises ``TuningError`` where a file is there already.
    """
    if place.exists():
        raise TuningError(f"{place} is there already.", "Name a new file.")
    write_whole(place, tuner.history.image())
    mirror_concepts(tuner, place)


def bring_back(tuner: Tuner, place: Path) -> tuple[Tuner, Path | None]:
    """Bring a copy back: the students of the history that it becomes, and where the one until now
    is kept, if it had any iteration.

    Raises ``TuningError`` for a file that is not there, or has no iterations of these students, and
    ``HistoryError`` for one that is no history.
    """
    if not place.is_file():
        raise TuningError(f"There is no file {place}.", "Name a copy of a history.")
    copy = _beside_store(tuner, place)
    if not _nodes(copy, "Name a copy of a history."):
        raise TuningError(
            f"{place} has no iterations of these students.",
            "Name a copy of this spec's history: inficond history backup SPEC FILE",
        )
    kept = None
    if tuner.nodes(deleted=True) or count_others(tuner):
        kept = _earlier(Path(tuner.history.path))
        back_up(tuner, kept)
    tuner.history.become(copy.history)
    mirror_concepts(copy, tuner.history.path)
    copy.history.close()
    return typed_anew(tuner), kept


def replay_into(
    tuner: Tuner,
    place: str | Path,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> tuple[Tuner, list[tuple[Node, Node]]]:
    """Carry out all that happened in a new history: its tuner, and each node with its new one.

    The store is verified before. Raises ``TuningError`` where the file has iterations already, and
    ``HistoryError`` where it is no history.
    """
    tuner.store.verify()
    into = Tuner(tuner.store, tuner.spec, History(place), tuner.penalties)
    if _nodes(into, "Name a new file."):
        raise TuningError(f"{place} has iterations already.", "Name a new file.")
    copy_concepts(tuner, place)
    return into, replay(tuner, into, progress, cancelled)


def same_weights(old: Node, new: Node) -> bool:
    """True if a replayed node is the same bit for bit."""
    return (old.id, old.weights_hash) == (new.id, new.weights_hash)


def _nodes(tuner: Tuner, remedy: str) -> list[Node]:
    """Nodes of a file that the user named, with the remedy for one that is no history."""
    try:
        return tuner.nodes()
    except HistoryError as error:
        raise HistoryError(error.message, remedy) from error


def _beside_store(tuner: Tuner, history: Path) -> Tuner:
    store = with_typed(base_of(tuner.store), str(history))
    return Tuner(store, tuner.spec, History(history))


def _earlier(history: Path) -> Path:
    """A new place for what the history held: ``x.before-20261122024011123.sqlite``."""
    stem = history.name.removesuffix(".sqlite").removesuffix(".history")
    moment = re.sub(r"\D", "", clock.now())[:17]
    return history.with_name(f"{stem}.before-{moment}.sqlite")
