"""Small stores with the classes' own words next to them, without an encoder."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from factory import ATTRS, EMBED, files_in, put_files, small_arrays

from inficond_panel.concepts.own_words import words_to_make, write_words
from inficond_panel.store import Store, open_store, write_store

#: Attributes by which a store has been made from photos, so that it can have words.
MADE = {"encoder_digest": "e" * 64, "prompts": ["a photo of a {}"]}


def put_words(store: Store, seed: int = 3) -> Store:
    """Write the words of all classes without a concept: near the first concept of each class, with
    drawn noise."""
    names, rng = words_to_make(store, None), np.random.default_rng(seed)
    vectors = {}
    for name in names:
        at = 2 * list(store.classes).index(name)
        vector = store.concept_text_embedding[at] + 0.15 * rng.normal(size=EMBED)
        vectors[name] = (vector / np.linalg.norm(vector)).astype(np.float32)
    return write_words(store, names, vectors)


def worded_store(path: Path, make: Callable = small_arrays, **sizes: Any) -> Store:
    """A small store with words; no concept is named like a class."""
    put_files(path.parent, _files(make, path.name, **sizes))
    return open_store(path)


@functools.cache
def _files(make: Callable, name: str, **sizes: Any) -> dict[str, bytes]:
    """Files of a store of this name and of its words; made once a process."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write_store(path, make(**sizes), {**ATTRS, **MADE})
        put_words(open_store(path))
        return files_in(Path(folder))


def single_worded_store(path: Path) -> Store:
    """As ``worded_store``, with one class per image and a teacher that ends in a softmax."""
    arrays = small_arrays()
    arrays["label"] = np.eye(arrays["label"].shape[1], dtype=np.int8)[
        arrays["teacher_logit"].argmax(axis=1)
    ]
    facts = {"task": "single_label", "teacher_activation": "softmax"}
    write_store(path, arrays, {**ATTRS, **MADE, **facts})
    store = open_store(path)
    put_words(store)
    return store
