"""Sentences on students of named words beside students of random words."""

from __future__ import annotations

from inficond_panel.common.interval import Interval
from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import number
from inficond_panel.tuning.null_students import MIXTURES, RANDOM_WORDS, SIZES
from inficond_panel.vocabulary.things import ROWS

#: What the finding of the doctor is called.
NO_BETTER = "names without an advantage"
_SIZES = f"{', '.join(map(str, SIZES[:-1]))} and {SIZES[-1]}"
_MADE = {
    RANDOM_WORDS: "Random words are common nouns, as many as the concepts, scored by the same "
    "encoder.",
    MIXTURES: "The store has no random words, which only an encoder can score: random mixtures of "
    "the concepts' scores replace them. A mixture has no name, and holds something of every "
    "concept. So a few mixtures lead a few concepts where many concepts count, and this says "
    "nothing of the names; a lead of the named ones does.",
}

_MADE_OF_COLUMNS = (
    "The concepts are columns of a table, beside random mixtures of all columns. A mixture has no "
    "name, and holds something of every column. So a few mixtures lead a few columns where many "
    "columns count, and this says nothing of their names; a lead of the columns does."
)


def named_words(things: str) -> str:
    """Return what the concepts are called beside the null: those of a table are columns."""
    return "columns" if things == ROWS else "named words"


def null_sentence(
    kind: str, named: Interval, random: Interval, difference: Interval, *, things: str = "photos"
) -> str:
    """Return a sentence on the AP of named words and of the null, with their difference."""
    aps = f"{number(named.estimate, 2)}, {kind} {number(random.estimate, 2)}"
    return f"{named_words(things).capitalize()} {aps}: difference {difference.text(2, sign=True)}."


def null_note(kind: str, *, joint: bool, things: str = "photos") -> str:
    """Return sentences on what is compared; ``joint``: the spec has one softmax student."""
    made = _MADE_OF_COLUMNS if things == ROWS else _MADE[kind]
    per_class = " One softmax student is compared as students per class." if joint else ""
    return (
        f"Students have at most {_SIZES} concepts; the mean is over these; all: as many as λ "
        f"leaves.{per_class} {made}"
    )


def no_better_sentence(classes: dict[str, tuple[float, float]], lead: float) -> str:
    """Return the doctor's finding: for each of some ``classes`` the AP of named words and of
    random words, of students with few concepts; the difference is below ``lead``."""
    texts = [
        f"{name} {number(named, 2)} and {number(random, 2)}"
        for name, (named, random) in classes.items()
    ]
    start = (
        f"Named words lead {RANDOM_WORDS} by less than {lead:g} in AP on tuning images, if at all"
    )
    return f"{start}: {listed(texts, 5)}."
