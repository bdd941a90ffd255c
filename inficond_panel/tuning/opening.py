"""Tuners opened: of a spec's store and history, and over the concepts typed there.

Typed concepts are kept beside the history, since its iterations are of these concepts. Each set of
concepts has a root of its own (a node's settings hold the store's hash): the iterations without a
concept are there again when it is taken away, and with it when it is typed again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from inficond_panel.common.cache import once
from inficond_panel.common.near_words import listed, missing
from inficond_panel.concepts.texts import TextEncoder
from inficond_panel.concepts.typed import (
    ExtendedStore,
    TypedConcept,
    TypedFolder,
    base_of,
    concept_of_photos,
    extended,
    type_concept,
)
from inficond_panel.errors import StoreMissingError, TuningError
from inficond_panel.spec import Spec, check_against, find_spec, load_spec
from inficond_panel.store import Store, open_store
from inficond_panel.tuning.history.history import History
from inficond_panel.tuning.tuner import Tuner

_IN_MEMORY = ":memory:"


def typed_folder(history: str | Path) -> TypedFolder | None:
    """Folder of the typed concepts of a history: ``<history>.concepts`` next to its file.

    ``x.history.sqlite`` and ``x.sqlite`` both have ``x.concepts``. None for a history in memory.
    """
    if str(history) == _IN_MEMORY:
        return None
    path = Path(history)
    stem = path.name.removesuffix(".sqlite").removesuffix(".history")
    return TypedFolder(path.with_name(f"{stem}.concepts"))


def with_typed(store: Store, history: str | Path) -> Store:
    """``store`` with the concepts that were typed in this history."""
    folder = typed_folder(history)
    return extended(store, folder.read(store)) if folder else store


def typed_of(store: Store) -> tuple[TypedConcept, ...]:
    """The typed concepts of a store, by name."""
    return store.typed if isinstance(store, ExtendedStore) else ()


def typed_anew(tuner: Tuner) -> Tuner:
    """The tuner over the concepts typed in its history by now; itself where they are the same."""
    folder = typed_folder(tuner.history.path)
    typed = tuple(folder.read(base_of(tuner.store))) if folder else typed_of(tuner.store)
    return tuner if typed == typed_of(tuner.store) else _over(tuner, typed)


def others_of(tuner: Tuner) -> int:
    """Number of concepts typed in this history that belong to another store."""
    folder = typed_folder(tuner.history.path)
    return folder.others(tuner.store) if folder else 0


def add_concept(
    tuner: Tuner, text: str, encoder: TextEncoder | None = None, *, images: Iterable[str] = ()
) -> Tuner:
    """Return the tuner over one more concept: ``text`` is ``name`` or ``name, synonym, synonym``.

    The concept is encoded by the ``encoder``, or made from example photos (ids of ``images`` of the
    store). It is scored by the store's segment embeddings, without reading photos, and kept next to
    the history. The students over it have a root of their own, which ``root()`` distills. Raises as
    ``type_concept`` and ``concept_of_photos``.
    """
    if encoder is None:
        typed = concept_of_photos(tuner.store, text, images)
    else:
        typed = type_concept(tuner.store, text, encoder)
    folder = typed_folder(tuner.history.path)
    if folder:
        folder.add(typed)
    return _over(tuner, [*typed_of(tuner.store), typed])


def remove_concept(tuner: Tuner, name: str) -> Tuner:
    """The tuner without a typed concept; ``TuningError`` for a concept that was not typed."""
    typed = typed_of(tuner.store)
    named = [one for one in typed if one.name.casefold() == name.strip().casefold()]
    if not named:
        known = [one.name for one in typed]
        raise TuningError(
            missing("typed concept", name, known),
            f"There are: {listed(known)}. Those of the corpus stay.",
        )
    folder = typed_folder(tuner.history.path)
    if folder:
        folder.remove(named[0])
    return _over(tuner, [one for one in typed if one is not named[0]])


def copy_concepts(tuner: Tuner, history: str | Path) -> None:
    """Copy the typed concepts next to another history."""
    folder = typed_folder(history)
    if folder:
        for one in typed_of(tuner.store):
            folder.add(one)


def mirror_concepts(tuner: Tuner, history: str | Path) -> None:
    """Copy the typed concepts next to another history, and remove others of this store there."""
    folder = typed_folder(history)
    if folder:
        names = {one.name for one in typed_of(tuner.store)}
        for one in folder.read(base_of(tuner.store)):
            if one.name not in names:
                folder.remove(one)
    copy_concepts(tuner, history)


def nearest_concepts(store: Store, typed: TypedConcept, count: int = 3) -> list[tuple[str, float]]:
    """Concepts with the nearest text vectors, and the cosine: twins would share the influence."""
    cosine = store.concept_text_embedding @ typed.text
    order = [i for i in np.argsort(-cosine) if store.concepts[i] != typed.name][:count]
    return [(store.concepts[i], float(cosine[i])) for i in order]


def concept_title(one: TypedConcept) -> str:
    """``red bus (scarlet bus)``, ``harness (from 6 photos)``: a concept's name and its origin."""
    photos = [f"from {len(one.photos)} photos"] if one.photos else []
    made = ", ".join([*one.texts[1:], *photos])
    return f"{one.name} ({made})" if made else one.name


