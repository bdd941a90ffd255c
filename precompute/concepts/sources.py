"""Collect concepts from class names, assertions, captions or a language model's answer."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path

from inficond_panel.common.files import INSTANCES_BYTES, WORD_BYTES, lines_of, read_text
from inficond_panel.common.near_words import near
from inficond_panel.common.numbers import count
from inficond_panel.errors import DataError
from precompute.concepts.corpus import read_corpus

#: Relations of ConceptNet and WordNet from an object to its parts, properties, material or kind.
RELATIONS = (
    "hasa", "partof", "hasproperty", "madeof", "isa", "hypernym", "hyponym", "meronym", "holonym",
)  # fmt: skip
_CONCEPTNET = "/a/"
_FENCE = re.compile(r"^\s*```.*$", re.MULTILINE)
_BULLET = re.compile(r"^\s*(?:[-*•]+|\(?\d+[.):])\s*")
_ARTICLE = re.compile(r"^(?:an?|the|some)\s+", re.IGNORECASE)
_REMEDY = "Use a UTF-8 file in one of the layouts of `inficond docs concepts`."
#: A list of concepts, and a description of its source, for people.
Found = tuple[list[str], str]
#: Largest number of nouns from captions, and least number of captions with each noun.
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
FUNCTION_WORDS = _DETERMINERS | frozenset(_END.split())
_VERB = re.compile("..(?:ing|ed|ly)$")
_WORDS = re.compile(r"[a-z]+(?:-[a-z]+)*|[^\sa-z]")


def collect(sources: Sequence[str], classes: Sequence[str]) -> tuple[str, list[str]]:
    """Return the text of a corpus collected from ``sources``, and a line to print on each source.

    A source is ``classes``, ``KIND:FILE`` with a kind of ``SOURCE_KINDS``, or a file of words.
    Concepts of an earlier source are not repeated. Raises ``DataError`` for an unknown or
    unreadable source, and if no concept results.
    """
    seen: set[str] = set()
    lines, notes = [], []
    for source in sources:
        concepts, note = _read(source, classes)
        fresh = {_first(text): text for text in concepts if _first(text) not in seen}
        seen |= fresh.keys()
        lines += [f"# {' '.join(note.split())}", *fresh.values()]
        notes.append(f"{count(len(fresh), 'concept')} from {note}")
    if not seen:
        raise DataError(f"No concept was found: {'; '.join(notes)}.", _REMEDY)
    return "\n".join(lines) + "\n", notes


def _first(text: str) -> str:
    return text.partition(",")[0].strip().casefold()


def _read(source: str, classes: Sequence[str]) -> Found:
    if source == "classes":
        return [plain(name) for name in classes], "the classes' names"
    kind, colon, name = source.partition(":")
    if not colon or (kind not in SOURCE_KINDS and Path(source).exists()):
        return [", ".join(texts) for texts in read_corpus(Path(source)).values()], source
    if kind not in SOURCE_KINDS or not name:
        raise DataError(
            f"{source!r} is not a source of concepts.{near(kind, ['classes', *SOURCE_KINDS])}",
            "Use classes, a file of words, or "
            f"{', '.join(f'{kind}:FILE' for kind in SOURCE_KINDS)}.",
        )
    try:
        return SOURCE_KINDS[kind](Path(name), classes)
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"{name} cannot be read: {error}.", _REMEDY) from error


def plain(text: str) -> str:
    """Return a concept in the corpus's form: no commas, underscores, article or outer punctuation.

    ``/c/en/traffic_light/n`` and ``the traffic light.`` become ``traffic light``.
    """
    if text.startswith("/c/"):
        text = (text.split("/") + [""] * 4)[3]
    text = " ".join(re.sub(r"[_,]", " ", text).split())
    text = text.strip(" .;:\"'`*()[]")
    return _ARTICLE.sub("", text).lstrip("#")


def _assertions(path: Path, classes: Sequence[str]) -> Found:
    """Return the concepts that the assertions in a file link to one of ``classes``, and a note."""
    wanted = {plain(name).casefold() for name in classes}
    counts: Counter[str] = Counter()
    others: Counter[str] = Counter()
    for start, relation, end in _triples(path):
        ends = plain(start), plain(end)
        known = [text.casefold() in wanted for text in ends]
        if not any(known):
            continue
        if re.sub(r"[^a-z]", "", relation.rpartition("/")[2].casefold()) not in RELATIONS:
            others[relation] += 1
            continue
        counts.update(
            text for text, is_class in zip(ends, known, strict=True) if text and not is_class
        )
    left = f"; {sum(others.values())} assertions of other relations are left out" if others else ""
    return list(counts), f"the assertions of {path}{left}"


def _triples(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield start, relation and end of each line, in ConceptNet's five columns or in three."""
    for number, line in enumerate(lines_of(path), 1):
        cells = line.rstrip("\r\n").split("\t")
        if not line.strip() or line.startswith("#"):
            continue
        if len(cells) < 3:
            raise DataError(
                f"{path}:{number}: expected start, relation and end between tabs, got "
                f"{line.strip()[:60]!r}.",
                _REMEDY,
            )
        if cells[0].startswith(_CONCEPTNET) and len(cells) > 3:
            if cells[2].startswith("/c/en/") and cells[3].startswith("/c/en/"):
                yield cells[2], cells[1], cells[3]
        else:
            yield cells[0], cells[1], cells[2]


