"""Suggestion of a machine in sentences."""

from __future__ import annotations

from inficond_panel.common.numbers import count, number_range, signed
from inficond_panel.tuning.suggest import Suggestion
from inficond_panel.tuning.suggest.suggestion import Gain
from inficond_panel.wording.cures import asked_words


def gain_words(gain: Gain) -> str:
    """``+3.1 AP points [+0.4, +6.0]``."""
    limits = number_range(100 * gain.low, 100 * gain.high, 1, sign=True)
    return f"{signed(100 * gain.estimate, 1)} AP points {limits}"


def suggestion_sentences(found: Suggestion, class_name: str) -> list[str]:
    """Findings in all, then the reasons and the photos to label of one class."""
    mean = "" if len(found.scope) == 1 else f" in the mean over {count(len(found.scope))} classes"
    expected = f" Expected{mean}: {gain_words(found.gain)}"
    said = [f"{found.summary}{f'{expected}, {found.measured}.' if found.intents else ''}"]
    own = found.classes.get(class_name)
    if own is not None:
        said.append(f"{class_name}: expected {gain_words(own.gain)}, {found.measured}.")
        said += [
            f"{asked_words(item)}: {reason}."
            for item, reason in zip(own.intents, own.reasons, strict=True)
        ]
    elif class_name in found.skipped:
        said.append(f"{class_name} is left out: {found.skipped[class_name]}.")
    elif class_name in found.scope:
        said.append(f"{class_name}: nothing here beats noise; it is left as it is.")
    return said
