"""Functions that open the students and the iteration that a command's arguments name."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from inficond_panel.commands.shared.output import note, progress
from inficond_panel.common.database import IN_MEMORY
from inficond_panel.common.numbers import count
from inficond_panel.tuning import Node, Tuner, open_tuner
from inficond_panel.tuning.cluster import Cluster
from inficond_panel.tuning.other_students import find_node
from inficond_panel.vocabulary.splits import HOLDOUT

if TYPE_CHECKING:
    from inficond_panel.api.students import TunableStudents


def open_students(args: argparse.Namespace, *, distilled: bool = True) -> Tuner:
    """Return the tuner of the spec, store and history in ``args``. Each array of the store is
    compared with its hash when it is read.

    With ``distilled`` the original students are distilled, unless the history has them.
    """
    address = getattr(args, "scheduler", None)
    workers = None if address is None else Cluster(address, note)
    tuner = open_tuner(args.spec, store=args.store, history=args.history, workers=workers)
    if distilled:
        tuner.root(progress=progress)
    return tuner


def students_of(args: argparse.Namespace) -> TunableStudents:
    """Return the students of the spec and of the iteration ``--node`` in ``args``."""
    from inficond_panel.api.students import TunableStudents

    return TunableStudents(*open_node(args))


def open_node(args: argparse.Namespace) -> tuple[Tuner, Node]:
    """Return the tuner of ``open_students``, and the iteration ``--node`` in ``args``."""
    tuner = open_students(args)
    return tuner, chosen_node(tuner, args.node)


def count_looks(tuner: Tuner, split: str, *nodes: Node, what: str = "") -> None:
    """If the split is the holdout, count a look (an evaluation) at each node, and print all looks.

    ``what`` names the nodes in the printed line; without nodes, the looks are counted already.
    """
    if split == HOLDOUT:
        for node in nodes:
            tuner.count_look(node, split)
        note(f"Evaluated {what}on the holdout; {count(tuner.looks(), 'look')} counted so far.")


def note_kept(tuner: Tuner, *lines: str) -> None:
    """Print ``lines`` on what the history has now; if it is in memory, that nothing is kept."""
    if tuner.history.path == IN_MEMORY:
        lines = (f"Nothing is kept: the history is in memory ({IN_MEMORY}).",)
    for line in lines:
        note(line)


def chosen_node(tuner: Tuner, name: str | None, *, deleted: bool = False) -> Node:
    """Return the iteration ``name`` (number, id or name); None: the head, which the page shows.

    An iteration in a deleted branch is accepted only if ``deleted`` is True. Prints a note if the
    result is the original students although there are iterations: a user who has tuned should not
    export the original students unknowingly. Raises ``TuningError`` like ``find_node``.
    """
    if name is not None:
        return find_node(tuner, name, deleted=deleted)
    head = tuner.head()
    nodes = tuner.nodes()
    if head.parent is None and len(nodes) > 1:
        note(
            f"These are the original students, #0, as on the page; #{nodes[-1].number} is the "
            f"latest iteration. Use it with --node {nodes[-1].number}."
        )
    return head
