"""Text that ``inficond history`` writes for people."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from inficond_panel.common.numbers import written
from inficond_panel.distill import Interval
from inficond_panel.results.comparison import ClassComparison, Comparison
from inficond_panel.results.refit_words import churn_sentence
from inficond_panel.tuning import Event, Node, Tuner
from inficond_panel.tuning.notices import limits_text
from inficond_panel.vocabulary.confidence import interval_word
from inficond_panel.vocabulary.metrics import AP, METRICS
from inficond_panel.wording.cures import Asked, asked_words
from inficond_panel.wording.metrics import change_text, make_change

_SHOWN_IDS = 8


def intents_text(intents: Sequence[Asked]) -> str:
    """``bicycle ▼ wheel ×2, ▲ sky ×2; dog ✕ grass``."""
    if not intents:
        return "untouched students"
    classes = dict.fromkeys(intent.class_name for intent in intents)
    return "; ".join(
        f"{name} " + ", ".join(asked_words(i, sign=True) for i in intents if i.class_name == name)
        for name in classes
    )


def _change(change: Interval, metric: str = AP.key) -> str:
    return change_text(make_change(change, unit=METRICS[metric].unit)) or "undefined"


def node_lines(tuner: Tuner, node: Node, events: Sequence[Event]) -> list[str]:
    """One iteration: what was asked, what is in force, and what happened to it."""
    numbers = {item.id: item.number for item in tuner.nodes(deleted=True)}
    parent = f"from #{numbers[node.parent]} {node.parent}" if node.parent else "untouched students"
    bounds = [
        f"  {class_name}: {limits_text(limits).replace('w', concept, 1)}"
        for (class_name, concept), limits in node.bounds.items()
    ]
    return [
        f"#{node.number} {node.id}{f' {plain(node.name)!r}' if node.name else ''}, {parent}",
        *([f"note          {plain(node.note)}"] if node.note else []),
        f"intents       {intents_text(node.asked)}",
        f"made          {node.created} by {plain(node.author)}, {node.seconds:.2f} s",
        f"weights' hash {node.weights_hash}",
        f"largest gap   {max(node.gap):.1e}",
        f"bounds in force: {len(bounds)}",
        *bounds,
        "events:",
        *(f"  {event_line(event, numbers)}" for event in events),
    ]


def event_line(event: Event, numbers: Mapping[str, int]) -> str:
    """One event of the log, with the numbers of its nodes."""
    origin = f" from #{numbers[event.origin]}" if event.origin else ""
    text = f" {plain(event.text)!r}" if event.text and event.kind != "add" else ""
    return (
        f"{event.number:>4}  {event.created}  {event.kind:<9} #{numbers[event.node]}{origin}"
        f"{text}  by {plain(event.author)}"
    )


def comparison_lines(comparison: Comparison) -> list[str]:
    """Two iterations side by side."""
    before, after, at = comparison.before, comparison.after, comparison.ancestor
    lines = [
        f"#{before.number} {before.id} → #{after.number} {after.id} on the split "
        f"{comparison.split}, both from #{at.number}",
        *(f"  only #{before.number}: {intents_text(n.asked)}" for n in comparison.only_before),
        *(f"  only #{after.number}: {intents_text(n.asked)}" for n in comparison.only_after),
        f"mAP {_change(comparison.mean_ap)}; changes with their {interval_word(comparison.level)}s",
    ]
    for item in comparison.classes:
        lines += ["", *_class_lines(item)]
    if comparison.unchanged:
        lines += ["", f"the same students: {', '.join(comparison.unchanged)}"]
    return lines


def _class_lines(item: ClassComparison) -> Iterator[str]:
    yield f"{item.class_name}, cross-fitted" if item.cross_fitted else item.class_name
    for name, change in item.changes.items():
        old, new = getattr(item.before, name), getattr(item.after, name)
        if math.isnan(change.estimate):
            yield f"  {name:<9} undefined"
        else:
            yield f"  {name:<9} {old:.3f} → {new:.3f}, {_change(change, name)}"
    moved = "; ".join(f"{m.concept} {written(m.change, sign=True)}" for m in item.movers)
    yield f"  moved (logits): {moved}"
    yield f"  {churn_sentence(item.churn)}"
    for present, way in ((True, "present"), (False, "absent")):
        ids = item.churn.ids(present=present)
        more = f" and {len(ids) - _SHOWN_IDS} more" if len(ids) > _SHOWN_IDS else ""
        if ids:
            yield f"  to {way}: {', '.join(map(plain, ids[:_SHOWN_IDS]))}{more}"


def plain(text: str) -> str:
    """The text on one line, without what a terminal would obey."""
    return "".join(c if c.isprintable() else " " for c in text)
