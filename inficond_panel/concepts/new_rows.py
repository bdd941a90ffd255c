"""Concept scores of new rows of a table, for a store whose scores were given as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from inficond_panel.common import tables
from inficond_panel.common.names import name_key, positions
from inficond_panel.common.near_words import listed, near
from inficond_panel.common.numbers import as_text, count, significant
from inficond_panel.concepts.photo_scores import PhotoScores
from inficond_panel.errors import DataError
from inficond_panel.store import Store
from inficond_panel.store.frame_checks import LARGEST_SCORE
from inficond_panel.vocabulary.splits import FIT

#: Cells that are numbers in words, as ``inficond init`` reads them.
_WORDS = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0}
#: Columns of ids, the first that there is.
_IDS = (tables.IDS, "id")
_NAMED = 5  #: most faults and columns that a message lists
#: Rows of which half outside the training range is no chance, and of which quartiles tell units.
_FEW, _MANY = 5, 20
#: Least number by which other units multiply values: 3.28 for feet, 10 for a decilitre.
_TIMES = 3.0
#: Least number by which values in larger units are closer together, and the share of the training
#: rows that lie beyond their median.
_CLOSER, _EDGE = 5.0, 0.05
#: Share of the columns from which values are closer together without an edge, and least columns: a
#: table that was not standardised as the store's.
_MOST_CLOSER, _COLUMNS = 0.5, 4
#: Share of a range by which a value may lie outside it: numbers that were rounded.
_ROUNDED = 0.01
_OTHER_UNITS = (
    "Are these columns in the units of the store's scores? Over half of their values are "
    "outside those of the training rows, or they lie several times closer together, at an edge or "
    "in most columns, or all are several times as large or as small"
)
_FAR_VALUES = "Values that are far outside those of the training rows, perhaps in other units"
_CORRECT = (
    "Give every concept a finite number, in the units of the store, or leave the cell empty: its "
    "row is then not decided."
)


@dataclass(frozen=True, eq=False)
class NewRows:
    """Table of new rows. ``source`` names it in messages; each row is its place there, such as
    ``new.csv:3``, with a cell per column of the ``header``."""

    source: str
    header: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Any]]]

    @classmethod
    def of_frame(cls, table: object) -> NewRows:
        """Return the rows of a data frame of any library; raise ``DataError`` for other objects."""
        frame = tables.as_table(table)
        if frame is None:
            fault = tables.kind_fault("rows", table)
            raise DataError(f"New rows cannot be read: {fault}.", "Or name a CSV file.")
        ids = _IDS if isinstance(frame.index, pd.RangeIndex) else _IDS[:1]
        inside = any(name_key(name) in ids for name in frame.columns)
        header = [*([] if inside else [tables.IDS]), *map(str, frame.columns)]
        frame = frame.astype(object).where(frame.notna(), None)  # as the cells of a file
        cells = zip(frame.index, frame.itertuples(index=False, name=None), strict=True)
        rows = [(f"row {at!r}", row if inside else (at, *row)) for at, row in cells]
        return cls("the table", header, rows)


def row_scores(store: Store, given: Sequence[NewRows]) -> PhotoScores:
    """Return the concept scores of new rows: columns are matched with the store's by name.

    Other columns are ignored; ``notes`` names them, and concepts that seem to be in other units
    than the store's. A row with an empty cell has a fault and no scores: no number is made up for
    it. Raises ``DataError`` for a concept without a column, for other cells that are no finite
    number, with their lines, for a repeated id, and without any row that can be decided.
    """
    names: dict[str, str] = {}
    parts, faults, ignored = [], list[str](), dict[str, None]()
    for table in given:
        column = _columns(table, store.concepts)
        named = _id_column(table.header, column)
        known = {*column, named}
        ignored |= dict.fromkeys(x for at, x in enumerate(table.header) if at not in known)
        for number, (place, cells) in enumerate(table.rows, 1):
            note_name(names, str(number) if named is None else as_text(cells[named]), place)
        faults += [_empty(table, cells, column) for _, cells in table.rows]
        parts.append(_numbers(table, column))
    score = np.concatenate([np.zeros((0, len(store.concepts)), np.float32), *parts])
    if not len(score):
        raise DataError("There is no row to decide.", "Write a row per case below the header.")
    whole = np.array([not fault for fault in faults], dtype=bool)
    score[~whole] = np.nan
    if not whole.any():
        raise DataError(
            f"Every row has an empty cell: {_undecided(tuple(names), faults)}.", _CORRECT
        )
    extra = f"Columns that are no concepts are ignored: {listed(list(ignored), _NAMED)}."
    return PhotoScores(
        photos=tuple(names),
        fault=tuple(faults),
        concepts=tuple(store.concepts),
        classes=tuple(store.classes),
        score=score,
        no_teacher="its logits were given as a table",
        things="rows",
        notes=(
            *([extra] if ignored else []),
            *undecided_notes(tuple(names), faults, "row"),
            *other_units(store, score[whole]),
        ),
    )


def _empty(table: NewRows, cells: Sequence[Any], column: Sequence[int]) -> str:
    """Return why a row cannot be decided: ``lactate is empty``; "" if no cell is empty."""
    empty = [table.header[at] for at in column if not as_text(cells[at])]
    return f"{listed(empty, _NAMED)} {'is' if len(empty) == 1 else 'are'} empty" if empty else ""


def undecided_notes(names: Sequence[str], faults: Sequence[str], thing: str) -> list[str]:
    """Return ``2 of 25 rows are not decided: 017 (lactate is empty), 021 (age is empty).``, of rows
    or other things with a fault; nothing if none has one."""
    number, of = sum(map(bool, faults)), count(len(names), thing)
    verb = "is" if number == 1 else "are"
    told = f"{number:,} of {of} {verb} not decided: {_undecided(names, faults)}."
    return [told] if number else []


def _undecided(names: Sequence[str], faults: Sequence[str]) -> str:
    rows = zip(names, faults, strict=True)
    return listed([f"{name} ({fault})" for name, fault in rows if fault], _NAMED)


def _columns(table: NewRows, concepts: Sequence[str]) -> list[int]:
    """Return the index of each concept's column; raise ``DataError`` for concepts without one."""
    at = positions(table.header)
    missing = [name for name in concepts if name_key(name) not in at]
    if missing:
        raise DataError(
            f"{table.source} has no column for {len(missing):,} of the store's "
            f"{count(len(concepts), 'concept')}: {listed(missing, _NAMED)}."
            f"{near(missing[0], table.header)}",
            "Give the table a column for each concept, called as in the store.",
        )
    return [at[name_key(name)] for name in concepts]


