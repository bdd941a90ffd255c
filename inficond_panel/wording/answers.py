"""Sentences on the answers of a person: what was seen on the photos, and whether it was taught."""

from __future__ import annotations

from inficond_panel.common.numbers import count
from inficond_panel.tuning.ask.answers import Teaching
from inficond_panel.vocabulary.confidence import interval_word


def teaching_sentences(found: Teaching) -> list[str]:
    """Sentences on the errors and the loss before and after teaching, and on what was done."""
    outlook = [_outlook(found)] if found.repairable else []
    return [_seen(found), *outlook, _done(found)]


def _seen(found: Teaching) -> str:
    photos, wrong = len(found.present), int(found.wrong_before.sum())
    return (
        f"On {count(photos, 'photo')} the student was right {count(photos - wrong, 'time')}: wrong "
        f"on {found.error_before.text(0, scale=100, unit='%')} ({_level(found)})."
    )


def _outlook(found: Teaching) -> str:
    """Sentence on the students that were taught on the answers of the other folds."""
    corrected = int((found.wrong_before & ~found.wrong_after).sum())
    new = int((found.wrong_after & ~found.wrong_before).sum())
    return (
        "Taught on the other answers, it would be wrong on "
        f"{found.error_after.text(0, scale=100, unit='%')} of the photos that it did not learn "
        f"({count(corrected)} corrected, {count(new)} newly wrong); its loss changes by "
        f"{found.loss_change.text(2, sign=True)} nats per photo."
    )


def _done(found: Teaching) -> str:
    if found.node is not None:
        forced = "" if found.helps else f"{_no_gain(found)}, but teaching was forced. "
        return (
            f"{forced}The answers corrected the teacher, and the student learned it on the photos "
            f"of tune: iteration #{found.node.number}. The photos were chosen, so AP on all photos "
            "does not follow from these figures."
        )
    if found.helps:
        return "The answers help; nothing was taught yet."
    return f"{_no_gain(found)}. Nothing was taught."


def _no_gain(found: Teaching) -> str:
    if not found.repairable:
        return "Nothing to repair was found here"
    return "The loss would not fall"


def _level(found: Teaching) -> str:
    return interval_word(found.noise["level"])
