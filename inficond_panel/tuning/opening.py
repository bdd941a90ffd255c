"""Opening of tuners: from a spec, its store and history, with the concepts typed by users.

Typed concepts are kept next to the history, since iterations depend on them. Each set of concepts
has its own root (a node's settings hold the store's hash): removing a typed concept shows the
iterations without the concept again, typing it again shows the iterations with it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from inficond_panel.common.cache import once
from inficond_panel.common.installation import path_word
from inficond_panel.common.near_words import listed, missing
from inficond_panel.common.numbers import count
from inficond_panel.common.places import is_remote, place_of, written_at
from inficond_panel.concepts.texts import EncodesText, word_key
from inficond_panel.concepts.typed import (
    ExtendedStore,
    TypedConcept,
    TypedFolder,
    base_of,
    concept_of_photos,
    extended,
    type_concept,
)
from inficond_panel.errors import StoreMissingError, TuningError, precompute_command
from inficond_panel.spec import Spec, check_against, find_spec, load_spec
from inficond_panel.store import Store, open_store
from inficond_panel.tuning.cells import check_groups
from inficond_panel.tuning.history.history import History, folder_beside
from inficond_panel.tuning.tuner import Tuner, Workers


def typed_folder(history: str | Path) -> TypedFolder | None:
    """Return the typed concepts of a history; None for a history in memory."""
    folder = folder_beside(history, "concepts")
    return TypedFolder(folder) if folder else None


def with_typed(store: Store, history: str | Path) -> Store:
    """Return ``store`` extended by the concepts that were typed in a history."""
    folder = typed_folder(history)
    return extended(store, folder.read(store)) if folder else store


def typed_of(store: Store) -> tuple[TypedConcept, ...]:
    """Return the typed concepts of a store; empty without any."""
    return store.typed if isinstance(store, ExtendedStore) else ()


def typed_anew(tuner: Tuner) -> Tuner:
    """Return a tuner with all concepts that any process has typed; ``tuner`` if none is new."""
    folder = typed_folder(tuner.history.path)
    typed = tuple(folder.read(base_of(tuner.store))) if folder else typed_of(tuner.store)
    return tuner if typed == typed_of(tuner.store) else _over(tuner, typed)


def others_of(tuner: Tuner) -> int:
    """Return the number of concepts typed in this history for another store."""
    folder = typed_folder(tuner.history.path)
    return folder.others(tuner.store) if folder else 0


def add_concept(
    tuner: Tuner, text: str, encoder: EncodesText | None = None, *, images: Iterable[str] = ()
) -> Tuner:
    """Return a tuner with one more concept: ``text`` is ``name`` or ``name, synonym, synonym``.

    The concept is encoded by the ``encoder``, or made from example photos (ids of ``images`` of the
    store). It is scored by the store's segment embeddings, without reading photos, and kept next to
    the history. Its students have a new root, which ``root()`` distills. Raises as
    ``type_concept`` and ``concept_of_photos``.
    """
    if encoder is None:
        typed = concept_of_photos(tuner.store, text, images)
    else:
        typed = type_concept(tuner.store, text, encoder)
    if folder := typed_folder(tuner.history.path):
        folder.add(typed)
    return _over(tuner, [*typed_of(tuner.store), typed])


def remove_concept(tuner: Tuner, name: str) -> Tuner:
    """Return a tuner without the typed concept ``name``; ``TuningError`` if there is none."""
    typed = typed_of(tuner.store)
    named = [one for one in typed if word_key(one.name) == word_key(name)]
    if not named:
        known = [one.name for one in typed]
        raise TuningError(
            missing("typed concept", name, known),
            f"Typed concepts are: {listed(known)}. Concepts of the corpus cannot be removed.",
        )
    if folder := typed_folder(tuner.history.path):
        folder.remove(named[0])
    return _over(tuner, [one for one in typed if one is not named[0]])


def copy_concepts(tuner: Tuner, history: str | Path) -> None:
    """Copy the tuner's typed concepts to another history, which keeps its typed concepts too."""
    if folder := typed_folder(history):
        for one in typed_of(tuner.store):
            folder.add(one)


def mirror_concepts(tuner: Tuner, history: str | Path) -> None:
    """Make the typed concepts of another history, for this store, equal to the tuner's."""
    if folder := typed_folder(history):
        names = {one.name for one in typed_of(tuner.store)}
        for one in folder.read(base_of(tuner.store)):
            if one.name not in names:
                folder.remove(one)
    copy_concepts(tuner, history)