def _id_column(header: Sequence[str], column: Sequence[int]) -> int | None:
    """Return the index of the column of ids, which is no concept; None without one."""
    at = positions(header)
    return next((at[name] for name in _IDS if name in at and at[name] not in column), None)


def note_name(names: dict[str, str], name: str, place: str, thing: str = "row") -> None:
    """Record the place of the name of a row, or of another ``thing``; raise ``DataError`` for an
    empty or a repeated name."""
    if not name:
        raise DataError(f"{place}: the {thing} has no id.", f"Give each {thing} an image_id.")
    if name in names:
        raise DataError(
            f"{place}: the {thing} {name!r} is listed twice (first {names[name]}).",
            f"Give each {thing} its own image_id.",
        )
    names[name] = place


def _numbers(table: NewRows, column: Sequence[int]) -> np.ndarray:
    """Return the scores (rows, concepts) float32 in the columns of a table, nan for an empty cell.
    Raises ``DataError`` for other cells that are no finite number."""
    values = np.array(
        [[_number(cells[at]) for at in column] for _, cells in table.rows], dtype=np.float64
    ).reshape(len(table.rows), len(column))
    outside = np.argwhere(~(np.abs(values) <= LARGEST_SCORE))  # nan too
    wrong = [(i, c) for i, c in outside if as_text(table.rows[i][1][column[c]])]
    if wrong:
        places = [
            f"{table.rows[i][0]}: {table.header[column[c]]} is "
            f"{as_text(table.rows[i][1][column[c]])}"
            for i, c in wrong[:_NAMED]
        ]
        rest = f"\n- and {len(wrong) - _NAMED:,} more" if len(wrong) > _NAMED else ""
        what = "cell is" if len(wrong) == 1 else "cells are"
        raise DataError(
            f"{len(wrong):,} {what} no finite number:\n- " + "\n- ".join(places) + rest, _CORRECT
        )
    return values.astype(np.float32)


