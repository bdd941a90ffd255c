"""Students that a command is about: the tuner of its arguments, and the iteration."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from inficond_panel.commands.shared.output import note, progress
from inficond_panel.common.numbers import count
from inficond_panel.tuning import Node, Tuner, open_tuner
from inficond_panel.tuning.other_students import find_node
from inficond_panel.vocabulary.splits import HOLDOUT

if TYPE_CHECKING:
    from inficond_panel.api.students import TunableStudents


def open_students(args: argparse.Namespace, *, distilled: bool = True) -> Tuner:
    """The tuner of ``add_tuner``'s arguments, its store checked and, unless asked not to, with the
    untouched students in its history."""
    tuner = open_tuner(args.spec, store=args.store, history=args.history)
    tuner.store.verify()
    if distilled:
        tuner.root(progress=progress)
    return tuner


def students_of(args: argparse.Namespace) -> TunableStudents:
    """The students of ``add_tuner``'s arguments, at the iteration of ``add_node``'s."""
    from inficond_panel.api.students import TunableStudents

    tuner = open_students(args)
    return TunableStudents(tuner, chosen_node(tuner, args.node))


def settle_draws(args: argparse.Namespace, tuner: Tuner) -> None:
    """Put the spec's number of draws where ``--draws`` is left out; errors as ``Views.noise``."""
    args.draws = tuner.spec.views.noise(args.draws)["draws"]


def count_look(tuner: Tuner, node: Node, split: str) -> None:
    """Count a look at the holdout, and say so; nothing where the split is another."""
    if split == HOLDOUT:
        tuner.count_look(node, split)
        tell_look(tuner, split)


def tell_look(tuner: Tuner, split: str) -> None:
    """Say that a look at the holdout was counted; nothing where the split is another."""
    if split == HOLDOUT:
        note(f"Counted a look at the holdout; {count(tuner.looks(), 'look')} so far.")


def chosen_node(tuner: Tuner, name: str | None, *, deleted: bool = False) -> Node:
    """The iteration that ``name`` names; without one the head, which the page shows.

    One in a deleted branch is taken only where ``deleted`` is True.

    Writes a note where that gives the untouched students although there are iterations: nobody who
    has tuned should take them away unawares. Raises ``TuningError`` as ``find_node`` does.
    """
    if name is not None:
        return find_node(tuner, name, deleted=deleted)
    head = tuner.head()
    nodes = tuner.nodes()
    if head.parent is None and len(nodes) > 1:
        note(
            f"These are the untouched students, #0, as on the page; #{nodes[-1].number} is the "
            f"latest iteration. Take it with --node {nodes[-1].number}."
        )
    return head
