"""Sentence on a class's own word beside its student."""

from __future__ import annotations

from collections.abc import Mapping

from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import number
from inficond_panel.errors import Remedy

_AGAIN = Remedy("`inficond precompute`", "`inficond precompute SPEC` in a shell")


def word_sentence(word: str, ap: float, student_ap: float, *, by_teacher: bool) -> str:
    """Return a sentence on the AP, 0 to 1, of a class's own word alone and of its student on the
    images shown; ``by_teacher``: the teacher's decisions replace the labels."""
    whose = ", by the teacher's decisions" if by_teacher else ""
    return (
        f"The word “{word}” alone: AP {number(ap, 2)}, the student {number(student_ap, 2)}{whose}."
    )


def unnamed_sentence(topics: Mapping[str, str]) -> str:
    """Return sentences on classes of captions that no concept is named like, each with a word that
    it may rely on: such words are questions, also where they mean the class itself."""
    return (
        f"No concept is named like {listed(list(topics), 3)}. So words that mean the class itself "
        "are questions, too: say then that they belong to the class."
    )


def unnamed_remedy(topics: Mapping[str, str]) -> Remedy:
    """Return how the classes of ``unnamed_sentence`` get own words, in place of many answers."""
    name, word = next(iter(topics.items()))
    return (
        "Or add a line with the name of the class and its words to `concepts.corpus`, "
        f"`{name}, {word}, …`, keep the lines of the words, and run " + _AGAIN + "."
    )