def _number(cell: Any) -> float:
    """Return a cell as a number, nan if it is none."""
    try:
        return float(cell)
    except (TypeError, ValueError):
        return _WORDS.get(cell.strip().lower(), np.nan) if isinstance(cell, str) else np.nan


def other_units(store: Store, score: np.ndarray) -> tuple[str, ...]:
    """Return sentences on concepts that seem to be in other units than the training rows, by the
    scores (rows, C) of new rows, and on values far outside those of the training rows.

    Over half of the values of such a concept lie outside the range of the training rows, of fewer
    than ``_FEW`` rows farther outside than the range is wide: hardly one does of rows like them. Or
    the values are those of the training rows times a number (``_multiplied``), or may be, before
    they were standardised (``_closer``). Of other concepts the values are named that lie ``_TIMES``
    as far outside the range as it is wide.
    """
    fit = store.scores_of(FIT)
    score = score.astype(fit.dtype)  # as the store keeps them: equal values stay equal
    low, high = fit.min(axis=0), fit.max(axis=0)
    beyond = np.maximum(low - score, score - high) / np.where(high > low, high - low, 1.0)
    outside = (beyond > (1.0 if len(score) < _FEW else _ROUNDED)).mean(axis=0) > 0.5
    whole = outside | _multiplied(fit, score) | _closer(fit, score)

    far = [
        f"{store.concepts[c]} (median {_told(np.median(score[:, c]))}, in training "
        f"{_told(np.median(fit[:, c]))}, from {_told(low[c])} to {_told(high[c])})"
        for c in np.flatnonzero(whole)
    ]
    single = [
        f"{store.concepts[c]} is {_told(score[row, c])} in row {row + 1} (in training from "
        f"{_told(low[c])} to {_told(high[c])})"
        for row, c in np.argwhere((beyond > _TIMES) & ~whole)
    ]
    return (
        *([f"{_OTHER_UNITS}: {listed(far, _NAMED)}."] if far else []),
        *([f"{_FAR_VALUES}: {listed(single, _NAMED)}."] if single else []),
    )


def _multiplied(fit: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Return a mask over the concepts (C,): True if the scores of new rows are those of the
    training rows times a number, as by other units.

    The median is ``_TIMES`` as large or as small, and the distance of the quartiles by about as
    much, for positive values: other rows seldom differ in both.
    """
    if len(score) < _MANY:
        return np.zeros(fit.shape[1], dtype=bool)
    (one, middle, three), (new_one, new_middle, new_three) = _quartiles(fit), _quartiles(score)
    positive = (one > 0) & (new_one > 0) & (three > one) & (new_three > new_one)
    with np.errstate(divide="ignore", invalid="ignore"):
        times = np.log(new_middle / middle)
        wider = np.log((new_three - new_one) / (three - one))
        same = (np.abs(times) >= np.log(_TIMES)) & (np.abs(wider - times) <= np.log(2))
    return np.asarray(positive & same)


def _closer(fit: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Return a mask over the concepts (C,): True if the scores of new rows are ``_CLOSER`` times as
    close together as those of the training rows, by the distance of the quartiles, at an edge of
    these (``_EDGE``), or with most other concepts (``_MOST_CLOSER``).

    Larger units do so also where the training rows' mean was subtracted, in their own units, so
    that values are no longer positive; shares or similarities that were not standardised lie in
    the middle of training rows that were.
    """
    if len(score) < _MANY:
        return np.zeros(fit.shape[1], dtype=bool)
    (one, _, three), (new_one, new_middle, new_three) = _quartiles(fit), _quartiles(score)
    close = (new_three > new_one) & (three - one >= _CLOSER * (new_three - new_one))
    low, high = np.quantile(fit, (_EDGE, 1 - _EDGE), axis=0)
    most = len(close) >= _COLUMNS and close.mean() > _MOST_CLOSER
    return np.asarray(close & (most | (new_middle < low) | (new_middle > high)))


def _quartiles(scores: np.ndarray) -> np.ndarray:
    """Return the quartiles (3, C) of scores (n, C)."""
    return np.asarray(np.quantile(scores, (0.25, 0.5, 0.75), axis=0))


def _told(value: float) -> str:
    return significant(float(value), 3)
