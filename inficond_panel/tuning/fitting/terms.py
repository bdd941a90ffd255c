"""Terms of one class's fit: penalties, weights of photos, photos added, a corrected teacher.

The corrected log-odds of a photo, by the teacher's t, are slope * t + constant + the sum of weight
* score over a few concepts: a logistic regression on the answered photos (as Platt 1999,
"Probabilistic outputs for support vector machines", with more inputs). The prior is the teacher as
it is: slope 1, all else 0. So few answers change little, and what they change reaches photos that
nobody was asked about.

Arrays are kept as float32, so that what a history gives back is what was fitted with.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from inficond_panel.common.numbers import defined
from inficond_panel.distill.scores import Array
from inficond_panel.store import Store
from inficond_panel.vocabulary.intents import ANSWERS, MORE, SOURCES
from inficond_panel.vocabulary.splits import FIT

#: Variance of the prior of each coefficient, for scores in standard deviations.
VARIANCE = 2.0


@dataclass(frozen=True)
class Correction:
    """Coefficients of the teacher's log-odds, of 1, and of the score of each of some concepts."""

    slope: float
    constant: float
    concepts: Mapping[str, float]

    def log_odds(self, teacher: Array, scores: NDArray, names: Sequence[str]) -> Array:
        """Corrected log-odds ``(n,)``, by the teacher's ``(n,)`` and scores ``(n, C)`` of the
        concepts ``names``."""
        columns = [names.index(name) for name in self.concepts]
        moved = np.asarray(scores[:, columns], dtype=np.float64) @ list(self.concepts.values())
        return np.asarray(self.slope * teacher + self.constant + moved)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "slope": self.slope,
            "constant": self.constant,
            "concepts": dict(self.concepts),
        }

    @classmethod
    def from_json(cls, item: Mapping[str, Any]) -> Correction:
        """Read the correction from the plain data of ``to_json``. Raises ``ValueError`` for what is
        not a number."""
        weights = {str(name): float(value) for name, value in item["concepts"].items()}
        correction = cls(float(item["slope"]), float(item["constant"]), weights)
        if not np.isfinite([correction.slope, correction.constant, *weights.values()]).all():
            raise ValueError("a coefficient of its corrected teacher is not a number")
        return correction


def corrected(
    teacher: Array,
    scores: Mapping[str, Array],
    answered: NDArray[np.intp],
    present: NDArray[np.bool_],
) -> Correction:
    """The teacher's log-odds ``(n,)``, corrected by the answers ``present`` ``(m,)`` on the photos
    at ``answered`` ``(m,)``, and the ``scores`` ``(n,)`` of each of some concepts."""
    values = np.array(list(scores.values())).reshape(len(scores), len(teacher))
    mean, spread = values.mean(axis=1), values.std(axis=1)
    spread[spread == 0] = 1.0
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
    """Coefficients ``(d,)`` of inputs ``(m, d)`` with the highest posterior density."""
    from scipy.optimize import minimize  # noqa: PLC0415 - slow to load

    sign, prior = np.where(present, 1.0, -1.0), np.eye(1, inputs.shape[1])[0]

    def loss(coefficients: Array) -> tuple[float, Array]:
        margin, away = sign * (inputs @ coefficients), coefficients - prior
        value = np.logaddexp(0, -margin).sum() + away @ away / (2 * VARIANCE)
        return value, away / VARIANCE - inputs.T @ (sign * expit(-margin))

    return np.asarray(minimize(loss, prior, jac=True, method="BFGS").x)


@dataclass(frozen=True)
class Balanced:
    """Weights ``(n,)`` of the photos of ``fit``, of mean 1, that balance ``concepts``.

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
    """Factor of the L1 penalty by concept, above 1; ``value`` is what made them of the scores."""

    value: float
    factors: Mapping[str, float] = field(repr=False)


@dataclass(frozen=True)
class Taught:
    """Labels (1 or 0) by photo; each photo weighs as ``weight`` photos of ``fit``.

    ``parts`` are the content hashes of the parts that hold those photos which were added to the
    store, sorted.
    """

    weight: float
    labels: Mapping[str, int]
    parts: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain data; the parts only where there are some."""
        parts = {"parts": list(self.parts)} if self.parts else {}
        return {"weight": self.weight, "values": dict(self.labels), **parts}


