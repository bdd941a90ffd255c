"""Outputs of teacher and oracle in a store: the oracle's targets, the order held to labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import number, signed
from inficond_panel.distill.metrics.output_order import MOST, check_order, fitting_outputs
from inficond_panel.errors import DataError, OrderError
from inficond_panel.store.store import Store
from inficond_panel.vocabulary.splits import FIT, TUNE
from inficond_panel.vocabulary.tasks import AS_GIVEN


def teacher_others(store: Store, rows: np.ndarray) -> np.ndarray:
    """The teacher's logits ``(n, M)`` of the classes that the data set lacks; M is 0 if none."""
    if store.has("other_logit"):
        return np.asarray(store.other_logit[rows])
    return np.empty((len(rows), 0), np.float32)


def oracle_others(store: Store) -> np.ndarray:
    """Oracle logits ``(n, M)`` of the teacher's classes that the data set lacks.

    As ``oracle_logits``, which checks them.
    """
    if store.has("other_oracle_logit"):
        return np.asarray(store.other_oracle_logit[store.rows(FIT)])
    return np.empty((len(store.rows(FIT)), 0), np.float32)


def oracle_logits(store: Store) -> np.ndarray:
    """Return the oracle logits ``(n, K)`` of the images of ``fit``, in order.

    Other splits have none. Raises ``DataError`` if the store has none, or if some are NaN or
    infinite.
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


#: Remedy in Python for names that are right all the same.
ORDER_REMEDY = f'If the names are right, give order="{AS_GIVEN}".'
#: Images that are enough where a store is only opened.
_FEW = 2000
_NAMED = 12  #: pairs of classes that a message lists
#: Splits whose labels are looked at.
SEEN = (FIT, TUNE)


@dataclass(frozen=True)
class OrderFinding:
    """A better order of a teacher's outputs: a sentence, and names by the names of today."""

    message: str
    right_names: Mapping[str, str]

    @property
    def renamed(self) -> str:
        """The names of today, each with the right one."""
        return ", ".join(f"{old!r} to {new!r}" for old, new in self.right_names.items())

    @property
    def warning(self) -> str:
        """The finding on a store that already exists."""
        return f"{self.message} What to do: inficond docs teachers."

    def error(self, remedy: str) -> OrderError:
        """The finding as an error."""
        return OrderError(self.message, remedy, self.right_names)


def hold_outputs(
    logits: NDArray,
    label: NDArray,
    split: NDArray | None,
    classes: Sequence[str],
    *,
    single: bool,
    softmax: bool,
    other: NDArray | None = None,
    most: int = MOST,
) -> OrderFinding | None:
    """Hold logits ``(n, K)`` against the labels ``(n, K)`` of fit and tune; None without fault.

    ``other`` ``(n, M)`` are logits of a softmax's other classes; without ``split`` ``(n,)`` all
    images count.
    """
    rows = np.arange(len(label)) if split is None else np.flatnonzero(np.isin(split, SEEN))
    values = logits[rows] if other is None else np.hstack([logits[rows], other[rows]])
    better = check_order(values, label[rows], softmax=softmax, single=single, most=most)
    if better is None:
        return None
    at = sorted((j, k) for k, j in enumerate(better.outputs) if j != k)
    right = {classes[j]: classes[k] for j, k in at}
    moved = {classes[k] for k in better.moved}
    unsure = [name for name in right.values() if name not in moved]
    pairs = [f"the output taken for {old!r} fits {new!r}" for old, new in right.items()]
    doubt = f" Not certain by these labels: {listed(unsure)}." if unsure else ""
    return OrderFinding(
        f"The teacher's outputs fit the labels in another order: {better.measure} is "
        f"{number(better.given, 2)} as given and {number(better.better, 2)} in the better order "
        f"(AUC of {len(moved)} classes {signed(better.gain)}, at least {signed(better.low)}, "
        f"99.9 % interval): {listed(pairs, _NAMED)}.{doubt}",
        right,
    )


def fitting_text(logits: NDArray, label: NDArray, classes: Sequence[str], softmax: bool) -> str:
    """Sentence on the outputs ``(n, J)`` of a network that fit classes, by labels ``(n, K)``."""
    fits = fitting_outputs(logits, label, softmax=softmax)
    if not fits:
        return "By the labels no output fits a class."
    pairs = [f"output {output} fits {classes[k]!r}" for k, output in sorted(fits.items())]
    return f"By the labels, counted from 0, {listed(pairs, _NAMED)}."


def hold_store(store: Store, order: str | None, *, few: bool = False) -> OrderFinding | None:
    """Check the order of a store's outputs, unless it or its spec (``teacher.order``) says that the
    order is right.

    With ``few`` 2,000 images are enough.
    """
    if AS_GIVEN in (order, store.attrs.get("teacher_order")):
        return None
    return hold_outputs(
        store.teacher_logit,
        store.label,
        np.asarray(store.split),
        store.classes,
        single=store.task == "single_label",
        softmax=store.activation == "softmax",
        other=store.other_logit if store.has("other_logit") else None,
        most=_FEW if few else MOST,
    )
