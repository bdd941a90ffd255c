"""The oracle's logits: targets on the split ``fit``, which have seen its labels."""

from __future__ import annotations

import numpy as np

from inficond_panel.errors import DataError
from inficond_panel.store.store import Store
from inficond_panel.vocabulary.splits import FIT


def teacher_others(store: Store, rows: np.ndarray) -> np.ndarray:
    """The teacher's logits ``(n, M)`` of the classes that the data set lacks; M is 0 if none."""
    if store.has("other_logit"):
        return np.asarray(store.other_logit[rows])
    return np.empty((len(rows), 0), np.float32)


def oracle_others(store: Store) -> np.ndarray:
    """The same ``(n, M)`` of the teacher's classes that the data set lacks; as ``oracle_logits``,
    which checks them."""
    if store.has("other_oracle_logit"):
        return np.asarray(store.other_oracle_logit[store.rows(FIT)])
    return np.empty((len(store.rows(FIT)), 0), np.float32)


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
    rows = store.rows(FIT)
    logits = store.oracle_logit[rows]
    bad = np.argwhere(~np.isfinite(logits))
    if len(bad):
        image, column = bad[0]
        raise DataError(
            f"{len(bad)} oracle logits of the split 'fit' in {store.path} are NaN or infinite, the "
            f"first is that of {store.classes[column]!r} and the image "
            f"{store.images[rows[image]]!r}.",
            "Lower teacher.oracle.gamma, and write the store again: inficond precompute SPEC",
        )
    return np.asarray(logits)
