"""Make the own words of a store's classes, next to the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import count
from inficond_panel.concepts.class_names import SYNSET
from inficond_panel.concepts.own_words import own_words, words_to_make, write_words
from inficond_panel.concepts.texts import EmbedsText, embed_concepts
from inficond_panel.errors import DataError, StoreFormatError
from inficond_panel.store import Store
from precompute.batches.run import Tell


def make_words(
    store: Store, load: Callable[[], EmbedsText], progress: Tell = lambda _: None
) -> tuple[str, ...]:
    """Make the own words of the classes that lack one, and return the names of all classes whose
    words were made.

    Words next to the store are kept unless they lack a class or are damaged. ``load`` returns the
    encoder that the store was made with; it is called if words have to be made. Raises
    ``StoreError`` if they cannot be written. The caller must hold the store's lock
    (``store.write.only_run``).
    """
    names = needed_words(store)
    if not names:
        return ()
    progress(f"Own words of {count(len(names), 'class')}: {listed(list(names), 5)}")
    encoder, prompts = load(), store.attrs["prompts"]
    vectors = {
        name: vector
        for name, texts in names.items()
        if (vector := _vector(encoder, name, texts, prompts, progress)) is not None
    }
    if vectors:
        write_words(store, names, vectors)
    return tuple(vectors)


def needed_words(store: Store) -> dict[str, tuple[str, ...]]:
    """Return the names of the classes whose own words a run on ``store`` would make, by class."""
    try:
        words = own_words(store)
    except StoreFormatError:  # damaged: they are made again
        words = None
    return words_to_make(store, words, synset_names(store.classes))


def synset_names(classes: Iterable[str]) -> dict[str, str]:
    """Return the names of ImageNet's synsets that name ``classes``, by synset, as timm has them."""
    synsets = {synset for name in classes for synset in SYNSET.findall(name)}
    if not synsets:
        return {}
    from timm.data import ImageNetInfo

    info = ImageNetInfo("imagenet-22k")
    known = synsets & set(info.label_names())
    return {synset: info.label_name_to_description(synset) for synset in sorted(known)}


def _vector(
    encoder: EmbedsText, name: str, texts: tuple[str, ...], prompts: list[str], progress: Tell
) -> np.ndarray | None:
    """Return a class's unit vector ``(embed,)``, which depends on no other class; None, with a
    warning, if a text is too long for the encoder."""
    try:
        return embed_concepts(encoder, [texts], prompts)[0]
    except DataError as error:
        progress(f"Warning: the class {name!r} has no own word: {error.message}")
        return None