def nearest_concepts(store: Store, typed: TypedConcept) -> list[tuple[str, float]]:
    """Return the three concepts nearest to ``typed`` by text vector, with cosines: possible
    twins."""
    cosine = store.concept_text_embedding @ typed.text
    order = [i for i in np.argsort(-cosine) if store.concepts[i] != typed.name][:3]
    return [(store.concepts[i], float(cosine[i])) for i in order]


def concept_title(one: TypedConcept) -> str:
    """Return a typed concept as text: ``red bus (scarlet bus)``, ``harness (from 6 photos)``."""
    photos = [f"from {count(len(one.photos), 'photo')}"] if one.photos else []
    made = ", ".join([*one.texts[1:], *photos])
    return f"{one.name} ({made})" if made else one.name


def typed_text(one: TypedConcept) -> str:
    """Return a typed concept with its scores: ``red bus: scores 0.212, 90 % from 0.15 to 0.30``."""
    name = concept_title(one)
    low, middle, high = np.quantile(one.score, [0.05, 0.5, 0.95])
    if not one.score.any():
        return f"{name}: scores 0 on all {len(one.score):,} images"
    if middle == 0:
        some = f"{np.count_nonzero(one.score):,} of {len(one.score):,} images"
        return f"{name}: scores above 0 on {some}, {one.score.max():.3f} at most"
    return f"{name}: scores {middle:.3f}, 90 % from {low:.3f} to {high:.3f}"


def _over(tuner: Tuner, typed: Sequence[TypedConcept]) -> Tuner:
    store = extended(base_of(tuner.store), typed)
    return _tuner(store, tuner.spec, tuner.history, tuner.penalties)


@once(4)
def _tuner(store: Store, spec: Spec, history: History, penalties: tuple[float, ...]) -> Tuner:
    """Return the tuner that all sessions with the same concepts share."""
    return Tuner(store, spec, history, penalties)


def open_tuner(
    spec: str | Path,
    *,
    store: str | Path | None = None,
    history: str | Path | None = None,
    workers: Workers | None = None,
) -> Tuner:
    """Open the tuner of a spec: a file, the folder of a store, or the name of a shipped spec.

    ``store`` and ``history`` are paths; by default ``INFICOND_STORE`` and ``INFICOND_HISTORY``,
    else the spec's paths; a shipped spec has its history in the current folder. Concepts typed in
    the history are part of the store. Needs no data set and no encoder. Fits of many classes are
    divided among ``workers``, such as ``tuning.cluster.Cluster``.
    Raises ``SpecError``, ``StoreError`` or ``TuningError``.
    """
    opened = load_spec(find_spec(spec), check_files=False)
    data = open_spec_store(spec, store_place(opened, store))
    check_against(opened, data.classes, data.task)
    record = history_of(spec, opened, history)
    extended_store = with_typed(data, record)
    check_groups(opened, extended_store)
    return Tuner(extended_store, opened, History(record), workers=workers)


def shared_tuner(spec: str | Path, history: str | Path = "") -> Tuner:
    """Like ``open_tuner``, but one tuner per spec in this process, with newly typed concepts.

    An edited spec, or a rewritten store, is opened again.
    """
    opened = load_spec(find_spec(spec), check_files=False)
    place = store_place(opened, None)
    data = _shared_store(str(spec), place, *written_at(place))
    check_against(opened, data.classes, data.task)
    record = history_of(spec, opened, history)
    tuner = typed_anew(_shared(data, opened, record))
    check_groups(opened, tuner.store)
    return tuner


@once(4)
def _shared_store(spec: str, path: Path, *_: int) -> Store:
    return open_spec_store(spec, path)


@once(8)
def _shared(store: Store, spec: Spec, history: str) -> Tuner:
    return Tuner(store, spec, History(history))


def store_place(spec: Spec, given: str | Path | None) -> Path:
    """Return the store's path: ``given``, else ``INFICOND_STORE``, else the spec's store."""
    named = spec.store if spec.path == spec.store else None  # SPEC is the store itself
    return place_of(given or named or os.environ.get("INFICOND_STORE") or spec.store)


def history_of(name: str | Path, spec: Spec, given: str | Path | None = None) -> str:
    """Return a history's path or address: ``given``, else that of ``Spec.history_of``."""
    return str(given or spec.history_of(name))


def open_spec_store(spec: str | Path, path: str | Path) -> Store:
    """Open the store at ``path``; ``StoreMissingError`` names the command that makes a store."""
    try:
        return open_store(path)
    except StoreMissingError as error:
        make = "Make it: " + precompute_command(path_word(spec))
        remedy = "Correct the address." if is_remote(spec) else make
        raise StoreMissingError(error.message, remedy) from error
