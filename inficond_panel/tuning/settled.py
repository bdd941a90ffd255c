"""Shift and shared bias of a class without what people said belongs to it or is named twice."""

from __future__ import annotations

from dataclasses import replace

from inficond_panel.distill.suspects import SHIFT
from inficond_panel.tuning.belonging import Belonging, value_key
from inficond_panel.tuning.shared_bias import SharedFound
from inficond_panel.tuning.shift import ClassShift
from inficond_panel.vocabulary.things import CONCEPT


def settled_shift(found: ClassShift, belonging: Belonging) -> ClassShift:
    """Return the shift with the suspects that belong to the class in ``belonging``.

    If only they made it a shift, its kind is that of the decisive verdict.
    """
    name = found.class_name
    if found.hint and belonging.has(name, CONCEPT, found.hint):
        found = replace(found, hint="")
    apart = [each for each in found.suspects if belonging.has(name, CONCEPT, each.concept)]
    if not apart or found.decisive is None:
        return found
    rest = [each for each in found.suspects if each not in apart]
    clear = [each for each in found.clear if not belonging.has(name, CONCEPT, each)]
    kind = SHIFT if clear else found.decisive.kind
    suspects = tuple(rest) if kind == SHIFT else ()
    return replace(found, kind=kind, suspects=suspects, belonging=tuple(apart))


def settled_shared(found: SharedFound, belonging: Belonging) -> SharedFound:
    """Return the suspects with the mark ``belongs`` on those that belong to the class."""
    suspects = [
        replace(each, belongs=belonging.has(found.class_name, each.kind, each.name))
        for each in found.suspects
    ]
    return replace(found, suspects=tuple(suspects))


def not_said_twice(found: SharedFound, shift: ClassShift) -> SharedFound:
    """Return the suspects of which those that are suspects of the shift, too, are no finding, nor
    is the weaker one of two with one name: one cause has one finding. A concept whose labels
    another class or a column has is that, too, as one that is written like a column's value."""
    named = [name for each in shift.suspects for name in (each.concept, each.labelled)]
    said = set() if shift.unknown_to_teacher else set(map(value_key, named))  # no finding, then
    suspects = []
    for each in found.suspects:
        key = value_key(each.name)
        suspects.append(replace(each, called=False, in_fit=None) if key in said else each)
        if each.called or each.in_fit:
            said.add(key)
    return replace(found, suspects=tuple(suspects))