def _captions(path: Path, _: Sequence[str]) -> Found:
    """Return the most frequent nouns of the captions in a file, and a note on their number."""
    if path.suffix.lower() != ".json":
        captions = [line for line in lines_of(path) if line.strip()]
        return caption_nouns(captions), f"{len(captions)} captions of {path}"
    document = _json(read_text(path, INSTANCES_BYTES), path)
    rows = document.get("annotations", []) if isinstance(document, dict) else document
    rows = rows if isinstance(rows, list) else []
    texts = [row.get("caption") if isinstance(row, dict) else row for row in rows]
    captions = [text for text in texts if isinstance(text, str)]
    if not captions:
        raise DataError(
            f"{path} holds no captions.",
            "Use JSON like COCO's, whose annotations have a key caption, or a text file.",
        )
    return caption_nouns(captions), f"{len(captions)} captions of {path}"


def _answer(path: Path, _: Sequence[str]) -> Found:
    """Return the concepts in a language model's answer, and a note. The answer is JSON (a list, or
    lists by class), or has one concept per line."""
    text = _FENCE.sub("", read_text(path, WORD_BYTES))
    if text.lstrip()[:1] in ("[", "{"):
        parts = _texts(_json(text, path))
    else:
        lines = (line.strip() for line in text.splitlines())
        parts = [
            part
            for line in lines
            if not line.endswith(":")
            for part in _BULLET.sub("", line).split(",")
        ]
    words = [plain(part) for part in parts]
    return [text for text in words if text], f"the answer in {path}"


def _texts(value: object) -> list[str]:
    """Return all texts of a JSON value, in order, without the keys of mappings."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in inner for text in _texts(item)]


def _json(text: str, path: Path) -> object:
    try:
        return json.loads(text)
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}.", _REMEDY) from error


SOURCE_KINDS: dict[str, Callable[[Path, Sequence[str]], Found]] = {
    "assertions": _assertions,
    "captions": _captions,
    "answer": _answer,
}


def caption_nouns(captions: Iterable[str]) -> list[str]:
    """Return the nouns of at least two captions that occur in the most captions, at most 200; ties
    alphabetically."""
    each = [set(nouns_of(caption)) for caption in captions]
    known = set().union(*each)
    counts = Counter(noun for nouns in each for noun in {_singular(noun, known) for noun in nouns})
    order = sorted(counts, key=lambda noun: (-counts[noun], noun))
    return [noun for noun in order if counts[noun] >= LEAST][:MOST]


def nouns_of(caption: str) -> Iterator[str]:
    """Yield the nouns of one caption, in order: the last word of each phrase after a determiner."""
    phrase: list[str] | None = None
    for word in [*_WORDS.findall(caption.casefold()), "."]:
        ends = word in FUNCTION_WORDS or not word[0].isalpha()
        if phrase is not None and (ends or (phrase and _VERB.search(word))):
            yield from phrase[-1:]
            phrase = None
        if word in _DETERMINERS:
            phrase = []
        elif phrase is not None:
            phrase.append(word)


def _singular(noun: str, known: Collection[str]) -> str:
    shorter = (noun[:-1], noun[:-2], f"{noun[:-3]}y") if noun.endswith("s") else ()
    return next((text for text in shorter if len(text) > 2 and text in known), noun)
