"""Make the random words of a store, next to the store."""

from __future__ import annotations

from collections.abc import Callable

from inficond_panel.common.numbers import count
from inficond_panel.concepts.random_words import (
    candidates_of,
    embed_apart,
    lacks_random_words,
    write_random_words,
)
from inficond_panel.concepts.texts import EmbedsText
from inficond_panel.store import Store
from precompute.batches.run import Tell


def make_random_words(
    store: Store, load: Callable[[], EmbedsText], progress: Tell = lambda _: None
) -> tuple[str, ...]:
    """Make the random words of a store, unless they are there, and return the words.

    ``load`` returns the encoder that the store was made with; it is called if words have to be
    made. Raises ``StoreError`` if they cannot be written. The caller must hold the store's lock
    (``store.write.only_run``).
    """
    if not lacks_random_words(store):
        return ()
    number = len(store.concepts)
    progress(f"Random words, as many as the {count(number, 'concept')}")
    words, vectors = embed_apart(load(), candidates_of(store), number, store.attrs["prompts"])
    write_random_words(store, words, vectors)
    return tuple(words)
