"""Orders of the concepts of all students together, for the matrix of influences."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import leaves_list, linkage

#: A concept that is marked in a class.
Mark = tuple[str, str]


def order_concepts(
    influence: NDArray[np.float64],
    concepts: Sequence[str],
    order: str,
    marked: Collection[Mark] = (),
) -> NDArray[np.intp]:
    """Positions of all concepts in one of ``ORDERS``.

    ``influence`` is ``(concepts, classes)``; ``marked`` holds pairs of class and concept.
    """
    return ORDERS[order](influence, concepts, marked)


def find_concepts(
    positions: NDArray[np.intp], concepts: Sequence[str], find: str
) -> NDArray[np.intp]:
    """Those of ``positions`` whose concept's name holds the text ``find``, in the same order."""
    wanted = find.strip().casefold()
    return np.array([c for c in positions if wanted in concepts[c].casefold()], np.intp)


def strength(influence: NDArray[np.float64]) -> NDArray[np.float64]:
    """Largest absolute influence of each concept in any class, ``(concepts,)``."""
    return np.abs(influence).max(axis=1, initial=0.0)


def _by_strength(
    influence: NDArray[np.float64], _: Sequence[str], __: Collection[Mark]
) -> NDArray[np.intp]:
    return np.argsort(-strength(influence), kind="stable")


def _by_name(
    _: NDArray[np.float64], concepts: Sequence[str], __: Collection[Mark]
) -> NDArray[np.intp]:
    keys = [(name.casefold(), at) for at, name in enumerate(concepts)]
    return np.array([at for _, at in sorted(keys)], np.intp)


def _by_likeness(
    influence: NDArray[np.float64], concepts: Sequence[str], marked: Collection[Mark]
) -> NDArray[np.intp]:
    """Leaves of an average linkage by the cosine of the rows; concepts at 0 last.

    For the worker: a third of a second for 2,000 concepts.
    """
    order = _by_strength(influence, concepts, marked)
    there = order[strength(influence)[order] > 0]
    if len(there) < 3:
        return order
    leaves = there[leaves_list(linkage(influence[there], "average", "cosine"))]
    return np.concatenate([leaves, order[len(there) :]])


def _by_marks(
    influence: NDArray[np.float64], concepts: Sequence[str], marked: Collection[Mark]
) -> NDArray[np.intp]:
    """Concepts that are marked in most classes first, then by strength."""
    names = [concept for _, concept in marked]
    marks = np.array([names.count(concept) for concept in concepts], np.intp)
    return np.lexsort((-strength(influence), -marks))


#: Orders by key: by strongest influence, by name, similar rows together, marked concepts first.
ORDERS: dict[
    str,
    Callable[[NDArray[np.float64], Sequence[str], Collection[Mark]], NDArray[np.intp]],
] = {"strongest": _by_strength, "name": _by_name, "similar": _by_likeness, "marked": _by_marks}
