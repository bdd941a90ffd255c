"""Open a spec's store and history together, as the command line and the page do."""

from __future__ import annotations

import os
from pathlib import Path

from inficond_panel.errors import StoreMissingError
from inficond_panel.spec import Spec, check_classes, find_spec, load_spec
from inficond_panel.store import Store, open_store
from inficond_panel.tuning.concepts import with_typed
from inficond_panel.tuning.history.history import History
from inficond_panel.tuning.tuner import Tuner


def open_tuner(
    spec: str | Path, *, store: str | Path | None = None, history: str | Path | None = None
) -> Tuner:
    """The tuner of a spec (a file, or the name of one that comes along).

    ``store`` and ``history`` are the places given here, else those in ``INFICOND_STORE`` and
    ``INFICOND_HISTORY``, else those of the spec; the history of a spec that comes along is in
    the current folder. Concepts that were typed in that history are part of the store. Needs no
    data set and no encoder.
    Raises ``SpecError``, ``StoreError`` or ``TuningError``.
    """
    path = find_spec(spec)
    opened = load_spec(path, check_files=False)
    place = store or os.environ.get("INFICOND_STORE") or opened.store
    record = history or os.environ.get("INFICOND_HISTORY")
    record = record or usual_history(spec, opened)
    data = open_spec_store(spec, place)
    check_classes(opened, data.classes)
    return Tuner(with_typed(data, record), opened, History(record))


def usual_history(name: str | Path, spec: Spec) -> Path:
    """Where the history of ``spec``, opened by ``name``, is unless another place is given."""
    return spec.history if Path(name).exists() else Path.cwd() / spec.history.name


def open_spec_store(spec: str | Path, place: str | Path) -> Store:
    """The store at ``place``; where there is none, the error names the command that makes it."""
    try:
        return open_store(place)
    except StoreMissingError as error:
        raise StoreMissingError(error.message, f"Make it: inficond precompute {spec}") from error
