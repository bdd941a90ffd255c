"""Suggestion of a machine in sentences."""

from __future__ import annotations

from inficond_panel.common.numbers import count, estimated
from inficond_panel.tuning.suggest import Suggestion
from inficond_panel.tuning.suggest.suggestion import Gain
from inficond_panel.wording.cures import asked_words


def gain_words(gain: Gain, *, limits: bool = True) -> str:
    """``+3.1 AP points [+0.4, +6.0]``."""
    at = gain.estimate, gain.low, gain.high
    return estimated(at, 1, scale=100, unit="AP points", sign=True, limits=limits)


def suggestion_sentences(found: Suggestion, class_name: str, *, limits: bool = True) -> list[str]:
    """Findings in all, then the reasons and the photos to label of one class."""
    mean = "" if len(found.scope) == 1 else f" in the mean over {count(len(found.scope))} classes"
    expected = f" Expected{mean}: {gain_words(found.gain, limits=limits)}"
    told = f"{expected}, {found.measured}." if found.intents else ""
    said = [f"{found.told(limits=limits)}{told}"]
    own = found.classes.get(class_name)
    if own is not None:
        gain = gain_words(own.gain, limits=limits)
        said.append(f"{class_name}: expected {gain}, {found.measured}.")
        said += [
            f"{asked_words(item)}: {reason}."
            for item, reason in zip(own.intents, own.reasons, strict=True)
        ]
    elif class_name in found.skipped:
        said.append(f"{class_name} is left out: {found.skipped[class_name]}.")
    elif class_name in found.scope:
        said.append(f"{class_name}: nothing here beats noise; it is left as it is.")
    return said
