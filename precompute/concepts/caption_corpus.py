"""Write a corpus for a table of captions: their frequent words and two-word phrases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from inficond_panel.concepts.caption_words import phrases_of
from inficond_panel.concepts.class_names import letters_of
from precompute.concepts.sources import FUNCTION_WORDS

#: Largest numbers of words and of phrases.
WORDS, PHRASES = 300, 100
#: Fewest captions with a word, and their least share of all captions.
LEAST, SHARE = 3, 0.004
#: Not counted: in a description of a photo they say nothing of what is on it, and sentences on a
#: store whose names have them could not call its captions by another word (``wording.things``).
_MEDIUM = frozenset(("image", "images"))
#: A phrase is left out unless more than this share of the captions with either of its words lack
#: it: its scores would be those of the word.
_APART = 1 / 20


def caption_corpus(captions: Sequence[str]) -> list[str]:
    """Return the frequent words of captions, then the frequent phrases of two words, each in the
    spelling that most captions have; the most frequent first, ties in alphabetical order.

    Singular and plural are one word. Articles, prepositions and other function words, *image*,
    numbers and single letters are left out, and phrases that hardly tell more than one of their
    words.
    """
    words: Counter[str] = Counter()
    phrases: Counter[str] = Counter()
    spellings: dict[str, Counter[str]] = {}
    parts: dict[str, tuple[str, str]] = {}
    for caption in captions:
        found = {letters_of(word): word for word in _content_words(caption)}
        pairs = {letters_of(f"{a} {b}"): (a, b) for a, b in _pairs(caption)}
        words.update(found.keys())
        phrases.update(pairs.keys())
        for key, word in found.items():
            spellings.setdefault(key, Counter())[word] += 1
        for key, (a, b) in pairs.items():
            spellings.setdefault(key, Counter())[f"{a} {b}"] += 1
            parts.setdefault(key, (letters_of(a), letters_of(b)))
    least = max(LEAST, round(SHARE * len(captions)))
    frequent = _most(words, least, spellings)[:WORDS]
    more = [
        key
        for key in _most(phrases, least, spellings)
        if key not in words
        and phrases[key] < (1 - _APART) * min(words[part] for part in parts[key])
    ]
    return [_spelling(spellings[key]) for key in (*frequent, *more[:PHRASES])]


def _most(counts: Counter[str], least: int, spellings: dict[str, Counter[str]]) -> list[str]:
    kept = [key for key, n in counts.items() if n >= least]
    return sorted(kept, key=lambda key: (-counts[key], _spelling(spellings[key])))


def _spelling(counts: Counter[str]) -> str:
    return min(counts, key=lambda word: (-counts[word], word))


def _content(word: str) -> bool:
    return len(word) > 1 and word.isalpha() and word not in FUNCTION_WORDS | _MEDIUM


def _content_words(caption: str) -> Iterator[str]:
    for words in phrases_of(caption.casefold()):
        yield from filter(_content, words)


def _pairs(caption: str) -> Iterator[tuple[str, str]]:
    for words in phrases_of(caption.casefold()):
        for a, b in pairwise(words):
            if _content(a) and _content(b):
                yield a, b
