"""All numbers of one node on one split, computed together off the event loop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from inficond_panel.distill import Agreement, ClassMetrics, TeacherSkill, agreement
from inficond_panel.tuning import Iteration, Node, Student, Tuner
from inficond_panel.tuning.other_students import count_others
from inficond_panel.vocabulary.splits import HOLDOUT


@dataclass(frozen=True)
class Snapshot:
    """A node as the screen shows it: metrics now, at the start (#0) and before (its parent).

    ``agreement`` counts the images that the bars show. ``teacher`` is the AP of the teacher on
    each class beside chance. ``tuned`` are the classes that it or an iteration before it tunes; the
    others are untouched.
    """

    node: Node
    split: str
    metrics: dict[str, ClassMetrics]
    before: dict[str, ClassMetrics]
    last: dict[str, ClassMetrics]
    agreement: dict[str, Agreement]
    teacher: dict[str, TeacherSkill]
    tuned: frozenset[str]


@dataclass(frozen=True)
class Deleted:
    """A deleted branch: the node from which on it is hidden, and how many iterations that hides."""

    node: Iteration
    count: int


@dataclass(frozen=True)
class Tree:
    """The iterations of this history, oldest first, as they stood when this was taken.

    Deleted branches are left out, but never the node shown and its ancestors. ``looks`` counts
    looks at the holdout by id of the node, where there are any. ``undo`` and ``redo`` are the ids
    of the nodes that these lead to from the node shown, or None. ``deleted`` are the branches that
    can be restored, the newest first; ``others`` counts iterations of
    other students in the same file, by kind.
    """

    nodes: tuple[Iteration, ...]
    looks: Mapping[str, int]
    undo: str | None = None
    redo: str | None = None
    deleted: tuple[Deleted, ...] = ()
    others: Mapping[str, int] = field(default_factory=dict)


def take_tree(tuner: Tuner, shown: Node) -> Tree:
    """Read the tree of iterations, around the node ``shown``."""
    nodes, state = tuner.tree()
    hidden = state.all_hidden().difference(state.path(shown.id))
    return Tree(
        nodes=tuple(node for node in nodes if node.id not in hidden),
        looks=Counter({at: n for (at, split), n in state.looks.items() if split == HOLDOUT}),
        undo=state.undo_from(shown.id),
        redo=state.redo_from(shown.id),
        deleted=tuple(
            Deleted(node, len(state.branch(node.id)))
            for node in reversed(nodes)
            if node.id in state.deleted
        ),
        others=count_others(tuner),
    )


def take_snapshot(tuner: Tuner, node: Node, split: str) -> Snapshot:
    """Compute the metrics and agreements of all classes for ``node`` on ``split``."""
    root = tuner.root()
    parent = tuner.node(node.parent) if node.parent else root
    students = tuner.at(node, split)
    return Snapshot(
        node=node,
        split=split,
        metrics=tuner.metrics(node, split),
        before=tuner.metrics(root, split),
        last=tuner.metrics(parent, split),
        agreement={name: agreement_of(each) for name, each in students.items()},
        teacher=tuner.teacher_skills(split),
        tuned=frozenset(node.tuned).union(*(each.tuned for each in tuner.ancestors(node))),
    )


def agreement_of(student: Student) -> Agreement:
    """Return the counts of images by who decides rightly, student and teacher."""
    return agreement(student.labels, student.decided, student.teacher_decided)
