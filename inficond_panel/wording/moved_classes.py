"""Other classes that a joint student moved along, in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from inficond_panel.common.numbers import count
from inficond_panel.results.moved_classes import MovedClass

_SHOWN = 3
_STILL = 5e-4  #: of a probability, on average; what is told has three digits


def moved_sentence(moved: Sequence[MovedClass], split: str, *, planned: bool = False) -> str:
    """Sentence that names the other classes that moved most on ``split``; empty without any.

    ``planned``: they would, by a preview.
    """
    if not moved:
        return ""
    verb = "would move" if planned else "moved"
    most = [each for each in moved if each.moved >= _STILL][:_SHOWN]
    if not most:
        return f"The classes share one softmax; no other {verb} by {_STILL:g} or more on {split}."
    rest = len(moved) - len(most)
    more = f"; {count(rest)} more {verb} less" if rest else ""
    clauses = "; ".join(map(_clause, most))
    return f"The classes share one softmax, so others {verb} too, most on {split}: {clauses}{more}."


def _clause(each: MovedClass) -> str:
    text = f"{each.class_name}, probability by {each.moved:.3f} on average"
    if each.turned:
        text += f", {count(each.turned, 'image')} to the other side"
    if math.isnan(each.ap_before):
        return text
    return f"{text}, AP {each.ap_before:.3f} → {each.ap_after:.3f}"
