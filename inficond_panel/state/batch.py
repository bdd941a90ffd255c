"""The pending batch of thumbs and repairs, its preview, and notices to the person."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from inficond_panel.common.interval import Interval
from inficond_panel.distill import ClassMetrics, alone, change_intervals
from inficond_panel.errors import CancelledError, InficondError
from inficond_panel.results.refit_changes import MovedClass, churn, moved_classes
from inficond_panel.tuning import Intent, Node, Students, Tuner
from inficond_panel.tuning.edits import edit_from_json, place_of
from inficond_panel.tuning.repairs.repair import Repair
from inficond_panel.vocabulary.metrics import ACCURACY, AP, F1, FIDELITY, keys


@dataclass(frozen=True)
class Notice:
    """Sentence for the person, with a button labelled ``offer`` that calls ``run``.

    ``compared`` are the ids of two iterations that a second button compares.
    """

    text: str
    offer: str = ""
    run: Callable[[], object] = lambda: None
    compared: tuple[str, str] | None = None


@dataclass(frozen=True)
class Turned:
    """Rows of the store's images that a refit turned: now decided ``right``, or ``wrong``, by their
    labels."""

    right: tuple[int, ...]
    wrong: tuple[int, ...]


def turned_images(before: Students, after: Students) -> dict[str, Turned]:
    """Return the images that changed their prediction between two nodes, by tuned class."""
    found = {}
    for name in after.node.tuned:
        flips = churn(before[name], after[name]).flips
        right, wrong = (
            tuple(flip.row for flip in flips if flip.right is which) for which in (True, False)
        )
        found[name] = Turned(right, wrong)
    return found


#: Metrics whose changes a preview shows.
PREVIEW_METRICS = keys(AP, F1, ACCURACY, FIDELITY)


@dataclass(frozen=True)
class Preview:
    """Effect that the pending batch would have on each class it changes; never saved.

    ``changes`` are the changes in ``PREVIEW_METRICS``, by class and metric; ``sides`` counts the
    images whose decision changes. ``moved`` are other classes that a softmax student would
    change.
    """

    node: Node
    changes: dict[str, dict[str, Interval]] = field(default_factory=dict)
    metrics: dict[str, ClassMetrics] = field(default_factory=dict)
    sides: dict[str, int] = field(default_factory=dict)
    moved: tuple[MovedClass, ...] = ()

    def of(self, class_name: str, metric: str) -> Interval | None:
        """Return the change in a metric of one class; None if the batch does not change it."""
        return self.changes.get(class_name, {}).get(metric)


def make_preview(
    tuner: Tuner, before: Node, after: Node, split: str, cancelled: Callable[[], bool]
) -> Preview:
    """Return the changes from the students of ``before`` to the students of ``after``, per class.

    ``after`` is the node of the preview, ``before`` its parent. Raises ``CancelledError``.
    """
    old, new = tuner.at(before, split), tuner.at(after, split)
    noise = tuner.spec.views.noise()
    preview = Preview(after, moved=moved_classes(old, new))
    for name in after.tuned:
        if cancelled():
            raise CancelledError("Cancelled.")
        changes = change_intervals(old[name].outcome, new[name].outcome, PREVIEW_METRICS, **noise)
        preview.changes[name] = changes if tuner.spec.views.intervals else alone(changes)
        preview.metrics[name] = new[name].metrics
        preview.sides[name] = churn(old[name], new[name]).count()
    return preview


Item = Intent | Repair


def read_item(given: Mapping[str, Any]) -> Item | None:
    """Return the thumb or repair in a browser's JSON object; None if it is neither."""
    try:
        return edit_from_json(given)
    except (KeyError, TypeError, ValueError, InficondError):
        return None


def toggled(batch: Sequence[Item], items: Sequence[Item]) -> list[Item]:
    """Return the batch with ``items`` added; without them if the batch has all of them.

    An item replaces an item with the same key. Thumbs that differ only in their factor are equal.
    """
    there = {_direction(item) for item in batch}
    return (without if there.issuperset(map(_direction, items)) else put)(batch, items)


def _direction(item: Item) -> object:
    return (item.key, item.direction) if isinstance(item, Intent) else item


def put(batch: Sequence[Item], items: Sequence[Item]) -> list[Item]:
    """Return the batch with ``items`` added; an item replaces an item with the same key."""
    return [*without(batch, items), *items]


def without(batch: Sequence[Item], items: Iterable[Item]) -> list[Item]:
    """Return the batch without items whose keys are among the keys of ``items``."""
    places = {place_of(item) for item in items}
    return [item for item in batch if place_of(item) not in places]


def with_groups_present(batch: Sequence[Item]) -> list[Item]:
    """Return the batch with groups of those concepts alone that have the group's thumb in it.

    A concept that is taken out of the batch, or gets another thumb or factor, leaves its group; a
    single concept is no group.
    """
    there: dict[object, list[str]] = {}
    for item in batch:
        if isinstance(item, Intent):
            there.setdefault(_group_of(item), []).append(item.concept)

    def present(intent: Intent) -> tuple[str, ...]:
        left = tuple(name for name in intent.group if name in there[_group_of(intent)])
        return left if len(left) > 1 else ()

    return [replace(i, group=present(i)) if isinstance(i, Intent) else i for i in batch]


def _group_of(intent: Intent) -> object:
    return intent.class_name, intent.group, intent.direction, intent.factor, intent.bound
