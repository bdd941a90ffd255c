"""Names of a class as texts for an encoder: its own name in plain words, and its synonyms."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path

from inficond_panel.common.names import name_key

#: A synset of WordNet, as folders of ImageNet are named: n02084071, n02085620-Chihuahua.
SYNSET = re.compile(r"(?<![^\W_])n\d{8}(?!\d)")
_NUMBER = re.compile(r"^\d+\.\s*(?=\D)")  # 001.Black_footed_Albatross
_LETTER = re.compile(r"[^\W\d_]")
#: Endings that are dropped after a plural s: of -xes, -oes, -ches, -shes, -sses and -ies.
_ENDINGS = (re.compile(r"(?:(?<=[xo])|(?<=ch|sh|ss))e$"), ""), (re.compile(r"ie$"), "y")
#: Letters that one spelling of a word has and another has not: the last e, and the u of -our-.
_SPELLINGS = re.compile(r"e$|(?<=o)u(?=r)")
#: Plurals without a rule, each with its singular.
_PLURALS = dict(
    pair.split(":")
    for pair in [
        "buses:bus",
        "cacti:cactus",
        "calves:calf",
        "children:child",
        "feet:foot",
        "geese:goose",
        "halves:half",
        "hooves:hoof",
        "knives:knife",
        "leaves:leaf",
        "lenses:lens",
        "loaves:loaf",
        "men:man",
        "mice:mouse",
        "octopuses:octopus",
        "oxen:ox",
        "people:person",
        "scarves:scarf",
        "shelves:shelf",
        "teeth:tooth",
        "thieves:thief",
        "walruses:walrus",
        "wolves:wolf",
        "women:woman",
    ]
)
_TABLE = Path(__file__).with_name("class_names.txt")


def names_of(class_name: str, lemmas: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return the names of a class in plain words, its own name first; empty if it has no letters.

    A class's name may list names between commas or semicolons. Underscores become spaces; a number
    before a name is dropped. Synonyms, and the spaces of a joined name such as ``diningtable``, are
    those of ``class_names.txt``. ``lemmas`` has the names, between commas, of synsets of WordNet: a
    class that is named by its synset, such as ``n02084071``, has no other names.
    """
    own = [*re.split("[,;]", SYNSET.sub("", class_name).replace("()", ""))]
    own += [name for each in SYNSET.findall(class_name) for name in _names(each, lemmas)]
    plain = [name for text in own if _LETTER.search(name := _in_words(text))]
    names: dict[str, str] = {}
    for name in (*map(_spelt, plain), *(also for each in plain for also in _line_of(each))):
        names.setdefault(letters_of(name), name)
    return tuple(names.values())


@lru_cache(1 << 16)
def letters_of(text: str) -> str:
    """Return the letters and digits by which names of classes and concepts are compared: without
    case, spaces, hyphens and plural."""
    *first, last = re.split(r"[\W_]+", name_key(text).casefold().rstrip("_ "))
    letters = "".join([*first, _PLURALS.get(last, last)])
    if len(letters) > 3 and re.search(r"[^s]s$", letters):
        letters = letters[:-1]
    for ending, singular in _ENDINGS if len(letters) > 3 else ():
        letters = ending.sub(singular, letters)
    return letters


@lru_cache(1 << 16)
def spelling_of(text: str) -> str:
    """Return the ``letters_of`` each word without what two spellings of it differ by: ``blonde``
    and ``blond``, ``colour`` and ``color``. Words of at most five letters keep all their letters.

    A distance of one letter would not do: of the 1,590 nouns of ``nouns.txt`` with five letters or
    more it holds 223 pairs to be one word, such as ``beard`` and ``board``.
    """
    words = map(letters_of, re.split(r"[\W_]+", text))
    return "".join(_SPELLINGS.sub("", word) if len(word) > 5 else word for word in words)


def _names(synset: str, lemmas: Mapping[str, str] | None) -> list[str]:
    return (lemmas or {}).get(synset, "").split(",")


def _in_words(text: str) -> str:
    """Return a name with single spaces for underscores, without a number or a hyphen before it."""
    return " ".join(_NUMBER.sub("", text.strip()).replace("_", " ").split()).strip("- ")


def _spelt(name: str) -> str:
    """Return a name of one word with the spaces that the table has in it."""
    letters = letters_of(name)
    same = (other for other in _line_of(name) if letters_of(other) == letters)
    return name if " " in name else next(same, name)


def _line_of(name: str) -> tuple[str, ...]:
    """Return the names on the table's line that has ``name``; empty if none has."""
    return _lines().get(letters_of(name), ())


@cache
def _lines() -> dict[str, tuple[str, ...]]:
    """Return the names of the table's lines by the letters of each name."""
    lines = _TABLE.read_text(encoding="utf-8").splitlines()
    rows = [tuple(map(str.strip, line.split(","))) for line in lines if not line.startswith("#")]
    return {letters_of(name): row for row in rows for name in row}
