"""Sentences on photos that a person answers: offers, each reply, what was seen and taught."""

from __future__ import annotations

from inficond_panel.common.numbers import count
from inficond_panel.tuning.answer_files import Draft
from inficond_panel.tuning.answers import ASKED, LEAST_ANSWERED, Teaching
from inficond_panel.vocabulary.confidence import interval_word


def offer_words(word: str) -> str:
    """What a person is offered: ``word`` is the concept named like the class, if there is one."""
    if word:
        return f"Look at {ASKED} photos where the student and {word!r} disagree"
    return f"Look at {ASKED} photos of which the student is least sure"


def reply_sentence(draft: Draft, present: bool) -> str:
    """The last reply, beside what the student decides on that photo."""
    last, student = draft.replies[-1], "yes" if present else "no"
    if last.by_teacher:
        return f"The teacher answered {count(draft.by_teacher, 'photo')}."
    if last.value is None:
        return "You skipped a photo."
    own = "yes" if last.value else "no"
    return f"You said {own}, the student {student if own != student else 'too'}."


def teacher_words(photos: int) -> str:
    """Offer that the teacher answers the photos left."""
    return f"Let the teacher answer the other {count(photos)}"


def more_words(draft: Draft, taught: bool) -> str:
    """What comes next: the photos left, or more of them."""
    left = len(draft.images) - len(draft.replies)
    return f"Look at the other {count(left)}" if left and not taught else f"Look at {ASKED} more"


def waiting_sentences(draft: Draft) -> list[str]:
    """Sentence on photos of which all have a reply, that judge nothing yet."""
    if not draft.images:
        return ["There is no photo left to ask about."]
    answers = count(len(draft.answers.given), "answer")
    return [f"Each of the {count(len(draft.images), 'photo')} has a reply: {answers}."]


def teaching_sentences(found: Teaching, by_teacher: int = 0) -> list[str]:
    """Sentences on the errors and the loss before and after teaching, and on what was done.

    ``by_teacher`` is the number of answers that the teacher gave in the place of the person.
    """
    outlook = [_outlook(found)] if found.repairable else []
    given = f"The teacher, not a person, gave {count(by_teacher)} of the answers."
    return [_seen(found), *outlook, _done(found), *([given] if by_teacher else [])]


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
    if not found.enough:
        return f"{LEAST_ANSWERED} answers are needed to correct the teacher"
    if not found.repairable:
        return "Nothing to repair was found here"
    if found.contradicted and found.on_labels is not None:
        change = found.on_labels.text(1, scale=100, unit="points", sign=True)
        return f"On the photos of tune that have a label AP would change by {change}"
    return "The loss would not fall"


def _level(found: Teaching) -> str:
    return interval_word(found.noise["level"])
