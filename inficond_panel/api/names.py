"""Checks of the metrics and splits that a script names, with the nearest one that is there."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from inficond_panel.common.near_words import unknown
from inficond_panel.errors import TuningError
from inficond_panel.vocabulary.metrics import METRICS
from inficond_panel.vocabulary.splits import SPLITS

One = TypeVar("One", bound=str | Path)


def check_metric(name: str) -> None:
    """Raise ``TuningError`` for a metric that is not in the vocabulary."""
    check_word("metric", name, METRICS)


def check_split(name: str) -> None:
    """Raise ``TuningError`` for a split that stores do not have."""
    check_word("split", name, SPLITS)


def check_word(kind: str, name: str, known: Iterable[str]) -> None:
    """Raise ``TuningError``, with the nearest word, for one that is not ``known``."""
    words = list(known)
    if name not in words:
        raise TuningError(*unknown(kind, name, words))


def several(names: One | Iterable[One]) -> list[One]:
    """Names, or files; one that stands alone is not taken for its letters."""
    return [names] if isinstance(names, str | Path) else list(names)


def some(names: str | Iterable[str] | None) -> list[str] | None:
    """The names likewise; None: all there are."""
    return None if names is None else several(names)
