"""The pending batch: its items, its preview, and notices to the person."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from inficond_panel.distill import ClassMetrics, Interval, alone, change_intervals
from inficond_panel.errors import CancelledError, InficondError
from inficond_panel.results.metrics import evaluation_outcome
from inficond_panel.results.refit_changes import MovedClass, churn, moved_classes
from inficond_panel.tuning import Node, Tuner
from inficond_panel.tuning.edits import Balance, Cure, edit_from_json, place_of
from inficond_panel.tuning.thumbs import Intent
from inficond_panel.vocabulary.metrics import ACCURACY, AP, F1, FIDELITY, keys


@dataclass(frozen=True)
class Notice:
    """A sentence, and what a person can do about it: ``run``, under the word ``offer``.

    ``compared`` are the ids of two iterations that can be compared too.
    """

    text: str
    offer: str = ""
    run: Callable[[], object] = lambda: None
    compared: tuple[str, str] | None = None


#: Metrics whose changes a preview tells; fidelity beside accuracy.
METRICS = keys(AP, F1, ACCURACY, FIDELITY)


@dataclass(frozen=True)
class Status:
    """Status on the fine-tune button: kind, a sentence, progress (0 to 1), and a remedy."""

    kind: str = "idle"  # idle | previewing | fitting | judging | cancelling | done | error
    text: str = ""
    progress: float = 0.0
    remedy: str = ""

    @classmethod
    def of(cls, error: InficondError) -> Status:
        """Status of an error; at rest where somebody cancelled."""
        if isinstance(error, CancelledError):
            return cls()
        return cls("error", error.for_page, 0.0, error.remedy_for_page)


@dataclass(frozen=True)
class Preview:
    """Effect that the pending batch would have, by touched class; it is not stored.

    ``changes`` are of ``METRICS``, by class and metric. ``moved`` are the other classes that a
    joint student would move along.
    """

    node: Node
    changes: dict[str, dict[str, Interval]] = field(default_factory=dict)
    metrics: dict[str, ClassMetrics] = field(default_factory=dict)
    sides: dict[str, int] = field(default_factory=dict)
    moved: tuple[MovedClass, ...] = ()

    def of(self, class_name: str, metric: str) -> Interval | None:
        """Change in a metric of one class; None for a class that the batch does not touch."""
        return self.changes.get(class_name, {}).get(metric)


def make_preview(
    tuner: Tuner, before: Node, after: Node, split: str, cancelled: Callable[[], bool]
) -> Preview:
    """Compare the students that a batch touches with their parents, on images of a split.

    Changes are cross-fitted where labels of these images chose a student (see
    ``results.metrics``). Raises ``CancelledError``.
    """
    old, new = tuner.at(before, split), tuner.at(after, split)
    noise = tuner.spec.views.noise()
    preview = Preview(after, moved=moved_classes(old, new))
    for name in after.tuned:
        if cancelled():
            raise CancelledError("Cancelled.")
        was, now = (evaluation_outcome(tuner, node, split, name) for node in (before, after))
        changes = change_intervals(was, now, METRICS, **noise)
        preview.changes[name] = changes if tuner.spec.views.intervals else alone(changes)
        preview.metrics[name] = new[name].metrics
        preview.sides[name] = churn(old[name], new[name]).count()
    return preview


Item = Intent | Cure


def read_item(given: Mapping[str, Any]) -> Item | None:
    """Read a thumb or cure that a browser kept; None for anything else."""
    try:
        return edit_from_json(given)
    except (KeyError, TypeError, ValueError, InficondError):
        return None


def toggled(batch: Sequence[Item], items: Sequence[Item]) -> list[Item]:
    """Return the batch with ``items``, each in place of an item with the same key.

    Without them if all are in it.

    A thumb is there however far it goes. Concepts to balance add up; those that are balanced
    already are taken out again.
    """
    if len(items) == 1 and isinstance(items[0], Balance):
        return _balanced(batch, items[0])
    there = {_direction(item) for item in batch}
    return (without if there.issuperset(map(_direction, items)) else put)(batch, items)


def _direction(item: Item) -> object:
    return (item.key, item.direction) if isinstance(item, Intent) else item


def put(batch: Sequence[Item], items: Sequence[Item]) -> list[Item]:
    """Return the batch with ``items``, each in place of an item with the same key."""
    return [*without(batch, items), *items]


def without(batch: Sequence[Item], items: Iterable[Item]) -> list[Item]:
    """Return the batch without the items that have the keys of ``items``."""
    places = {place_of(item) for item in items}
    return [item for item in batch if place_of(item) not in places]


def _balanced(batch: Sequence[Item], cure: Balance) -> list[Item]:
    """Return the batch with the concepts of ``cure`` balanced too; unchanged if all of them are.

    The balance counts as named by the data only if the data named all its concepts.
    """
    places = (item for item in batch if place_of(item) == place_of(cure))
    before = next((item for item in places if isinstance(item, Balance)), None)
    if before is None:
        return put(batch, [cure])
    if set(cure.concepts) <= set(before.concepts):
        left = tuple(name for name in before.concepts if name not in cure.concepts)
        return put(batch, [replace(before, concepts=left)]) if left else without(batch, [cure])
    named = before.suspects and cure.suspects
    every = (*before.concepts, *cure.concepts)
    return put(batch, [replace(cure, concepts=every, suspects=named)])
