"""Remarks of participants: a table that two coders fill in, and the coders' agreement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from inficond_panel.common.interval import Interval
from inficond_panel.common.numbers import count
from inficond_panel.errors import StudyError
from inficond_panel.results.frame import Heading, make_frame, plain_headings
from inficond_panel.study.results.means import LEVEL
from inficond_panel.study.results.timeline import answers, events_of
from inficond_panel.study.run.study import Study
from inficond_panel.vocabulary.confidence import tails

#: Bootstrap draws of κ, and the number of remarks from which on its interval is used: over five
#: remarks it held the true κ of simulated coders in 79 to 96 %, over ten and more in 90 to 99 %.
RESAMPLES, ENOUGH = 2000, 10
#: Columns that two coders fill in independently: one code per remark.
CODERS = ("coder_1", "coder_2")
#: Columns that tell remarks apart.
_KEY = ("participant", "task", "question", "remark")


def remarks_table(study: Study) -> pd.DataFrame:
    """Return the table that two coders fill in: a row per text answer and per researcher's note,
    with an empty column for each coder's codes."""
    empty = dict.fromkeys(CODERS, "")
    texts = [
        {"participant": one.participant, "task": one.task, "question": one.question.name_}
        | {"remark": str(one.answer), **empty}
        for one in answers(study)
        if one.question.kind == "text"
    ]
    notes = [
        {"participant": who.label, "task": event.step, "question": "note"}
        | {"remark": str(event.payload["text"]), **empty}
        for who, event in events_of(study, "note")
    ]
    columns = plain_headings(*_KEY, *CODERS)
    return make_frame([*texts, *notes], "participant", columns, title="Remarks")


def with_codes(table: pd.DataFrame, file: Path) -> pd.DataFrame:
    """Return ``remarks_table`` with what coders have filled in, in an earlier table in ``file`` if
    there is one: their codes, and columns of their own.

    Raises ``StudyError``, so that no code is lost, if the file cannot be read, or has codes of a
    remark that ``table`` does not have, such as that of a deleted participant.
    """
    if not file.exists():
        return table
    remedy = f"Correct it, or move it away: {file} is then written anew, without codes."
    earlier = _read(file, (*_KEY, *CODERS), remedy)
    filled = [name for name in earlier if name not in _KEY]
    known: dict[tuple[str, ...], list[dict[Any, Any]]] = {}  # equal remarks keep their order
    for row in earlier.to_dict("records"):
        known.setdefault(_key(row), []).append(row)
    kept = [
        rows.pop(0) if (rows := known.get(_key(row))) else dict.fromkeys(filled, "")
        for row in table.reset_index().to_dict("records")
    ]
    left = (row for rows in known.values() for row in rows)
    if lost := [row for row in left if any(row[name] for name in filled)]:
        first = ", ".join(str(lost[0][name]) for name in _KEY[:3] if lost[0][name])
        raise StudyError(
            f"{file} has codes of {count(len(lost), 'remark')} that the study does not have, or no "
            f"longer in these words: {first}. It is left as it is.",
            "Remove these rows from it, or move it away; it is then written anew, without codes.",
        )
    return table.assign(**{name: [row[name] for row in kept] for name in filled})


def _key(row: Mapping[Any, Any]) -> tuple[str, ...]:
    """Return what tells a remark apart, without what a spreadsheet may change: spaces, line breaks,
    and the apostrophe in front of what looks like a formula."""
    return tuple(" ".join(str(row[name]).split()).removeprefix("'") for name in _KEY)


def _read(file: Path, columns: Sequence[str], remedy: str) -> pd.DataFrame:
    """Return a filled table; ``StudyError`` with this remedy if it lacks one of ``columns``."""
    try:
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise StudyError(f"{file} cannot be read: {error}.", remedy) from error
    if missing := [name for name in columns if name not in table]:
        raise StudyError(f"{file} has no column {missing[0]}.", remedy)
    return table.apply(lambda column: column.str.strip().str.removeprefix("'"))


def read_codes(file: Path) -> pd.DataFrame:
    """Return the rows of a filled table with codes of both coders; ``StudyError`` if none."""
    table = _read(file, CODERS, "Name the report's remarks.csv, with codes.")
    codes = table.loc[(table[[*CODERS]] != "").all(axis=1), [*CODERS]]
    if codes.empty:
        raise StudyError(
            f"No remark in {file} has both codes.",
            f"Fill in the columns {CODERS[0]} and {CODERS[1]}.",
        )
    return codes


def agreement(codes: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Return a table of how often two coders used each code; facts and notes have Cohen's κ.

    κ = (p − e) / (1 − e): p is the share of remarks with equal codes, e the same share if both code
    at random with their frequencies (Cohen 1960). κ is nan if e is 1. Its limits are those of
    ``_limits``.
    """
    names, numbers = np.unique(codes.to_numpy(), return_inverse=True)
    pairs = numbers.reshape(len(codes), 2)
    found = kappa(pairs, len(names))
    low, high = _limits(pairs, len(names), seed)
    facts = {"n": len(pairs), "kappa": found, "kappa_low": low, "kappa_high": high}
    rows = [
        {
            "code": str(name),
            **{who: int((pairs[:, at] == code).sum()) for at, who in enumerate(CODERS)},
            "both": int((pairs == code).all(axis=1).sum()),
        }
        for code, name in enumerate(names)
    ]
    headings = {name: Heading(name.replace("_", " ")) for name in ("code", *CODERS, "both")}
    estimate = Interval(found, low, high).text(2)
    note = (
        f"Cohen's κ {estimate} over {count(len(pairs), 'remark')} that both coded. 0: as often "
        "equal as by chance; 1: always equal."
    )
    notes = [note, *_why_no_limits(pairs)]
    return make_frame(rows, "code", headings, title="Codes", notes=notes, facts=facts)


def _limits(pairs: np.ndarray, codes: int, seed: int) -> tuple[float, float]:
    """Return the limits of κ at ``LEVEL``, from ``RESAMPLES`` of the remarks; nan if
    ``_why_no_limits`` has a reason."""
    if _why_no_limits(pairs):
        return np.nan, np.nan
    draws = np.random.default_rng(seed).integers(0, len(pairs), (RESAMPLES, len(pairs)))
    drawn = [kappa(pairs[rows], codes) for rows in draws]
    low, high = map(float, np.nanquantile(drawn, tails(LEVEL)))
    return low, high


def _why_no_limits(pairs: np.ndarray) -> list[str]:
    """Return a sentence on why κ of ``pairs (n, 2)`` has no interval; [] if it has one."""
    if len(np.unique(pairs)) == 1:
        return ["κ is not defined: both coders gave the same code to every remark."]
    if len(pairs) < ENOUGH:
        return [f"No interval of κ: over fewer than {ENOUGH} remarks it would be too short."]
    if (pairs[:, 0] == pairs[:, 1]).all():
        return ["No interval of κ: all codes are equal, so that the remarks show no variation."]
    return []


def kappa(pairs: np.ndarray, codes: int) -> float:
    """Return Cohen's κ of ``pairs (n, 2)`` of codes 0 to ``codes - 1``; nan if all are equal."""
    shares = [np.bincount(pairs[:, at], minlength=codes) / len(pairs) for at in (0, 1)]
    by_chance = float(shares[0] @ shares[1])
    equal = float((pairs[:, 0] == pairs[:, 1]).mean())
    return (equal - by_chance) / (1 - by_chance) if by_chance < 1 else np.nan
