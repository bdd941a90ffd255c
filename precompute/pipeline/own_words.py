"""Make the own words of a store's classes, next to the store."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import count
from inficond_panel.concepts.class_names import SYNSET
from inficond_panel.concepts.own_words import own_words, words_to_make, write_words
from inficond_panel.concepts.texts import EmbedsText, embed_concepts
from inficond_panel.errors import CancelledError, DataError, InficondError, StoreFormatError
from inficond_panel.store import Store
from precompute.batches.run import Progress
from precompute.pipeline.inputs import Inputs
from precompute.pipeline.stages import encoder_of


def make_words(store: Store, inputs: Inputs, progress: Progress) -> tuple[str, ...]:
    """Make the own words of the classes that lack one, and return these classes' names.

    Words next to the store are kept unless they lack a class or are damaged. A fault is a warning
    to ``progress``: the store is complete without words. The caller must hold the store's lock.
    """
    try:
        return _made(store, inputs, progress)
    except CancelledError:
        raise
    except (InficondError, OSError) as error:
        progress(f"Warning: the classes' own words were not made: {error}")
    return ()


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


def _made(store: Store, inputs: Inputs, progress: Progress) -> tuple[str, ...]:
    names = needed_words(store)
    if not names:
        return ()
    progress(f"Own words of {count(len(names), 'class')}: {listed(list(names), 5)}")
    encoder = encoder_of(inputs)
    vectors = {
        name: vector
        for name, texts in names.items()
        if (vector := _vector(encoder, name, texts, store.attrs["prompts"], progress)) is not None
    }
    if vectors:
        write_words(store, names, vectors)
    return tuple(vectors)


def _vector(
    encoder: EmbedsText, name: str, texts: tuple[str, ...], prompts: list[str], progress: Progress
) -> np.ndarray | None:
    """Return a class's unit vector ``(embed,)``, which depends on no other class; None, with a
    warning, if a text is too long for the encoder."""
    try:
        return embed_concepts(encoder, [texts], prompts)[0]
    except DataError as error:
        progress(f"Warning: the class {name!r} has no own word: {error.message}")
        return None
