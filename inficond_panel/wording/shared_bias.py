"""Sentences on what a student may rely on in all photos: found and called, with it and without."""

from __future__ import annotations

from collections.abc import Sequence

from inficond_panel.common.near_words import listed, with_and
from inficond_panel.common.numbers import count, share
from inficond_panel.tuning.shared_bias import SharedSuspect, SplitCounts
from inficond_panel.vocabulary.intents import DOWN, UP, Direction
from inficond_panel.vocabulary.things import COLUMN, CONCEPT, images_of, shown_words

#: Words for a reliance that no comparison of splits shows.
SHARED = "shared by all images"
#: Words for what goes with a class in the training images only.
IN_FIT = "a column goes with it in the training images only"
#: Words for what a person said belongs to the class.
BELONGS = "belongs to it"


def shared_sentence(
    name: str, suspect: SharedSuspect, things: str, showing: Sequence[str] | None = None
) -> str:
    """Return sentences on how often the class ``name`` is found, and wrongly called, in ``things``
    (see ``Store.things``) with and without a suspect: ``The student finds 57 % of the blond hair
    photos without man, 15 % of those with it (13 photos).`` What shows the reliance comes first.
    With the concepts that are ``showing`` the suspect, they end with what to do."""
    told = [_found(name, suspect, things), _called(name, suspect, things)]
    rates, use = suspect.rates, suspect.use
    wrong_first = rates.called_tells(use) and not rates.found_tells(use)
    told = told[::-1] if wrong_first else told
    asked = "" if showing is None else asked_sentence(name, suspect, showing)
    return " ".join(filter(None, [*told, asked]))


def short_sentence(name: str, suspect: SharedSuspect, things: str) -> str:
    """Return the sentence on what is found, or on wrong calls if these show the reliance best; of
    what goes with the class in the training images only, the sentence with the counts of both."""
    if suspect.in_fit is not None:
        return _in_fit_counts(name, suspect.name, suspect.in_fit, things)
    called = _called(name, suspect, things) if calls_tell(suspect) else ""
    return called or _found(name, suspect, things)


def calls_tell(suspect: SharedSuspect) -> bool:
    """Return whether wrong calls alone show the reliance, or show it better than what is found."""
    rates, use = suspect.rates, suspect.use
    found = rates.found_tells(use) and _apart(rates.found) >= _apart(rates.called)
    return not found and rates.called_tells(use)


def asked_sentence(name: str, suspect: SharedSuspect, showing: Sequence[str]) -> str:
    """Return which thumb helps if a suspect should not count; ``showing`` are the concepts that
    show it.

    Lowering a concept on whose absence the student relies would make it rely on that more."""
    if not showing and suspect.kind == COLUMN:
        return (
            f"No concept shows {suspect.name}. If it should not count, add images of one without "
            "the other, or a concept that shows it."
        )
    if not showing:
        return f"No concept shows {suspect.name}. If it should not count, add a concept that does."
    if suspect.removed:
        return (
            f"{suspect.name} is removed, but concepts that go with it carry it. If it should not "
            "count, remove these as well, or answer for images of one without the other."
        )
    what = "it" if suspect.kind == CONCEPT else with_and(list(showing))
    return f"{condition(name, suspect)}, {'👎' if suspect.use > 0 else '👍'} {what}."


def page_question(name: str, suspect: SharedSuspect, things: str, showing: Sequence[str]) -> str:
    """Return the short sentence and what to do, with the marks of the page's thumbs."""
    asked = asked_sentence(name, suspect, showing)
    for hand, direction in (("👍", UP), ("👎", DOWN)):
        asked = asked.replace(hand, direction.glyph)
    return f"{short_sentence(name, suspect, things)} {asked}"


def reliance_sentence(name: str, suspect: SharedSuspect, twins: Sequence[str] = ()) -> str:
    """Return the sentence on what the student of ``name`` may rely on in all photos: a suspect, or
    one of its ``twins``, concepts in the same photos."""
    beside = f" (or {listed(twins, 3)}, in the same images)" if twins else ""
    return f"{name} may rely on {relied_words(suspect)}{beside}."


def in_fit_sentence(name: str, suspect: SharedSuspect, things: str, showing: Sequence[str]) -> str:
    """Return sentences on a column's value that goes with a class in the training images only:
    ``Of the training images 97 of 97 with horse have site = ridge, and 8 % of the others; of the
    tuning images 10 of 30, and 24 %.`` They end with what to do."""
    counts, found = short_sentence(name, suspect, things), _found(name, suspect, things)
    return f"{counts} {found} {asked_sentence(name, suspect, showing)}"


def _in_fit_counts(name: str, value: str, counts: SplitCounts, things: str) -> str:
    images, (fit, fit_others), (tune, tune_others) = images_of(things), counts.fit, counts.tune
    return (
        f"Of the training {images} {fit[0]:,} of {fit[1]:,} with {name} have {value}, and "
        f"{_share(*fit_others)} of the others; of the tuning {images} {tune[0]:,} of {tune[1]:,}, "
        f"and {_share(*tune_others)}."
    )


def condition(name: str, suspect: SharedSuspect) -> str:
    """Return the clause before the thumb that helps: ``If man should not count``."""
    against = "" if suspect.use > 0 else f" against {name}"
    return f"If {suspect.name} should not count{against}"


def thumb_of(suspect: SharedSuspect) -> Direction:
    """Return the thumb that ``asked_sentence`` names."""
    return DOWN if suspect.use > 0 else UP


def relied_words(suspect: SharedSuspect) -> str:
    """Return ``man``, or ``the absence of man`` if the logit falls with it."""
    return suspect.name if suspect.use > 0 else f"the absence of {suspect.name}"


def _found(name: str, suspect: SharedSuspect, things: str) -> str:
    (with_, of_with), (without, of_without) = suspect.rates.found
    what = shown_words(suspect.name, suspect.high)
    if not of_with or not of_without:
        lacking = "without" if of_with else "with"
        return f"None of the {name} {things} is {lacking} {what}, so nothing shows what it costs."
    sides = [
        (_share(without, of_without), of_without, "without"),
        (_share(with_, of_with), of_with, "with"),
    ]
    more, less = sides if suspect.use < 0 else sides[::-1]
    return (
        f"The student finds {more[0]} of the {name} {things} {more[2]} {what}, "
        f"{less[0]} of those {less[2]} it ({count(less[1], things[:-1])})."
    )


def _called(name: str, suspect: SharedSuspect, things: str) -> str:
    (with_, of_with), (without, of_without) = suspect.rates.called
    if not of_with or not of_without:
        return ""
    what = shown_words(suspect.name, suspect.high)
    return (
        f"Of the {things} without {name}, {_share(with_, of_with)} of those with {what} "
        f"({count(of_with)}) are called {name}, {_share(without, of_without)} of those without it."
    )


def _apart(counted: tuple[tuple[int, int], tuple[int, int]]) -> float:
    """Return the difference of two shares, 0 if one of them has no photo."""
    (with_, of_with), (without, of_without) = counted
    return abs(with_ / of_with - without / of_without) if of_with and of_without else 0.0


def _share(part: int, whole: int) -> str:
    return share(part / whole) if whole else share(None)
