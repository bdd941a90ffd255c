"""Logits of a store's teacher and oracle, which is the teacher on inputs reinforced with labels;
check that the logits are in the order of the classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import number, signed
from inficond_panel.distill.metrics.activation_fit import ActivationFit, fit_activations
from inficond_panel.distill.metrics.output_order import (
    MOST_IMAGES,
    BetterOrder,
    OppositeSign,
    check_order,
    fitting_outputs,
)
from inficond_panel.errors import (
    DataError,
    OrderError,
    Remedy,
    change_of_outputs,
    precompute_command,
)
from inficond_panel.store.store import Store
from inficond_panel.vocabulary.splits import FIT, TUNE
from inficond_panel.vocabulary.tasks import AS_GIVEN, SIGMOID, SINGLE_LABEL, SOFTMAX


def oracle_others(store: Store) -> np.ndarray:
    """Return oracle logits ``(n, M)`` of the teacher's classes that the data set lacks.

    Row i is the i-th image of ``fit``, as in ``oracle_logits``; M is 0 without such classes.
    """
    if store.has("other_oracle_logit"):
        return np.asarray(store.other_oracle_logit[store.rows(FIT)])
    return np.empty((len(store.rows(FIT)), 0), np.float32)


def oracle_logits(store: Store) -> np.ndarray:
    """Return the oracle logits ``(n, K)`` of the images of ``fit``, in the order of the store.

    Other splits have no oracle logits. Raises ``DataError`` if the store has no oracle logits, or
    if some are NaN or infinite.
    """
    if not store.has("oracle_logit"):
        raise DataError(
            f"{store.path} has no oracle logits, which the students need as targets.",
            Remedy(
                "The teacher of a spec makes them from photos: set teacher.oracle, then run "
                "`inficond precompute`."
            ),
        )
    rows = store.rows(FIT)
    logits = store.oracle_logit[rows]
    bad = np.argwhere(~np.isfinite(logits))
    if len(bad):
        image, column = bad[0]
        raise DataError(
            f"{len(bad)} oracle logits of the split 'fit' in {store.path} are NaN or infinite, the "
            f"first for the class {store.classes[column]!r} of the image "
            f"{store.images[rows[image]]!r}.",
            "Lower teacher.oracle.gamma, then write the store again: " + precompute_command(),
        )
    return np.asarray(logits)


#: Remedy in Python if the names are right although another order fits the labels better.
ORDER_REMEDY = f'If the names are right, pass order="{AS_GIVEN}".'
#: Number of images for a quick check.
_FEW = 2000
_NAMED = 12  #: pairs of classes that a message lists
#: Splits whose labels the check uses.
SEEN_SPLITS = (FIT, TUNE)


@dataclass(frozen=True)
class OrderFinding:
    """Finding that a teacher's outputs are in the wrong order, or have the wrong sign: ``message``
    states it, and ``right_names`` maps the present name of each wrong output to the right class
    name; it is empty for the sign."""

    message: str
    right_names: Mapping[str, str]

    def change_of(self, table: str) -> str:
        """Return what to do with the columns of a ``table`` of these outputs."""
        return change_of_outputs(self.right_names, table)

    @property
    def warning(self) -> str:
        """Message for a store that already exists, with the command that shows the remedy."""
        return f"{self.message} What to do: inficond docs teachers."

    def error(self, remedy: str) -> OrderError:
        """Return the finding as an ``OrderError`` with this remedy."""
        return OrderError(self.message, remedy, self.right_names)


def hold_outputs(
    logits: NDArray,
    label: NDArray,
    split: NDArray | None,
    classes: Sequence[str],
    *,
    single: bool,
    softmax: bool,
    other: NDArray | None,
    most: int = MOST_IMAGES,
) -> OrderFinding | None:
    """Return a finding if the labels ``(n, K)`` fit the logits ``(n, K)`` clearly better in another
    order of ``classes``, or with the opposite sign; None if they do not.

    The check uses at most ``most`` images, of fit and tune, or of all splits if ``split`` is None.
    ``other (n, M)`` are logits of a softmax's further classes. ``single``: one class per image.
    """
    rows = np.arange(len(label)) if split is None else np.flatnonzero(np.isin(split, SEEN_SPLITS))
    values = logits[rows] if other is None else np.hstack([logits[rows], other[rows]])
    better = check_order(values, label[rows], softmax=softmax, single=single, most=most)
    if isinstance(better, OppositeSign):
        return OrderFinding(_sign_text(better.auc), {})
    return _order_finding(better, classes) if better else None


def _sign_text(auc: float) -> str:
    return (
        "The teacher's outputs fit the labels with the opposite sign: images without a class have "
        f"the higher outputs (mean AUC {number(auc, 2)}, and {number(1 - auc, 2)} with the sign "
        "changed). Are they distances, losses, or probabilities that a class is absent?"
    )


def _order_finding(better: BetterOrder, classes: Sequence[str]) -> OrderFinding:
    at = sorted((j, k) for k, j in enumerate(better.outputs) if j != k)
    right = {classes[j]: classes[k] for j, k in at}
    moved = {classes[k] for k in better.moved}
    unsure = [name for name in right.values() if name not in moved]
    pairs = [f"the output named {old!r} fits {new!r}" for old, new in right.items()]
    doubt = f" Uncertain with these labels: {listed(unsure)}." if unsure else ""
    return OrderFinding(
        f"The teacher's outputs fit the labels in another order: {better.measure} is "
        f"{number(better.given, 2)} as given and {number(better.better, 2)} in the better order "
        f"(AUC of {len(moved)} classes {signed(better.gain)}, at least {signed(better.low)}, "
        f"99.9 % interval): {listed(pairs, _NAMED)}.{doubt}",
        right,
    )


def fitting_text(logits: NDArray, label: NDArray, classes: Sequence[str], softmax: bool) -> str:
    """Return a sentence that states which columns of ``logits (n, J)`` fit which class's labels."""
    fits = fitting_outputs(logits, label, softmax=softmax)
    if not fits:
        return "By the labels no output fits a class."
    pairs = [f"output {output} fits {classes[k]!r}" for k, output in sorted(fits.items())]
    return f"By the labels, with outputs counted from 0, {listed(pairs, _NAMED)}."


