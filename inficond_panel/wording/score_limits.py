"""Sentences on a class of which the teacher sees more than the concepts, or a sum of them, show."""

from __future__ import annotations

from math import floor, log10

from inficond_panel.common.near_words import listed
from inficond_panel.distill.products import Turn
from inficond_panel.errors import Remedy
from inficond_panel.tuning.score_limits import ScoreLimit, Unsummed
from inficond_panel.tuning.shift_kinds import Differences

#: Most squares and products that a sentence names.
_NAMED = 3
_SCORE = "a student can show it with {} as a further score."
_EXCHANGED = (
    "Look whether {} and {} are exchanged, or in other units, in some of the images. If not, "
)
_SAME_WAY = (
    "Were the scores measured, or standardised, in the same way for each {}? If not, make them "
    "again; if so, a student can show it with its values as further scores."
)
#: A teacher that knows the images sees more than scores that do not say which image it is.
_KNOWN = "Has the teacher learned the tuning images, or others of the same patients or places?"
_ALIKE = "Look whether these scores were made in the same way in all images. If so, "
#: How to take one softmax student of all classes.
JOINT_LINK = Remedy(
    "`link: softmax` under `students` of the spec", '`students.with_settings(link="softmax")`'
)
_DECIDED = "Decisions compare all classes, so they may be right as they are; AP takes each alone. "


def unshown_sentence(name: str, limit: ScoreLimit) -> str:
    """Return sentences on the AP of a teacher that no model of the scores comes near."""
    return (
        f"The teacher's AP of {name} is {limit.teacher.text(2)}. By the scores of the concepts, "
        "added up with weights, neither the student nor a model of the labels reaches more than "
        f"{limit.reached.text(2)}. The squares and products of scores that were tried do not "
        "clearly close half of the gap."
    )


def outdone_sentence(name: str, limit: ScoreLimit) -> str:
    """Return a sentence on the AP of a teacher that is worse than its student."""
    return (
        f"The teacher's AP of {name} is {limit.teacher.text(2)}, below that of its student, "
        f"{limit.reached.text(2)}."
    )


def unsummed_sentence(name: str, limit: ScoreLimit) -> str:
    """Return a sentence on the AP that is reached with squares or products of the scores, or by the
    students of all classes together, and on how the class lies in the scores."""
    found = limit.unsummed
    assert found is not None
    other = f"the scores are on another level for some, or {name} is more frequent there"
    lies = other if found.column else _lies(name, found)
    return (
        f"The teacher's AP of {name} is {limit.teacher.text(2)}, a sum of weighted scores reaches "
        f"{limit.reached.text(2)}, and {found.ap.text(2)} if {_added(found)}: {lies}."
    )


def unsummed_remedy(limit: ScoreLimit) -> Remedy:
    """Return the sentences on one softmax student of all classes, if that shows the class, and on
    the scores by which a sum can show it."""
    found = limit.unsummed
    assert found is not None
    joint = "One student of all classes may show it: " + JOINT_LINK + "."
    if found.column:
        return Remedy(_SAME_WAY.format(found.column))
    if not found.pairs:
        return _DECIDED + joint
    needed = Remedy(f"{_KNOWN} {_needed(found)}")
    return needed if found.together is None else joint + " " + needed


def needs_score(found: Differences | None) -> bool:
    """Whether a sum can show a class with a further score, by its differences; True without."""
    limit = None if found is None else found.limit
    found_sum = None if limit is None else limit.unsummed
    return found_sum is None or bool(found_sum.pairs or found_sum.column)


def _added(found: Unsummed) -> str:
    if found.column:
        return f"each value of {found.column} has a constant of its own"
    if not found.pairs:
        return "the students of all classes are taken together (softmax)"
    if not found.several:
        return f"the {_term(found.pairs[0])} is added"
    squares = all(one == other for one, other in found.pairs)
    what = "squares" if squares else "squares and products"
    return f"{what} of scores are added, first the {listed([*map(_term, found.pairs[:_NAMED])])}"


def _term(pair: tuple[str, str]) -> str:
    one, other = pair
    return f"square of {one}" if one == other else f"product of {one} and {other}"


def _lies(name: str, found: Unsummed) -> str:
    """Return the clause on how a class lies in the scores."""
    if not found.pairs:
        return f"{name} is what no other class is"
    one, other = found.pairs[0]
    if found.several:
        return "no single score shows how"
    if one != other:
        return f"what one of them says of {name} depends on the other"
    if found.turn is None:
        return f"{name} follows {one} in a curve"
    if found.turn.inside:
        return f"{name} lies in the middle of {one}, near {_value(found.turn)}"
    return f"{name} lies at both ends of {one}, away from {_value(found.turn)}"


def _needed(found: Unsummed) -> str:
    """Return the sentences on the scores that a sum needs."""
    one, other = found.pairs[0]
    if found.several:
        return _ALIKE + "a student can show it with such squares or products as further scores."
    if one != other:
        return _EXCHANGED.format(one, other) + _SCORE.format("their product")
    if found.turn is None:
        return f"A student can show it with the square of {one} as a further score."
    at = f"{one} − {_value(found.turn)}".replace("− -", "+ ")
    return f"A student can show it with the distance |{at}| as a further score."


def _value(turn: Turn) -> str:
    """Return the score of a turn, to a hundredth of its spread."""
    digits = max(0, 2 - floor(log10(turn.spread)))
    return f"{round(turn.at, digits):.{digits}f}"
