"""Stores of words next to a store: their scores in the same images, by the same encoder.

The classes' own words (``own_words``) and random words (``random_words``) are such stores, in the
folder ``NAME.words`` next to ``NAME.zarr``. The store's own content hash stays, and so do the
histories on the store.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.common import clock
from inficond_panel.common.cache import once
from inficond_panel.common.places import has_store, is_remote, stores_in
from inficond_panel.concepts.typed import basis_of
from inficond_panel.errors import Remedy, StoreError, StoreFormatError
from inficond_panel.store.opening import open_store
from inficond_panel.store.store import Store
from inficond_panel.store.write import write_store
from inficond_panel.vocabulary.splits import FIT

#: Attribute of a store of words: basis of the store it belongs to.
WORDS_OF = "words_of"
#: Name of the class of a store of words: a store has at least one. It has no label and no logit.
_NO_CLASS = "no class"
#: Attributes that a store of words has like the store that it belongs to.
_SHARED = ("encoder", "encoder_digest", "preprocessing", "prompts")


def folder_of(store: Store) -> Path:
    """Return the folder of the words next to a store: ``NAME.words`` for ``NAME.zarr``."""
    return store.path.with_name(f"{store.path.stem}.words")


def can_have_words(store: Store) -> bool:
    """Return True if words can be next to a store: their scores need segments and the encoder."""
    return store.holds("segments") and {"encoder_digest", "prompts"} <= store.attrs.keys()


def write_beside(
    store: Store,
    path: Path,
    names: Sequence[str],
    text: np.ndarray,
    scores: np.ndarray,
    facts: Mapping[str, Any],
) -> Store:
    """Write a store of words at ``path``, with unit vectors ``text`` ``(word, embed)`` and
    ``scores`` ``(image, word)`` of the images of ``store``; return it.

    ``facts`` are its title, corpus, and further attributes. On disk earlier words of the same kind
    are removed: those whose file name has the same text before a hyphen, or none. The caller must
    hold the store's lock (``store.write.only_run``).
    """
    images = len(store.images)
    arrays = {
        "image": store.read("image"),
        "concept": np.array(list(names)),
        "class_name": np.array([_NO_CLASS]),
        "concept_score": scores,
        "concept_text_embedding": text,
        "teacher_logit": np.zeros((images, 1)),
        "label": np.full((images, 1), -1),
        "split": np.full(images, FIT),
    }
    attrs = {name: store.attrs[name] for name in _SHARED if name in store.attrs}
    attrs |= {
        "teacher": "none",
        "history": f"{clock.stamp()} inficond precompute, {facts['corpus']}",
        "inputs_hash": basis_of(store),
        WORDS_OF: basis_of(store),
        **facts,
    }
    write_store(path, arrays, attrs)
    if not is_remote(path):
        for earlier in set(stores_in(path.parent)) - {path}:
            if _kind(earlier) == _kind(path):
                shutil.rmtree(earlier, ignore_errors=True)
    return open_store(path)


def _kind(path: Path) -> str:
    return path.name.rpartition("-")[0]


def open_beside(base: Store, path: Path, what: str) -> Store | None:
    """Return the store of words at ``path``, next to ``base``; None if there is none.

    It is read whole, once. Raises ``StoreFormatError``, which calls it ``what``, if it is damaged.
    """
    return _opened(base, path, what, _written_at(path))


def damaged(path: Path, what: str, why: str) -> StoreFormatError:
    """Return the error to raise for a damaged store of words."""
    return StoreFormatError(
        f"{what} in {path} are damaged: {why}",
        Remedy(
            f"Remove {path} and make them again: inficond concept words SPEC",
            f"Remove {path} and make them again: inficond precompute SPEC",
        ),
    )


def _written_at(path: Path) -> int:
    """Return when the words were written; 0 if there are none, and at an address, where words are
    written once."""
    with suppress(OSError):
        return 0 if is_remote(path) else (path / "zarr.json").stat().st_mtime_ns
    return 0


@once(16)
def _opened(base: Store, path: Path, what: str, _: int) -> Store | None:
    if not has_store(path):
        return None
    try:
        words = open_store(path)
        words.verify()
    except StoreError as error:
        raise damaged(path, what, error.message) from error
    if words.attrs.get(WORDS_OF) != basis_of(base) or words.images != base.images:
        raise damaged(path, what, "they belong to another store")
    return words
