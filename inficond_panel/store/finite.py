"""Numbers of a store that must be finite."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inficond_panel.errors import DataError
from inficond_panel.store.store import Store


def check_finite(
    store: Store,
    what: str,
    values: np.ndarray,
    columns: Sequence[str],
    images: Sequence[str],
    first_aid: str,
) -> None:
    """Raise ``DataError`` where values (images, columns) are NaN or infinite.

    ``what`` they are, in the plural; ``first_aid`` comes before writing the store again.
    """
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        image, column = bad[0]
        raise DataError(
            f"{len(bad)} {what} in {store.path} are NaN or infinite, the first is that of "
            f"{columns[column]!r} and the image {images[image]!r}.",
            f"{first_aid}, and write the store again: inficond precompute SPEC",
        )
