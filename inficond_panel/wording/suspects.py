"""Sentences about the shift of a class and its suspects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from inficond_panel.common.numbers import count, number, signed
from inficond_panel.distill import Interval
from inficond_panel.distill.shift.verdict import LARGE_LOSS, NONE, SHIFT, UNKNOWN
from inficond_panel.tuning.shift.class_shift import ClassShift, Suspect
from inficond_panel.wording.teacher import advice_sentence, teacher_sentence

#: Classes that are named before the rest is left out.
NAMED = 6
#: Reason why a student leans on a concept that it gives no influence.
CARRIED = "Its own influence is 0: concepts that go with it carry it."
#: Concepts that a sentence for people who begin names.
PLAIN = 2


def shift_sentence(found: ClassShift, *, limits: bool = True) -> str:
    """The verdict on a class, with its numbers and their ``limits``.

    Of a class that the teacher does not know it says so, and only a shift besides.
    """
    teacher = teacher_sentence(found.class_name, found.teacher)
    if teacher and found.kind != SHIFT:
        return teacher
    return " ".join(filter(None, [teacher, _student_sentence(found, limits)]))


def _student_sentence(found: ClassShift, limits: bool) -> str:
    verdict = found.verdict
    if verdict is None:
        return f"Too few photos to say: {found.lacking}."
    separation = verdict.separation_lost.text(2, limits=limits)
    ap = verdict.ap_lost.text(1, scale=100, limits=limits)
    lost = (
        f"from fit to tune it loses {separation} of {verdict.separation:.2f} logits of separation "
        f"and {ap} of {100 * verdict.ap:.1f} AP points"
    )
    if verdict.kind == SHIFT:
        return f"Shift: {lost}."
    if found.lost_bond:
        return f"Shift: {lost}, within noise; but a bond is lost beyond doubt that it leans on."
    if found.kind == NONE:
        return f"No shift: {lost}. No concept is to blame; λ or labels may still gain."
    large = f"{100 * LARGE_LOSS:g} AP points"
    return f"Too few photos to say: {lost}. A loss above {large} cannot be excluded."


def plain_sentence(found: ClassShift) -> str:
    """The verdict on a class without numbers, for people who begin."""
    name, named = found.class_name, found.suspects[:PLAIN]
    if found.unknown_to_teacher:
        return f"The teacher does not know {name}. {advice_sentence()}"
    if found.kind == SHIFT and named:
        concepts = " and ".join(suspect.concept for suspect in named)
        return (
            f"{name} leans on {concepts}: that goes with {name} in the photos it learned from, and "
            f"not in others.{_carried(named)}"
        )
    if found.kind == SHIFT:
        return f"{name} does worse on photos that it has not learned from; no concept stands out."
    if found.kind == NONE:
        return f"{name} does as well on photos that it has not learned from."
    return f"There are too few photos to say whether {name} leans on something it should not."


def leaning_sentence(
    found: Mapping[str, ClassShift], classes: int, *, all_wanted: bool = True
) -> str:
    """Number of students that lean on what holds on fit alone, of those looked at.

    Then the classes that the teacher does not know. Where not ``all_wanted``, a student is looked
    at once it is selected.
    """
    if not all_wanted:
        return "Suspects of a student are looked for when it is selected."
    if len(found) < classes:
        return f"Looking for suspects: {count(len(found))} of {count(classes)} students."
    unknown = [name for name, each in found.items() if each.unknown_to_teacher]
    named = f"The teacher does not know {_listed(unknown)}." if unknown else ""
    return " ".join(filter(None, [_leaning(found, classes), named]))


def _leaning(found: Mapping[str, ClassShift], classes: int) -> str:
    names = [name for name, each in found.items() if each.kind == SHIFT]
    unsure = sum(each.kind == UNKNOWN for each in found.values())
    if not names and unsure:
        return (
            "No student is seen to lean on what holds on fit and not on tune. "
            f"Of {count(unsure)} there are too few photos to say."
        )
    if not names:
        return "No student leans on what holds on fit and not on tune."
    lean = "leans" if len(names) == 1 else "lean"
    return (
        f"{count(len(names))} of {count(classes)} students {lean} on what holds on fit and not on "
        f"tune: {_listed(names)}."
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")


def suspect_reason(found: ClassShift, suspect: Suspect, gain: Interval | None = None) -> str:
    """Reason why a concept is a suspect, in shares of photos; what a balance by it gives.

    Of positives or of negatives, whichever differ the more from fit to tune. ``gain`` is the
    change in AP by a balance by this concept alone, cross-fitted; None: not worked out.
    """
    fit, tune, side = _shares(suspect)
    photos = f"the photos {'without' if side else 'with'} {found.class_name}"
    sentence = (
        f"{_seen(suspect)} {_percent(fit)} of {photos} on fit and in {_percent(tune)} on tune"
    )
    if gain is None:
        return f"{sentence}."
    given = gain.text(1, scale=100, unit="points", sign=True)
    return f"{sentence}; balancing by it gives AP {given}, cross-fitted."


def plain_reason(found: ClassShift, suspect: Suspect) -> str:
    """Reason why a concept is a suspect, for people who begin: shares of photos, and no more."""
    fit, tune, side = _shares(suspect)
    photos = f"the photos {'without' if side else 'with'} {found.class_name}"
    shares = f"In {_percent(fit)} of {photos} that it learned from, in {_percent(tune)} of others."
    return shares if suspect.weight else f"{shares} {CARRIED}"


def suspect_sentence(found: ClassShift, suspect: Suspect, gain: Interval | None = None) -> str:
    """Reason why a concept is a suspect, then all numbers."""
    there, z = suspect.presence, f" (z {number(suspect.z, 1)})"
    above = f"counted above a score of {number(there.threshold, 2)}"
    counted, of_scores = (
        (f"by {'the decisions of the teacher' if suspect.by_teacher else 'labels'}{z}", "")
        if suspect.labelled
        else (f"{above}, which divides the photos of fit best", z)
    )
    fit, tune = signed(suspect.fit, 1), signed(suspect.tune, 1)
    turn = "rises" if suspect.reliance > 0 else "falls"
    weight, lost = signed(suspect.weight), signed(suspect.lost)
    carried = (
        f"Its own weight of {weight} holds {lost} of the lost logits."
        if suspect.weight
        else CARRIED
    )
    return (
        f"{suspect_reason(found, suspect, gain)} With and without: "
        f"{_percent(there.fit[0])} and {_percent(there.fit[1])} on fit, "
        f"{_percent(there.tune[0])} and {_percent(there.tune[1])} on tune, "
        f"{counted}. Their mean scores differ by {fit} standard deviations on fit and "
        f"by {tune} on tune{of_scores}. At equal label the student's logit {turn} with it "
        f"(r {signed(suspect.reliance)}). {carried}"
    )


def _seen(suspect: Suspect) -> str:
    """The concept, and how its photos are told."""
    concept, labelled = suspect.concept, suspect.labelled
    if not labelled:
        return f"{concept!r} stands in"
    name = repr(concept) if concept == labelled else f"{concept!r}, the class {labelled!r},"
    return f"{name} is seen by the teacher in" if suspect.by_teacher else f"{name} is labelled in"


def _carried(suspects: Sequence[Suspect]) -> str:
    """Reason why a student leans on those that it gives no influence; empty if there are none."""
    names = [suspect.concept for suspect in suspects if not suspect.weight]
    if not names:
        return ""
    if len(names) == 1:
        return f" The influence of {names[0]} itself is 0: concepts that go with it carry it."
    return (
        f" The influences of {' and '.join(names)} themselves are 0: concepts that go with them "
        "carry them."
    )


def _shares(suspect: Suspect) -> tuple[float, float, int]:
    """Shares of photos on fit and on tune: of positives (0) or of negatives (1), as differ more."""
    fit, tune = suspect.presence.fit, suspect.presence.tune
    side = int(abs(fit[1] - tune[1]) > abs(fit[0] - tune[0]))
    return fit[side], tune[side], side


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
