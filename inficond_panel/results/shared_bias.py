"""Rows on what students may rely on in all photos: no comparison of two splits shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from inficond_panel.results.frame import Heading, make_frame
from inficond_panel.tuning.repairs.evidence import Evidence
from inficond_panel.tuning.shared_bias import SharedFound, SharedSuspect, shared_suspects
from inficond_panel.tuning.thresholds import thresholds_by_class
from inficond_panel.wording.shared_bias import SHARED, relied_words, shared_sentence

_HEADINGS = {
    "class": Heading("class"),
    "name": Heading("in all photos"),
    "kind": Heading("is a"),
    "found_with": Heading("found: with it", 2),
    "found_without": Heading("without it", 2),
    "called_with": Heading("wrongly called: with it", 2),
    "called_without": Heading("without it", 2),
    "strength": Heading("strength", 2),
    "p": Heading("p", 3),
    "weight": Heading("influence", 2, sign=True, missing=""),
    "called": Heading("", words=("", "may be wrong")),
}
_ASKED = (
    "Strength is defined in `inficond docs repair`. What may be wrong is marked; a part of the "
    "class looks the same in numbers, so this is a question."
)
_HIDDEN = "Concepts are ranked, and not marked: name a class to see them."


def shared_of(evidence: Evidence, thresholds: Mapping[str, float]) -> SharedFound:
    """Return what the student of a class may rely on in all photos; ``thresholds`` are logits from
    which a class is found, by class (default 0)."""
    student = evidence.student
    return shared_suspects(evidence, thresholds_by_class(thresholds, student.store)[student.k])


def called_rows(seen: Mapping[str, SharedFound]) -> Iterator[tuple[str, str]]:
    """Yield the class and the sentence of each suspect that is called, the strongest first."""
    called = [(name, each) for name, found in seen.items() for each in found.called]
    for name, each in sorted(called, key=lambda pair: -pair[1].strength):
        yield name, f"{name} may rely on {relied_words(each)}. {shared_sentence(name, each)}"


def shared_frame(
    seen: Mapping[str, SharedFound], facts: Mapping[str, Any], *, whole: bool
) -> pd.DataFrame:
    """Return the frame of all suspects by class; unless ``whole`` the called ones are displayed."""
    rows = [_row(name, each) for name, found in seen.items() for each in found.suspects]
    shown = [index for index, row in enumerate(rows) if whole or row["called"]]
    notes = [f"{name}: {each.lacking}." for name, each in seen.items() if each.lacking and whole]
    notes += [_ASKED] if shown else []
    notes += [_HIDDEN] if len(shown) < len(rows) else []
    title = f"What students may rely on: {SHARED}"
    return make_frame(
        rows, ["class", "name"], _HEADINGS, title=title, notes=notes, facts=facts, shown=shown
    )


def _row(name: str, each: SharedSuspect) -> dict[str, Any]:
    found, called = each.rates.found, each.rates.called
    return {
        "class": name,
        "name": each.name,
        "kind": each.kind,
        "found_with": _share(found[0]),
        "found_without": _share(found[1]),
        "called_with": _share(called[0]),
        "called_without": _share(called[1]),
        "positives_with": found[0][1],
        "positives_without": found[1][1],
        "negatives_with": called[0][1],
        "negatives_without": called[1][1],
        "correlation": each.correlation,
        "use": each.use,
        "strength": each.strength,
        "p": each.p,
        "weight": each.weight if each.weight else np.nan,
        "called": each.called,
        "sentence": shared_sentence(name, each),
    }


def _share(counted: tuple[int, int]) -> float:
    return counted[0] / counted[1] if counted[1] else float("nan")