def activation_text(fit: ActivationFit, activation: str) -> str:
    """Return a sentence on which activation predicts the labels of ``fit`` better, softmax or a
    sigmoid per class, and on the AP with and without the softmax; ``activation`` is in use."""
    losses = (
        f"log loss {number(fit.softmax_loss, 2)} per image, "
        f"{number(fit.sigmoid_loss, 2)} by a sigmoid per class"
    )
    verdict = {
        SOFTMAX: "a softmax predicts the labels of fit better",
        SIGMOID: "a sigmoid per class predicts the labels of fit better than a softmax",
        "": "the labels of fit do not decide between a softmax and a sigmoid per class",
    }[fit.better]
    softmax, alone = number(fit.softmax_ap, 3), number(fit.column_ap, 3)
    ap = f"mean AP on fit {softmax}, of the logits alone {alone}"
    if activation == SIGMOID:
        ap = f"mean AP on fit {alone}, by a softmax {softmax}"
    ap += f" (chance {number(fit.chance, 3)})"
    other = fit.better not in ("", activation)
    change = f". If the teacher was trained so, set its activation to {fit.better}" * other
    return f"{verdict} ({losses}); {ap}{change}"


def fit_of_labels(
    logits: NDArray, label: NDArray, split: NDArray, *, single: bool, other: NDArray | None = None
) -> ActivationFit | None:
    """Return how well softmax and sigmoids predict the labels ``(n, K)`` of fit, from logits
    ``(n, K)`` and, of a softmax's further classes, ``(n, M)``; None unless ``single``: one class
    per image."""
    if not single:
        return None
    rows = np.flatnonzero(split == FIT)
    return fit_activations(logits[rows], label[rows], None if other is None else other[rows])


def store_activation_text(store: Store) -> str:
    """Return ``activation_text`` of a store; "" if it has several classes per image, or few labels
    of ``fit``."""
    fit = fit_of_labels(
        store.teacher_logit,
        store.label,
        np.asarray(store.split),
        single=store.task == SINGLE_LABEL,
        other=store.other_logit,
    )
    return activation_text(fit, store.activation) if fit else ""


def hold_store(store: Store, order: str | None, *, few: bool = False) -> OrderFinding | None:
    """Return a finding if a store's labels fit its teacher logits clearly better in another order
    of the classes; None if no other order does, or if ``order`` (``teacher.order`` of the spec) or
    the store states that the order is right. With ``few`` the check uses 2,000 images.
    """
    if AS_GIVEN in (order, store.attrs.get("teacher_order")):
        return None
    return hold_outputs(
        store.teacher_logit,
        store.label,
        np.asarray(store.split),
        store.classes,
        single=store.task == SINGLE_LABEL,
        softmax=store.activation == "softmax",
        other=store.other_logit,
        most=_FEW if few else MOST_IMAGES,
    )
