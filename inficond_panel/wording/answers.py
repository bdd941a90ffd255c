"""Sentences on the answers of a person: what was seen on the photos, and whether it was taught."""

from __future__ import annotations

from inficond_panel.common.interval import Interval
from inficond_panel.common.numbers import count, share
from inficond_panel.tuning.ask.answers import Teaching, fewer_needed
from inficond_panel.vocabulary.confidence import interval_word


def teaching_sentences(found: Teaching) -> list[str]:
    """Sentences on the errors before and after teaching, and on what was done."""
    return [_seen(found), *_outlook(found), _done(found)]


def _seen(found: Teaching) -> str:
    photos, wrong = len(found.before), int(found.before.sum())
    right = f"the student was right {count(photos - wrong, 'time')}"
    return (
        f"On {count(photos, 'photo')} {right}: {_error(found.error_before)} wrong "
        f"({interval_word(found.level)})."
    )


def _outlook(found: Teaching) -> list[str]:
    """Sentence on the taught student, unless there were too few errors to repair."""
    if int(found.before.sum()) < fewer_needed(len(found.before)):
        return []
    corrected = int((found.before & ~found.after).sum())
    new = int((found.after & ~found.before).sum())
    return [
        f"Taught on the other answers, it is wrong {count(int(found.after.sum()), 'time')} on "
        f"photos that it did not learn: {_error(found.error_after)}; {count(corrected)} "
        f"corrected, {count(new)} newly wrong."
    ]


def _done(found: Teaching) -> str:
    photos, wrong = len(found.before), int(found.before.sum())
    needed = fewer_needed(photos)
    if found.node is not None:
        forced = "" if found.helps else f"{_too_little(needed)}, but you forced it: "
        return (
            f"{forced}The answers were taught: iteration #{found.node.number}. These photos were "
            "chosen where errors are likely; the AP on all photos does not follow from them."
        )
    if found.helps:
        return "The answers help; nothing was taught yet."
    if wrong < needed:
        return "Nothing to repair was found here; nothing was taught."
    return f"{_too_little(needed)}: nothing was taught."


def _too_little(needed: int) -> str:
    return f"The errors did not fall by {needed} or more"


def _error(error: Interval) -> str:
    return f"{share(error.estimate)} [{share(error.low)}, {share(error.high)}]"
