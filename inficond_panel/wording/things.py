"""What sentences call the images of a store: rows of a table, captions, or images."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from inficond_panel.common.cache import once
from inficond_panel.errors import DataError
from inficond_panel.store import Store

_IMAGE = re.compile(r"\b((?:[Aa]n )?)([Ii])mage(s?)\b")
_QUOTED = re.compile(r"('[^'\n]*'|\"[^\"\n]*\")")


def image_word(store: Store) -> str:
    """Return what sentences call an image of the store: ``image``, ``row`` or ``caption``.

    It is ``image`` for photos, and for a store in which a name has this word: with another word
    put in its place the name would be changed, too.
    """
    photos = store.things == "photos" or _has_name(store)
    return "image" if photos else store.things.removesuffix("s")


def in_words_of(store: Store, text: str) -> str:
    """Return a text with the ``image_word`` of a store in place of ``image``."""
    return with_word(text, image_word(store))


def with_word(text: str, thing: str) -> str:
    """Return a text with ``thing`` (row, caption) in place of ``image``."""
    if thing == "image":
        return text

    def word(found: re.Match[str]) -> str:
        article = found[1].replace("n ", " ")  # a row, a caption
        return f"{article}{thing.capitalize() if found[2] == 'I' else thing}{found[3]}"

    return _IMAGE.sub(word, text)


@contextmanager
def errors_with_word(thing: str) -> Iterator[None]:
    """Put ``thing`` (row, caption) in place of ``image`` in the message of a ``DataError``
    that the block raises; what the message quotes stays."""
    try:
        yield
    except DataError as error:
        parts = _QUOTED.split(error.message)
        parts[::2] = [with_word(part, thing) for part in parts[::2]]
        error.message = "".join(parts)
        raise


@once(8)
def _has_name(store: Store) -> bool:
    texts: Iterable[object] = () if store.metadata is None else store.metadata.ravel()
    names = (*store.classes, *store.concepts, *store.metadata_columns, *store.images, *texts)
    return any(_IMAGE.search(str(name)) for name in names)
