"""Conversion and checks of a teacher's outputs: logits, probabilities, log-odds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from inficond_panel.errors import DataError

#: Least distance of probabilities from 0 and 1 before conversion to logits; for a softmax over many
#: classes, where most probabilities are small, the least probability.
LEAST_OF_SIGMOID, LEAST_OF_SOFTMAX = 1e-6, 1e-12
#: Tolerance of the sum of a softmax's probabilities.
SUM_ERROR = 1e-2


def softmax_of(logits: NDArray, other: NDArray, temperature: float = 1.0) -> NDArray[np.float64]:
    """Return probabilities ``(n, K)`` of the classes of ``logits`` by a softmax over all classes.

    All classes are those of ``logits`` ``(n, K)`` and of ``other`` ``(n, M)``.
    """
    from scipy.special import softmax  # noqa: PLC0415 - takes longer than a look at a table

    every = np.hstack([logits, other]).astype(np.float64) / temperature
    return np.asarray(softmax(every, axis=1)[:, : logits.shape[1]])


def log_odds(logits: NDArray, other: NDArray | None = None) -> NDArray[np.float64]:
    """Return log(p_k / (1 - p_k)) = z_k - log sum of exp(z_j) over all j except k, ``(n, K)``.

    Arguments as in ``softmax_of``. Exact to rounding for p near 0 and near 1: the largest term of
    each row is handled separately, so that no nearly equal numbers are subtracted.
    """
    from scipy.special import logsumexp  # noqa: PLC0415 - takes longer than a look at a table

    logits = np.asarray(logits, dtype=np.float64)
    every = logits if other is None else np.hstack([logits, np.asarray(other, dtype=np.float64)])
    top = every.argmax(axis=1)
    rows = np.arange(len(every))
    rest = every.copy()
    rest[rows, top] = -np.inf
    below = logsumexp(rest, axis=1)  # of all but the largest
    largest = every[rows, top]
    total = largest + np.log1p(np.exp(below - largest))
    with np.errstate(divide="ignore"):
        others = total[:, None] + np.log1p(-np.exp(logits - total[:, None]))
    mine = top < logits.shape[1]
    others[rows[mine], top[mine]] = below[mine]
    return np.asarray(logits - others)


def logits_of(probability: NDArray, by_softmax: bool = False) -> NDArray[np.float64]:
    """Convert probabilities ``(n, K)`` to logits: of one softmax, or of one sigmoid per class."""
    from scipy.special import logit  # noqa: PLC0415 - takes longer than a look at a table

    probability = np.asarray(probability, dtype=np.float64)
    if by_softmax:
        return np.log(np.maximum(probability, LEAST_OF_SOFTMAX))
    return np.asarray(logit(np.clip(probability, LEAST_OF_SIGMOID, 1 - LEAST_OF_SIGMOID)))


def outputs_of(returned: object, name: str) -> NDArray[np.float32]:
    """Return the array or tensor that ``name`` (a function) ``returned`` as float32 array.

    Raises ``DataError`` for another object."""
    detach = getattr(returned, "detach", None)
    host: Any = detach().cpu().float() if detach else returned  # NumPy has no bfloat16
    try:
        return np.asarray(host, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{name} returns {type(returned).__name__}, no array of numbers.",
            "Return logits (photos, classes), as NumPy array or as tensor.",
        ) from error


def is_labels(values: NDArray) -> bool:
    """Return True if ``values`` is not empty and all values are 0 or 1."""
    return bool(values.size) and bool(np.isin(values, (0, 1)).all())


#: From here to 0 the largest of values below 0 is likely that of logs of probabilities.
_NEAR_0 = -0.3
_PERCENT = "; if they are percentages, divide them by 100"


def _fault_below_0(values: NDArray) -> str:
    """Return why values (n, K), none of them above 0, do not look like logits; "" if they may be:
    a teacher of rare classes calls none of them."""
    total = np.exp(values.astype(np.float64)).sum(axis=1)
    if np.allclose(total, 1, rtol=0, atol=SUM_ERROR):
        return (
            "look like the log of a softmax: the exponentials of each image add up to 1, so that "
            "no class is present; give log(p / (1 - p))"
        )
    if values.max() < _NEAR_0:
        return ""
    return (
        "are never above 0, so the teacher would decide that no image shows any class; if they are "
        "logs of probabilities, give log(p / (1 - p))"
    )


def logits_fault(values: NDArray, by_softmax: bool = True) -> str:
    """Return why values ``(n, K)`` do not look like logits; "" if they may be logits."""
    if values.size and values.max() <= 0 and not by_softmax:  # nan is in no range
        return _fault_below_0(values)
    if not (values.size and values.min() >= 0):
        return ""
    if is_labels(values):
        return "look like labels: all are 0 or 1"
    if values.max() <= 1:
        return "look like probabilities: all lie from 0 to 1"
    if not by_softmax:
        every = "are never below 0, so the teacher would decide that every image shows every class"
        return every + (_PERCENT if values.max() <= 100 else "")
    shares = np.allclose(values.sum(axis=1, dtype=np.float64), 100, rtol=SUM_ERROR, atol=0)
    return "look like percentages: each image's add up to 100; divide by 100" if shares else ""


def probabilities_fault(values: NDArray, by_softmax: bool) -> str:
    """Return why values ``(n, K)`` are not probabilities; "" if they may be."""
    if not values.size:
        return ""
    if values.min() < 0 or values.max() > 1:
        percent = _PERCENT if values.min() >= 0 and 1 < values.max() <= 100 else ""
        ends = f"from {values.min():.3g} to {values.max():.3g}"
        return f"reach {ends}: these are not probabilities{percent}"
    total = values.sum(axis=1, dtype=np.float64)
    worst = float(total[np.abs(total - 1).argmax()])
    if by_softmax and abs(worst - 1) > SUM_ERROR:
        why = "classes are missing" if worst < 1 else "each class has its own sigmoid"
        why = _rounded(values, total) or why
        return f"add up to {worst:.3g} for an image, in a softmax to 1: {why}"
    return ""


def _rounded(values: NDArray, total: NDArray) -> str:
    """Return that probabilities (n, K) are rounded, if that is why they do not add up; else ""."""
    for digits in (1, 2, 3):
        most = values.shape[1] * 0.5 * 10.0**-digits
        if np.allclose(values, values.round(digits)) and np.abs(total - 1).max() <= most:
            return f"they are rounded (decimals: {digits}); give them with more"
    return ""
