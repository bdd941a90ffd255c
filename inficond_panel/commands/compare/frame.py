"""Frame of all comparisons: what is refused, the folder, a look counted; then JSON, or tables."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeVar

from inficond_panel.commands.shared.output import note, say_json
from inficond_panel.commands.shared.students import open_students, settle_draws
from inficond_panel.common.interval import NO_INTERVAL
from inficond_panel.common.numbers import defined
from inficond_panel.common.saved_file import File
from inficond_panel.common.whole_file import write_folder
from inficond_panel.distill import Interval
from inficond_panel.errors import InficondError
from inficond_panel.tuning import Node, Tuner
from inficond_panel.vocabulary.splits import HOLDOUT

Found = TypeVar("Found")
#: Ends of the names of columns: of an estimate, and of its limits.
LIMITS = ("", "_low", "_high")


def carry_out(
    args: argparse.Namespace,
    *,
    names: set[str],
    find: Callable[[Tuner], Found],
    files: Callable[[Tuner, Found], Iterable[File]],
    document: Callable[[Tuner, Found], dict[str, Any]],
    tell: Callable[[Tuner, Found], None],
) -> None:
    """Find what is asked for, write its ``files`` where ``--output`` is given, and tell it.

    ``names`` are those of the files: a folder that holds others is not replaced.
    """
    tuner = open_students(args, distilled=False)
    settle_draws(args, tuner)
    place = Path(args.output) if args.output else None
    with write_folder(place, args.force, names) if place else nullcontext() as write:
        found = find(tuner)
        if write:
            for file in files(tuner, found):
                write(file.name, file.content)
    if args.json:
        say_json(document(tuner, found))
    else:
        tell(tuner, found)


def refuse(
    args: argparse.Namespace, others: Sequence[str], usual: dict[str, str], why: str, remedy: str
) -> None:
    """Raise ``InficondError`` for an argument of other comparisons, or one that is not ``usual``.

    ``why`` goes on after "--FLAG is not used with".
    """
    given = [name for name in others if getattr(args, name)]
    given += [name for name, value in usual.items() if getattr(args, name) != value]
    if given:
        raise InficondError(f"--{given[0].rstrip('_')} is not used with {why}.", remedy)


def count_looks(tuner: Tuner, nodes: Sequence[Node], split: str) -> None:
    """Count a look at the holdout for each set of students, where it is the split.

    The history then keeps these students, which the looks are of.
    """
    if split == HOLDOUT:
        for node in nodes:
            tuner.history.add(node)
            tuner.history.count_look(node.id, split)
        note(f"Counted a look at the holdout for {len(nodes)} sets of students.")


def three(interval: Interval | None) -> list[float | None]:
    """An estimate with its limits as numbers of a table; None where undefined."""
    return [defined(end) for end in (interval or NO_INTERVAL).columns("value").values()]
