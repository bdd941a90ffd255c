"""Open a spec's store and history together, as the command line and the page do."""

from __future__ import annotations

import os
from pathlib import Path

from inficond_panel.common.cache import once
from inficond_panel.errors import StoreMissingError
from inficond_panel.spec import Spec, check_against, find_spec, load_spec
from inficond_panel.store import Store, open_store
from inficond_panel.tuning.history.history import History
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.tuning.typed_concepts import typed_anew, with_typed


def open_tuner(
    spec: str | Path, *, store: str | Path | None = None, history: str | Path | None = None
) -> Tuner:
    """The tuner of a spec (a file, the folder of a store, or the name of one that comes along).

    ``store`` and ``history`` are the places given here, else those in ``INFICOND_STORE`` and
    ``INFICOND_HISTORY``, else the spec's; the history of a spec that comes along is in
    the current folder. Concepts that were typed in that history are part of the store. Needs no
    data set and no encoder.
    Raises ``SpecError``, ``StoreError`` or ``TuningError``.
    """
    opened = load_spec(find_spec(spec), check_files=False)
    data = open_spec_store(spec, store_place(opened, store))
    check_against(opened, data.classes, data.task)
    record = _history_of(spec, opened, history)
    return Tuner(with_typed(data, record), opened, History(record))


def shared_tuner(spec: str | Path, history: str | Path = "") -> Tuner:
    """As ``open_tuner``; all who ask in this process get the same, with the concepts typed by now.

    A spec that was edited, or a store that was written again, is opened anew.
    """
    opened = load_spec(find_spec(spec), check_files=False)
    data = _shared_store(str(spec), *_state_of(store_place(opened, None)))
    check_against(opened, data.classes, data.task)
    record = _history_of(spec, opened, history)
    return typed_anew(_shared(data, opened, record))


@once(4)
def _shared_store(spec: str, place: Path, *_: int) -> Store:
    return open_spec_store(spec, place)


@once(8)
def _shared(store: Store, spec: Spec, history: str) -> Tuner:
    return Tuner(store, spec, History(history))


def _state_of(store: Path) -> tuple[Path, int, int]:
    """A store's place, and what changes when it is written again."""
    try:
        found = (store / "zarr.json").stat()
    except OSError:
        return store, 0, 0
    return store, found.st_ino, found.st_mtime_ns


def store_place(spec: Spec, given: str | Path | None) -> Path:
    """Path of the store of a spec, unless another one is given, or named by ``INFICOND_STORE``."""
    named = spec.store if spec.path == spec.store else None  # SPEC is the store itself
    return Path(given or named or os.environ.get("INFICOND_STORE") or spec.store)


def _history_of(name: str | Path, spec: Spec, given: str | Path | None) -> str:
    return str(given or os.environ.get("INFICOND_HISTORY") or usual_history(name, spec))


def usual_history(name: str | Path, spec: Spec) -> Path:
    """Path of the history of ``spec``, opened by ``name``, unless another place is given."""
    return spec.history if Path(name).exists() else Path.cwd() / spec.history.name


def open_spec_store(spec: str | Path, place: str | Path) -> Store:
    """The store at ``place``; where there is none, the error names the command that makes it."""
    try:
        return open_store(place)
    except StoreMissingError as error:
        raise StoreMissingError(error.message, f"Make it: inficond precompute {spec}") from error
