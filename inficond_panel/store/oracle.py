"""The oracle's logits: targets on the split ``fit``, which have seen its labels."""

from __future__ import annotations

import numpy as np

from inficond_panel.errors import DataError
from inficond_panel.store.finite import check_finite
from inficond_panel.store.store import Store


def oracle_logits(store: Store) -> np.ndarray:
    """Logits ``(n, K)`` of the images of ``fit``, in their order; there are none elsewhere.

    Raises ``DataError`` where the store has none, or where some are NaN or infinite.
    """
    if not store.has("oracle_logit"):
        raise DataError(
            f"{store.path} has no oracle logits to learn from.",
            "Give the teacher an oracle (teacher.oracle), then write the store again: "
            "inficond precompute SPEC",
        )
    rows = store.rows("fit")
    logits = store.oracle_logit[rows]
    images = [store.images[row] for row in rows]
    what = "oracle logits of the split 'fit'"
    check_finite(store, what, logits, store.classes, images, "Lower teacher.oracle.gamma")
    return np.asarray(logits)
