"""Terms of one class's fit: penalties, photo weights, further photos, and a corrected teacher.

With t the teacher's log-odds on a photo, the corrected log-odds are slope * t + constant + the sum
of weight * score over a few concepts: a logistic regression on the labelled photos (as Platt 1999,
"Probabilistic outputs for support vector machines", with more inputs). The mean of the prior is the
uncorrected teacher: slope 1, all other coefficients 0. So few labels change little, and their
effect extends to photos without labels.

Arrays are float32, so that a history returns exactly the arrays of the fit.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from inficond_panel.common.numbers import defined
from inficond_panel.distill.sources import Array
from inficond_panel.distill.spread import divisor
from inficond_panel.store import Store
from inficond_panel.tuning.fitting.adjustments import Adjustment
from inficond_panel.vocabulary.intents import ANSWERS, MORE, SOURCES
from inficond_panel.vocabulary.splits import FIT

#: Prior variance of each coefficient, for scores in standard deviations.
VARIANCE = 2.0


@dataclass(frozen=True)
class Correction:
    """Correction of the teacher's log-odds: slope, constant, and weights of concept scores."""

    slope: float
    constant: float
    concepts: Mapping[str, float]

    def log_odds(self, teacher: Array, scores: NDArray, names: Sequence[str]) -> Array:
        """Return corrected log-odds ``(n,)``, from the teacher's ``(n,)`` and scores ``(n, C)`` of
        the concepts ``names``."""
        columns = [names.index(name) for name in self.concepts]
        moved = np.asarray(scores[:, columns], dtype=np.float64) @ list(self.concepts.values())
        return np.asarray(self.slope * teacher + self.constant + moved)

    @classmethod
    def from_json(cls, item: Mapping[str, Any]) -> Correction:
        """Return the correction that was written as ``item``, its fields; ``ValueError`` for a
        coefficient that is not a finite number."""
        weights = {str(name): float(value) for name, value in item["concepts"].items()}
        correction = cls(float(item["slope"]), float(item["constant"]), weights)
        if not np.isfinite([correction.slope, correction.constant, *weights.values()]).all():
            raise ValueError("a coefficient of its corrected teacher is not a finite number")
        return correction


def corrected(
    teacher: Array,
    scores: Mapping[str, Array],
    answered: NDArray[np.intp],
    present: NDArray[np.bool_],
) -> Correction:
    """Fit a ``Correction`` of the teacher's log-odds ``(n,)`` to labels ``present`` ``(m,)`` of the
    photos at ``answered`` ``(m,)``; inputs are also the ``scores`` ``(n,)`` by concept."""
    values = np.array(list(scores.values())).reshape(len(scores), len(teacher))
    mean, spread = values.mean(axis=1), divisor(values.T)
    standard = (values - mean[:, None]) / spread[:, None]
    inputs = np.stack([teacher, np.ones_like(teacher), *standard], axis=1)[answered]
    coefficients = _most_probable(inputs, present)
    weights = coefficients[2:] / spread
    return Correction(
        float(coefficients[0]),
        float(coefficients[1] - weights @ mean),
        dict(zip(scores, map(float, weights), strict=True)),
    )


def _most_probable(inputs: Array, present: NDArray[np.bool_]) -> Array:
    """Return the coefficients ``(d,)`` of ``inputs`` ``(m, d)`` at the posterior mode."""
    from scipy.optimize import minimize  # noqa: PLC0415 - slow to load

    sign, prior = np.where(present, 1.0, -1.0), np.eye(1, inputs.shape[1])[0]

    def loss(coefficients: Array) -> tuple[float, Array]:
        margin, away = sign * (inputs @ coefficients), coefficients - prior
        value = np.logaddexp(0, -margin).sum() + away @ away / (2 * VARIANCE)
        return value, away / VARIANCE - inputs.T @ (sign * expit(-margin))

    return np.asarray(minimize(loss, prior, jac=True, method="BFGS").x)


