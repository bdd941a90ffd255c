"""Words for people: who is in a photo is seldom a part of what the photo is to show."""

from __future__ import annotations

_WORDS = (
    "person people human man men woman women boy boys girl girls child children kid kids baby "
    "babies lady ladies gentleman gentlemen guy guys male female adult adults teenager teenagers "
    "toddler toddlers crowd pedestrian pedestrians player players worker workers doctor patient"
)
PEOPLE = frozenset(_WORDS.split())


def names_people(word: str) -> bool:
    """Return True if the last word of a concept's name is a word for people."""
    return not PEOPLE.isdisjoint(word.lower().split()[-1:])
