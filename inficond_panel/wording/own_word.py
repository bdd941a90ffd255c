"""Sentence on a class's own word beside its student."""

from __future__ import annotations

from inficond_panel.common.numbers import number


def word_sentence(word: str, ap: float, student_ap: float, *, by_teacher: bool) -> str:
    """Return a sentence on the AP, 0 to 1, of a class's own word alone and of its student on the
    images shown; ``by_teacher``: the teacher's decisions replace the labels."""
    whose = ", by the teacher's decisions" if by_teacher else ""
    return (
        f"The word “{word}” alone: AP {number(ap, 2)}, the student {number(student_ap, 2)}{whose}."
    )