@dataclass(frozen=True)
class Balanced:
    """Weights ``(n,)`` of the training images, with mean 1, that balance ``concepts``.

    ``effective`` are the effective sample sizes of positives and negatives.
    """

    concepts: tuple[str, ...]
    weights: np.ndarray = field(repr=False, compare=False)
    effective: tuple[float, float]
    hash: str = field(init=False, repr=False)  #: SHA-256 over the weights as little-endian float32

    def __post_init__(self) -> None:
        digest = hashlib.sha256(self.weights.astype("<f4").tobytes())
        object.__setattr__(self, "hash", digest.hexdigest())


@dataclass(frozen=True)
class Doubted:
    """Adaptive penalty (``doubt``): factors above 1 of the L1 penalty, by concept."""

    value: float
    factors: Mapping[str, float] = field(repr=False)


@dataclass(frozen=True)
class Taught:
    """Labels (1 or 0) by photo; each photo has the weight of ``weight`` training images.

    ``parts`` are the content hashes of the parts with labelled photos that were added to the store,
    sorted.
    """

    weight: float
    labels: Mapping[str, int]
    parts: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the labels as plain data; without ``parts`` if empty."""
        parts = {"parts": list(self.parts)} if self.parts else {}
        return {"weight": self.weight, "values": dict(self.labels), **parts}


@dataclass(frozen=True)
class Learned:
    """Photos learned in addition to the training images, by ``source`` (``vocabulary.repairs``).

    Each photo has the weight of ``weight`` training images. ``rows`` limits the photos of ``tune``
    (None: all). ``correction`` corrects the teacher if the source is answers. ``parts`` are the
    content hashes of added photos, sorted.
    """

    source: str
    weight: float
    rows: tuple[int, ...] | None = None
    parts: tuple[str, ...] = ()
    correction: Correction | None = None

    @property
    def of_tune(self) -> bool:
        """True if the learned photos are photos of ``tune``."""
        return self.source != MORE

    def to_json(self) -> Any:
        """Return plain data: the weight, or a dictionary of weight and parts or correction."""
        if self.correction is not None:
            return {"weight": self.weight, "correction": asdict(self.correction)}
        return {"weight": self.weight, "parts": list(self.parts)} if self.parts else self.weight


@dataclass(frozen=True)
class Terms:
    """Terms of a fit that differ from the spec's: λ, weights, labels, and learned images.

    ``adjusted`` is what thumbs add to the targets; plain data of an iteration has it apart, since a
    thumb is no repair. ``penalty`` is λ; None: the spec's. ``learned`` also holds the photos of
    ``tune`` if the spec distills the original students on them. ``used`` is the number of labelled
    photos of ``tune`` that the terms were chosen by.
    """

    penalty: float | None = None
    balanced: Balanced | None = None
    doubted: Doubted | None = None
    taught: Taught | None = None
    learned: tuple[Learned, ...] = ()
    used: int = 0
    adjusted: tuple[Adjustment, ...] = ()

    @property
    def parts(self) -> tuple[str, ...]:
        """Content hashes of the parts with learned or labelled added photos, sorted."""
        taught = () if self.taught is None else self.taught.parts
        return tuple(sorted({*taught, *(part for each in self.learned for part in each.parts)}))

    def within(self, rows: NDArray[np.intp]) -> Terms:
        """Return these terms with the learned photos of ``tune`` limited to ``rows``."""
        held = tuple(rows.tolist())
        learned = tuple(replace(one, rows=held) if one.of_tune else one for one in self.learned)
        return replace(self, learned=learned)

    def to_json(self) -> dict[str, Any]:
        """Return the terms as plain data, with compressed weights and their hash."""
        document: dict[str, Any] = {"lambda": self.penalty, "used": self.used}
        if self.balanced is not None:
            document["balance"] = {
                "concepts": list(self.balanced.concepts),
                "weights": _packed(self.balanced.weights),
                "hash": self.balanced.hash,
                "effective": [defined(value) for value in self.balanced.effective],
            }
        if self.doubted is not None:
            document["doubt"] = asdict(self.doubted)
        if self.taught is not None:
            document["labels"] = self.taught.to_json()
        if self.learned:
            document["learn"] = {each.source: each.to_json() for each in self.learned}
        return document

    @classmethod
    def from_json(cls, item: Mapping[str, Any], photos: int) -> Terms:
        """Return the terms that ``to_json`` wrote; ``photos`` is the number of training images.

        Raises ``ValueError``, ``KeyError`` or ``TypeError`` for invalid data.
        """
        penalty = item["lambda"]
        return cls(
            penalty=None if penalty is None else _size(penalty),
            balanced=_balanced(item["balance"], photos) if "balance" in item else None,
            doubted=_doubted(item["doubt"]) if "doubt" in item else None,
            taught=_taught(item["labels"]) if "labels" in item else None,
            learned=_learned(item.get("learn", {})),
            used=int(item["used"]),
        )


def terms_of(items: Mapping[str, Any], store: Store) -> dict[str, Terms]:
    """Return terms by class from plain data by class; raises as ``Terms.from_json``."""
    photos = len(store.rows(FIT))
    return {name: Terms.from_json(item, photos) for name, item in items.items()}


def with_adjusted(
    terms: Mapping[str, Terms], adjusted: Mapping[str, tuple[Adjustment, ...]]
) -> dict[str, Terms]:
    """Return ``terms`` by class, with the adjustments of their targets replaced by ``adjusted``."""
    plain = {name: replace(of, adjusted=()) for name, of in terms.items()}
    both = {name: replace(plain.get(name, Terms()), adjusted=of) for name, of in adjusted.items()}
    return {name: of for name, of in {**plain, **both}.items() if of != Terms() or name in terms}


def _balanced(item: Mapping[str, Any], photos: int) -> Balanced:
    weights = _unpacked(item["weights"], photos)
    balanced = Balanced(tuple(map(str, item["concepts"])), weights, tuple(item["effective"]))
    if balanced.hash != item["hash"]:
        raise ValueError("the weights of its photos are damaged (their hash differs)")
    if not (np.isfinite(weights).all() and weights.min() >= 0 and weights.any()):
        raise ValueError("the weights of its photos are negative, not finite, or all 0")
    return balanced


def _doubted(item: Mapping[str, Any]) -> Doubted:
    return Doubted(
        _size(item["value"]), {str(name): _size(value) for name, value in item["factors"].items()}
    )


def _taught(item: Mapping[str, Any]) -> Taught:
    labels = {str(image): int(value) for image, value in item["values"].items()}
    if not set(labels.values()) <= {0, 1}:
        raise ValueError("a label that it learned is neither 0 nor 1")
    return Taught(_size(item["weight"]), labels, tuple(map(str, item.get("parts", ()))))


def _learned(item: Mapping[str, Any]) -> tuple[Learned, ...]:
    if not set(item) <= set(SOURCES):
        raise ValueError(f"it has an unknown source of photos among {', '.join(map(str, item))}")
    return tuple(_learned_from(source, given) for source, given in sorted(item.items()))


def _learned_from(source: str, given: Any) -> Learned:
    if source == ANSWERS:
        correction = Correction.from_json(given["correction"])
        return Learned(source, _size(given["weight"]), correction=correction)
    if source != MORE:
        return Learned(source, _size(given))
    parts = tuple(map(str, given["parts"]))
    if not parts or isinstance(given["parts"], str):
        raise ValueError("it names no parts of the added photos")
    return Learned(source, _size(given["weight"]), parts=parts)


def _size(value: Any) -> float:
    number = float(value)
    if not (np.isfinite(number) and number >= 0):
        raise ValueError(f"{number} is no penalty or weight: expected a finite number of 0 or more")
    return number


def _packed(values: np.ndarray) -> str:
    return base64.b64encode(zlib.compress(values.astype("<f4").tobytes())).decode()


def _unpacked(text: str, size: int) -> np.ndarray:
    """Return ``size`` unpacked float32 values; ``ValueError`` for another number of values."""
    packed = base64.b64decode(text, validate=True)
    raw = zlib.decompressobj().decompress(packed, max_length=4 * size + 1)
    if len(raw) != 4 * size:
        raise ValueError(f"it does not have weights of {size} photos")
    return np.frombuffer(raw, dtype="<f4")
