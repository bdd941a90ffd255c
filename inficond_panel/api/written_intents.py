"""Conversion of a script's intents (tuples, mappings, single or in a list) to ``Edit``s."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from inficond_panel.errors import TuningError
from inficond_panel.tuning import GroupIntent, Intent
from inficond_panel.tuning.edits import Edit, edit_from_json
from inficond_panel.tuning.edits_file import EVERY as ALL_CLASSES
from inficond_panel.vocabulary.intents import BALANCE, DIRECTIONS, REPAIRS

#: Wildcard in place of a class name: all classes.
EVERY = "*"
_HOW = (
    'Write ("class", "concept", "up"), with an optional factor at the end, a mapping as in an '
    "edits file (`inficond docs repair`), or a list of these."
)


def as_asked(intents: Edit | Iterable[object], classes: Sequence[str]) -> list[Edit]:
    """Return the edits of a batch from one intent or several, as a script writes them.

    Class ``*`` means each of ``classes``. A mapping may have ``classes``, as in an edits file: a
    list, or "all". Raises ``TuningError`` for an invalid intent.
    """
    return [
        replace(item, class_name=name) if item.class_name == EVERY else item
        for item in _written(intents)
        for name in (classes if item.class_name == EVERY else [item.class_name])
    ]


def _written(intents: Edit | Iterable[object]) -> list[Edit]:
    if isinstance(intents, Edit):
        return [intents]
    alone = isinstance(intents, Mapping) or (
        isinstance(intents, tuple) and bool(intents) and isinstance(intents[0], str)
    )
    try:
        several = [intents] if alone else intents
        return [_one(each) for item in several for each in _by_class(item)]
    except TuningError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise TuningError(f"{intents!r} is not an intent: {error}.", _HOW) from error


def _by_class(item: Any) -> list[Any]:
    """Split a mapping with ``classes`` into one mapping per class; else return ``[item]``."""
    if not isinstance(item, Mapping) or "classes" not in item:
        return [item]
    rest = {key: value for key, value in item.items() if key != "classes"}
    classes = [EVERY] if item["classes"] == ALL_CLASSES else item["classes"]
    if "class" in item or isinstance(classes, str) or not classes:
        raise TuningError(f"{item!r} is not an intent.", _HOW)
    return [{**rest, "class": name} for name in classes]


def _one(item: Any) -> Edit:
    if isinstance(item, Edit):
        return item
    if isinstance(item, Mapping):
        return _from_mapping(item)
    if isinstance(item, str) or not 3 <= len(item) <= 5:
        raise TuningError(f"{item!r} is not an intent.", _HOW)
    class_name, concept, *rest = item
    if isinstance(concept, str):
        return Intent(class_name, concept, *rest)
    names = tuple(concept)
    if len(names) == 1:
        return Intent(class_name, names[0], *rest)
    return GroupIntent(class_name, names, *rest)


def _from_mapping(item: Mapping[str, Any]) -> Edit:
    concepts, direction = item.get("concepts"), item["direction"]
    if direction not in {**DIRECTIONS, **REPAIRS}:
        raise ValueError(f"unknown direction {direction!r}")
    if direction == BALANCE.key:
        named = item["concept"] if concepts is None else concepts
        return edit_from_json({**item, "concepts": [named] if isinstance(named, str) else named})
    if concepts is not None and direction in DIRECTIONS:
        return GroupIntent(
            item["class"], concepts, direction, item.get("factor"), item.get("bound")
        )
    return edit_from_json(item)
