"""Photos of a store's images, found in the data set that the store was made from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.near_words import listed
from inficond_panel.errors import DataError, precompute_command
from precompute.datasets import Dataset


def positions_of(dataset: Dataset, names: Sequence[str]) -> NDArray[np.intp]:
    """Return the positions in a data set of images of a store; ``DataError`` if it lacks any."""
    position = {name: i for i, name in enumerate(dataset.ids)}
    if lost := [name for name in names if name not in position]:
        raise DataError(
            f"The spec's data set lacks images of the store: {listed(lost, 5)}.",
            "Use the spec that made the store, or make the store again: " + precompute_command(),
        )
    return np.array([position[name] for name in names], dtype=np.intp)


def check_read(names: Sequence[str], values: NDArray, remedy: str) -> None:
    """Raise ``DataError`` if values ``(n, F)`` of photos are nan: these could not be read."""
    unread = [name for name, of in zip(names, values, strict=True) if np.isnan(of).any()]
    if unread:
        raise DataError(f"These photos cannot be read: {listed(unread, 5)}.", remedy)
