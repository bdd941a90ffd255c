"""Sentences on what a student may rely on in all photos: found and called, with it and without."""

from __future__ import annotations

from inficond_panel.common.numbers import count, share
from inficond_panel.tuning.shared_bias import SharedSuspect
from inficond_panel.vocabulary.things import CONCEPT

#: Words for a reliance that no comparison of splits shows.
SHARED = "shared by all photos"


def shared_sentence(name: str, suspect: SharedSuspect) -> str:
    """Return sentences on how often the class ``name`` is found, and wrongly called, in photos with
    and without a suspect: ``blond hair is found in 15 % of the photos with man (13 photos), 57 % of
    those without it.``"""
    return f"{_found(name, suspect)} {_called(name, suspect)} {_asked(suspect)}"


def relied_words(suspect: SharedSuspect) -> str:
    """Return ``man``, or ``the absence of man`` if the logit falls with it."""
    return suspect.name if suspect.use > 0 else f"the absence of {suspect.name}"


def _found(name: str, suspect: SharedSuspect) -> str:
    (with_, of_with), (without, of_without) = suspect.rates.found
    if not of_with or not of_without:
        lacking = "without" if of_with else "with"
        return f"No photo of {name} is {lacking} {suspect.name}, so nothing shows what it costs."
    sides = [
        (_share(without, of_without), of_without, f"the photos without {suspect.name}", "without"),
        (_share(with_, of_with), of_with, f"the photos with {suspect.name}", "with"),
    ]
    more, less = sides if suspect.use < 0 else sides[::-1]
    return (
        f"{name} is found in {more[0]} of {more[2]}, {less[0]} of those {less[3]} it "
        f"({count(less[1], 'photo')})."
    )


def _called(name: str, suspect: SharedSuspect) -> str:
    (with_, of_with), (without, of_without) = suspect.rates.called
    return (
        f"Where no {name} is, it is called in {_share(with_, of_with)} of the photos with "
        f"{suspect.name}, {_share(without, of_without)} of those without it."
    )


def _asked(suspect: SharedSuspect) -> str:
    what = suspect.name if suspect.kind == CONCEPT else f"the concepts that show {suspect.name}"
    return f"If {suspect.name} should not count, 👎 {'it' if what == suspect.name else what}."


def _share(part: int, whole: int) -> str:
    return share(part / whole) if whole else share(None)
