"""Copies of a history: made while it is served, and brought back."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from inficond_panel.common import clock
from inficond_panel.common.numbers import count
from inficond_panel.common.whole_file import write_whole
from inficond_panel.errors import TuningError
from inficond_panel.tuning import Tuner, open_tuner
from inficond_panel.tuning.other_students import count_others
from inficond_panel.tuning.typed_concepts import mirror_concepts, typed_anew


def backup(tuner: Tuner, args: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """Copy the history, with its typed concepts, to a new file."""
    _copy(tuner, Path(args.file))
    document, others = _document(tuner, file=str(args.file)), sum(count_others(tuner).values())
    own = document["iterations"]
    more = f" and {count(others)} of other students" if others else ""
    spec = args.spec if own else "SPEC"  # those of others come back by the spec that they are of
    lines = [
        f"{count(own, 'iteration')}{more} copied to {args.file}.",
        f"They come back with: inficond history from-backup {spec} {args.file}",
    ]
    return document, lines


def from_backup(tuner: Tuner, args: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """Bring a copy back; what the history held until now is kept beside it."""
    if not Path(args.file).is_file():
        raise TuningError(f"There is no file {args.file}.", "Name a copy of a history.")
    copy = open_tuner(args.spec, store=args.store, history=args.file)
    if not copy.nodes():
        raise TuningError(
            f"{args.file} has no iterations of these students.",
            "Name a copy of this spec's history: inficond history backup SPEC FILE",
        )
    kept = None
    if tuner.nodes(deleted=True) or count_others(tuner):
        kept = _beside(Path(tuner.history.path))
        _copy(tuner, kept)
    tuner.history.become(copy.history)
    mirror_concepts(copy, tuner.history.path)
    copy.history.close()
    tuner = typed_anew(tuner)
    lines = [f"{len(tuner.nodes(deleted=True))} iterations brought back from {args.file}."]
    lines += [f"Those until now are in {kept}."] if kept else []
    lines += ["Pages that are open show them once they are loaded again."]
    return _document(tuner, file=str(args.file), kept=str(kept) if kept else None), lines


def _copy(tuner: Tuner, place: Path) -> None:
    if place.exists():
        raise TuningError(f"{place} is there already.", "Name a new file.")
    write_whole(place, tuner.history.image())
    mirror_concepts(tuner, place)


def _beside(history: Path) -> Path:
    """A new place for what the history held: ``x.before-20261122024011123.sqlite``."""
    stem = history.name.removesuffix(".sqlite").removesuffix(".history")
    moment = re.sub(r"\D", "", clock.now())[:17]
    return history.with_name(f"{stem}.before-{moment}.sqlite")


def _document(tuner: Tuner, **more: Any) -> dict[str, Any]:
    return {
        "spec": str(tuner.spec.path),
        "history": tuner.history.path,
        "iterations": len(tuner.nodes(deleted=True)),
        **more,
    }