@dataclass(frozen=True)
class Learned:
    """Photos that are learned besides those of ``fit``, by ``source`` (``vocabulary.cures``).

    Each weighs as ``weight`` photos of ``fit``. ``rows`` limits those of ``tune`` (None: all).
    ``correction`` is the correction of the teacher by answers, if these are the source. ``parts``
    are the content hashes of added photos, sorted.
    """

    source: str
    weight: float
    rows: tuple[int, ...] | None = None
    parts: tuple[str, ...] = ()
    correction: Correction | None = None

    @property
    def of_tune(self) -> bool:
        """True if the photos are those of ``tune``."""
        return self.source != MORE

    def to_json(self) -> Any:
        """The weight, as plain data; with parts or a correction both."""
        if self.correction is not None:
            return {"weight": self.weight, "correction": self.correction.to_json()}
        return {"weight": self.weight, "parts": list(self.parts)} if self.parts else self.weight


@dataclass(frozen=True)
class Terms:
    """Terms of a fit that differ from the spec's: λ, weights, labels and images that are learned.

    ``penalty`` is λ; None is the spec's own. ``learned`` holds the photos of ``tune`` of original
    students that are distilled on them, too. ``used`` counts the labelled photos of ``tune`` that
    chose any of it.
    """

    penalty: float | None = None
    balanced: Balanced | None = None
    doubted: Doubted | None = None
    taught: Taught | None = None
    learned: tuple[Learned, ...] = ()
    used: int = 0

    @property
    def parts(self) -> tuple[str, ...]:
        """Content hashes of the parts of added photos that are learned, or labelled; sorted."""
        taught = () if self.taught is None else self.taught.parts
        return tuple(sorted({*taught, *(part for each in self.learned for part in each.parts)}))

    def within(self, rows: NDArray[np.intp]) -> Terms:
        """Return these terms with only the photos of ``tune`` at ``rows`` learned."""
        held = tuple(rows.tolist())
        learned = tuple(replace(one, rows=held) if one.of_tune else one for one in self.learned)
        return replace(self, learned=learned)

    def to_json(self) -> dict[str, Any]:
        """Plain data; weights are compressed, with their hash."""
        document: dict[str, Any] = {"lambda": self.penalty, "used": self.used}
        if self.balanced is not None:
            document["balance"] = {
                "concepts": list(self.balanced.concepts),
                "weights": _packed(self.balanced.weights),
                "hash": self.balanced.hash,
                "effective": [defined(value) for value in self.balanced.effective],
            }
        if self.doubted is not None:
            document["doubt"] = {
                "value": self.doubted.value,
                "factors": dict(self.doubted.factors),
            }
        if self.taught is not None:
            document["labels"] = self.taught.to_json()
        if self.learned:
            document["learn"] = {each.source: each.to_json() for each in self.learned}
        return document

    @classmethod
    def from_json(cls, item: Mapping[str, Any], photos: int) -> Terms:
        """Read terms from the plain data of ``to_json``, for so many photos of ``fit``.

        Raises ``ValueError``, ``KeyError`` or ``TypeError`` for other data.
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
    """Terms by class from plain data by class; errors as in ``Terms.from_json``."""
    photos = len(store.rows(FIT))
    return {name: Terms.from_json(item, photos) for name, item in items.items()}


def _balanced(item: Mapping[str, Any], photos: int) -> Balanced:
    weights = _unpacked(item["weights"], photos)
    balanced = Balanced(tuple(map(str, item["concepts"])), weights, tuple(item["effective"]))
    if balanced.hash != item["hash"]:
        raise ValueError("the weights of its photos differ from their hash")
    if not (np.isfinite(weights).all() and weights.min() >= 0 and weights.any()):
        raise ValueError("photos of it have weights that cannot be")
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
        raise ValueError(f"it learns from {', '.join(map(str, item))}")
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
        raise ValueError(f"{number} is no penalty or weight")
    return number


def _packed(values: np.ndarray) -> str:
    return base64.b64encode(zlib.compress(values.astype("<f4").tobytes())).decode()


def _unpacked(text: str, size: int) -> np.ndarray:
    """Unpack float32 values; stops once they are more than expected."""
    packed = base64.b64decode(text, validate=True)
    raw = zlib.decompressobj().decompress(packed, max_length=4 * size + 1)
    if len(raw) != 4 * size:
        raise ValueError(f"it does not have weights of {size} photos")
    return np.frombuffer(raw, dtype="<f4")
