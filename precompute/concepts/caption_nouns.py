"""Nouns of captions by a rule of words alone; no model tags them.

A noun phrase begins behind a determiner or a number and ends before the next function word or mark,
or, once it has a word, before one in -ing, -ed or -ly. Its last word is the noun: *a red bus parked
on the street* gives *bus* and *street*. A plural counts as its singular where both occur.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator

#: Most nouns that are taken, and fewest captions that each must be in.
MOST, LEAST = 200, 2
_BEGIN = """
a an the this that these those some any each every no his her its their our my your another one two
three four five six seven eight nine ten several many few multiple both
"""
_END = """
of in on at by with and or but for from to into onto over under near next behind between beside
above below through across around along against during while as is are was were be been has have
had can will would there it they he she who which what where when up down off out inside outside
about than then not very so sits stands lies holds shows looks
"""
_DETERMINERS = frozenset(_BEGIN.split())
_FUNCTION_WORDS = _DETERMINERS | frozenset(_END.split())
_VERB = re.compile("..(?:ing|ed|ly)$")
_WORDS = re.compile(r"[a-z]+(?:-[a-z]+)*|[^\sa-z]")


def caption_nouns(captions: Iterable[str], most: int = MOST, least: int = LEAST) -> list[str]:
    """The ``most`` frequent nouns, by the number of captions that they are in, then by the letter;
    those of fewer than ``least`` are left out."""
    each = [set(nouns_of(caption)) for caption in captions]
    known = set().union(*each)
    found = Counter(noun for nouns in each for noun in {_singular(noun, known) for noun in nouns})
    order = sorted(found, key=lambda noun: (-found[noun], noun))
    return [noun for noun in order if found[noun] >= least][:most]


def nouns_of(caption: str) -> Iterator[str]:
    """Nouns of one caption, in order."""
    phrase: list[str] | None = None
    for word in [*_WORDS.findall(caption.casefold()), "."]:
        if phrase is not None and (_ends(word) or (phrase and _VERB.search(word))):
            yield from phrase[-1:]
            phrase = None
        if word in _DETERMINERS:
            phrase = []
        elif phrase is not None:
            phrase.append(word)


def _ends(word: str) -> bool:
    return word in _FUNCTION_WORDS or not word[0].isalpha()


def _singular(noun: str, known: Collection[str]) -> str:
    shorter = (noun[:-1], noun[:-2], f"{noun[:-3]}y") if noun.endswith("s") else ()
    return next((text for text in shorter if len(text) > 2 and text in known), noun)
