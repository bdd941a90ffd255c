"""Copies of a history, as actions: made while it is served, and brought back."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from inficond_panel.common.numbers import count
from inficond_panel.tuning import Tuner
from inficond_panel.tuning.backups import back_up, bring_back
from inficond_panel.tuning.other_students import count_others


def backup(tuner: Tuner, args: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """Copy the history, with its typed concepts, to a new file."""
    back_up(tuner, Path(args.file))
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
    tuner, kept = bring_back(tuner, Path(args.file))
    lines = [f"{len(tuner.nodes(deleted=True))} iterations brought back from {args.file}."]
    lines += [f"Those until now are in {kept}."] if kept else []
    lines += ["Pages that are open show them once they are loaded again."]
    return _document(tuner, file=str(args.file), kept=str(kept) if kept else None), lines


def _document(tuner: Tuner, **more: Any) -> dict[str, Any]:
    return {
        "spec": str(tuner.spec.path),
        "history": tuner.history.path,
        "iterations": len(tuner.nodes(deleted=True)),
        **more,
    }