def typed_text(one: TypedConcept) -> str:
    """``red bus (scarlet bus): scores 0.212, 90 % from 0.150 to 0.301``; of rare ones how rare."""
    name = concept_title(one)
    low, middle, high = np.quantile(one.score, [0.05, 0.5, 0.95])
    if not one.score.any():
        return f"{name}: scores 0 on all {len(one.score):,} images"
    if middle == 0:
        there = f"{np.count_nonzero(one.score):,} of {len(one.score):,} images"
        return f"{name}: scores above 0 on {there}, {one.score.max():.3f} at most"
    return f"{name}: scores {middle:.3f}, 90 % from {low:.3f} to {high:.3f}"


def _over(tuner: Tuner, typed: Sequence[TypedConcept]) -> Tuner:
    store = extended(base_of(tuner.store), typed)
    return _tuner(store, tuner.spec, tuner.history, tuner.penalties)


@once(4)
def _tuner(store: Store, spec: Spec, history: History, penalties: tuple[float, ...]) -> Tuner:
    """Shared by all sessions that go over to the same concepts."""
    return Tuner(store, spec, history, penalties)


def open_tuner(
    spec: str | Path, *, store: str | Path | None = None, history: str | Path | None = None
) -> Tuner:
    """The tuner of a spec (a file, the folder of a store, or the name of one that comes along).

    ``store`` and ``history`` are the places given here, else those in ``INFICOND_STORE`` and
    ``INFICOND_HISTORY``, else the spec's; the history of a spec that comes along is in
    the current folder. Concepts that were typed in that history are part of the store. Needs no
    data set and no encoder.
    Raises ``SpecError``, ``StoreError`` or ``TuningError``.
    """
    opened = load_spec(find_spec(spec), check_files=False)
    data = open_spec_store(spec, store_place(opened, store))
    check_against(opened, data.classes, data.task)
    record = _history_of(spec, opened, history)
    return Tuner(with_typed(data, record), opened, History(record))


def shared_tuner(spec: str | Path, history: str | Path = "") -> Tuner:
    """Like ``open_tuner``, with one tuner per spec in this process, and the concepts typed by now.

    A spec that was edited, or a store that was written again, is opened anew.
    """
    opened = load_spec(find_spec(spec), check_files=False)
    data = _shared_store(str(spec), *_state_of(store_place(opened, None)))
    check_against(opened, data.classes, data.task)
    record = _history_of(spec, opened, history)
    return typed_anew(_shared(data, opened, record))


@once(4)
def _shared_store(spec: str, path: Path, *_: int) -> Store:
    return open_spec_store(spec, path)


@once(8)
def _shared(store: Store, spec: Spec, history: str) -> Tuner:
    return Tuner(store, spec, History(history))


def _state_of(store: Path) -> tuple[Path, int, int]:
    """Path of a store, and a value that changes when it is written again."""
    try:
        status = (store / "zarr.json").stat()
    except OSError:
        return store, 0, 0
    return store, status.st_ino, status.st_mtime_ns


def store_place(spec: Spec, given: str | Path | None) -> Path:
    """Path of the store of a spec, unless another one is given, or named by ``INFICOND_STORE``."""
    named = spec.store if spec.path == spec.store else None  # SPEC is the store itself
    return Path(given or named or os.environ.get("INFICOND_STORE") or spec.store)


def _history_of(name: str | Path, spec: Spec, given: str | Path | None) -> str:
    return str(given or os.environ.get("INFICOND_HISTORY") or spec.history_of(name))


def open_spec_store(spec: str | Path, path: str | Path) -> Store:
    """The store at ``path``; where there is none, the error names the command that makes it."""
    try:
        return open_store(path)
    except StoreMissingError as error:
        raise StoreMissingError(error.message, f"Make it: inficond precompute {spec}") from error
