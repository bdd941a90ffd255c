"""Sentences on a teacher that does not know a class."""

from __future__ import annotations

from collections.abc import Mapping

from inficond_panel.common.numbers import count, number
from inficond_panel.distill import TeacherSkill

#: Classes that are named before the rest is counted.
NAMED = 6
#: The verdict on a class that the teacher does not know, in the place of one on its student.
VERDICT = "Teacher does not know it"
_REMEDY = "check the order of the teacher's classes and its preprocessing, or use labels."


def unknown_sentence(class_name: str, skill: TeacherSkill) -> str:
    """``The teacher does not know 'bus' (AP 0.17, chance 0.25).``, where that is so."""
    digits = 2 if skill.chance >= 0.1 else 3
    ap, chance = number(skill.ap.estimate, digits), number(skill.chance, digits)
    above = "not clearly above " if skill.ap.estimate > skill.chance else ""
    return f"The teacher does not know {class_name!r} (AP {ap}, {above}chance {chance})."


def advice_sentence(classes: int = 1) -> str:
    """What follows for the students of classes that the teacher does not know, and what to do."""
    whose = "Its student imitates" if classes == 1 else "Their students imitate"
    return f"{whose} noise: {_REMEDY}"


def teacher_sentence(class_name: str, skill: TeacherSkill | None) -> str:
    """Both sentences on one class; empty where the teacher knows the class, or nobody can say."""
    if skill is None or not skill.does_not_know:
        return ""
    return f"{unknown_sentence(class_name, skill)} {advice_sentence()}"


def teacher_sentences(skills: Mapping[str, TeacherSkill]) -> list[str]:
    """Sentences on the classes that the teacher does not know, then the advice; none if none."""
    unknown = {name: skill for name, skill in skills.items() if skill.does_not_know}
    if not unknown:
        return []
    rest = len(unknown) - NAMED
    return [
        *[unknown_sentence(name, skill) for name, skill in unknown.items()][:NAMED],
        *([f"Nor does the teacher know {count(rest)} of the other classes."] if rest > 0 else []),
        advice_sentence(len(unknown)),
    ]
