"""Try the usual preparations of photos on a network, and choose one by labelled photos.

A network's file seldom states how its photos were prepared in training. The Brier score of its
probabilities against the labels says which of the usual preparations fits: it is bounded, so that
no single photo decides, and it is lowest for the probabilities that are right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from inficond_panel.common.interval import Interval
from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import count, number
from inficond_panel.common.teacher_outputs import SUM_ERROR, logits_fault
from inficond_panel.vocabulary.tasks import SIGMOID, SINGLE_LABEL, SOFTMAX
from precompute.datasets import Dataset
from precompute.datasets.dataset import readable
from precompute.encoder.image import Preprocessing
from precompute.teachers.outputs import labelled_rows
from precompute.teachers.teacher import Teacher, stacked

#: Photos that every preparation gets, and photos that those in question get.
FIRST, TRIED = 16, 64
#: Least number of photos for a choice.
_LEAST = 8
#: Level of the interval of a difference between two of about five preparations.
_LEVEL = 0.99
_DRAWS = 2000
#: Least difference of Brier scores that matters: smaller ones come from rounding and confidence.
_MATTERS = 0.005
#: Share of shuffles of the labels that must fit worse, for a preparation to fit at all.
_SHUFFLED = 0.99

_HALF, _ZERO, _ONE, _LEVELS = (0.5,) * 3, (0.0,) * 3, (1.0,) * 3, (1 / 255,) * 3
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
_CAFFE = (123.68 / 255, 116.779 / 255, 103.939 / 255)
#: Usual preparations by name, in the order of preference for networks of torch.
USUAL: dict[str, dict[str, Any]] = {
    "ImageNet's mean and std": IMAGENET,
    "0 to 1": {"mean": _ZERO, "std": _ONE},
    "−1 to 1": {"mean": _HALF, "std": _HALF},
    "0 to 255": {"mean": _ZERO, "std": _LEVELS},
    "0 to 255 less ImageNet's mean, BGR": {"mean": _CAFFE, "std": _LEVELS, "channels": "bgr"},
}
#: The network's own preparation, of its architecture or its metadata.
OWN = "the model's own"
_NO_CROP = "; crops are not tried: if it was trained with one, set preprocessing.crop"


@dataclass(frozen=True)
class Tried:
    """Result of a trial: the ``name`` of the chosen preparation and its ``steps``.

    ``text`` says how well it fits the labels, for people; ``activation`` is that of a network whose
    outputs are probabilities by their values, "" for logits."""

    name: str
    steps: Preprocessing
    text: str
    activation: str = ""


def candidates(steps: Preprocessing, channels_last: bool, own: bool) -> dict[str, Preprocessing]:
    """Return the preparations to try by name, the usual one first. ``steps`` are the network's
    present ones, its ``own`` if they were read from it."""
    grey = steps.channels == "grey"
    usual = {name: replace(steps, **{"channels": "rgb", **each}) for name, each in USUAL.items()}
    if grey:
        usual = {name: replace(one, channels="grey") for name, one in usual.items()}
        usual = {name: one for name, one in usual.items() if "BGR" not in name}
    names = list(usual)
    if channels_last or grey:  # as networks of Keras and TensorFlow are trained
        names = [*names[1:], names[0]]
    found = {name: usual[name] for name in names}
    if own:
        same = [name for name, one in found.items() if one == steps]
        found = {OWN: steps} | {name: one for name, one in found.items() if name not in same}
    return found


def try_preparations(
    network: Teacher,
    dataset: Dataset,
    tried: dict[str, Preprocessing],
    progress: Callable[[str], None] = lambda _: None,
) -> Tried | None:
    """Run a network on at most 64 labelled photos under the preparations ``tried``, and choose one.

    Raises the errors of the network; None with fewer than 8 labelled photos that can be read.
    """
    rows = _drawn(labelled_rows(dataset), dataset)
    photos, faults = readable(lambda row: dataset.load(int(row)), rows)
    rows = rows[[not fault for fault in faults]]
    if len(rows) < _LEAST:
        return None
    race = _Race(network, photos, dataset.label[rows], progress)
    tried = tried | _reversed(tried, photos)
    best = race.run(tried)
    equal = race.unclear(best)
    chosen = next(name for name in tried if name in equal)  # the usual one
    text = race.text(best, chosen, equal) + ("" if chosen == OWN else _NO_CROP)
    return Tried(chosen, tried[chosen], text, race.activation)


def _reversed(tried: dict[str, Preprocessing], photos: Sequence[Any]) -> dict[str, Preprocessing]:
    """Return the preparations of RGB with the channels in reverse order, by name; {} for grey
    photos, which have three equal channels."""
    pixels = [np.asarray(photo) for photo in photos]
    if all((each[..., 0] == each[..., 2]).all() for each in pixels):
        return {}
    rgb = {name: steps for name, steps in tried.items() if steps.channels == "rgb"}
    return {f"{name}, BGR": replace(steps, channels="bgr") for name, steps in rgb.items()}


def _drawn(rows: np.ndarray, dataset: Dataset) -> np.ndarray:
    """Return at most 64 rows by chance, with the classes in turn if an image has one class."""
    rows = np.random.default_rng(0).permutation(rows)
    if dataset.task == SINGLE_LABEL:
        of_class, seen = dataset.label[rows].argmax(axis=1), dict[int, int]()
        turn = []
        for one in of_class.tolist():
            turn.append(seen.get(one, 0))
            seen[one] = turn[-1] + 1
        rows = rows[np.argsort(turn, kind="stable")]
    return rows[:TRIED]


class _Race:
    """Brier scores of preparations on labelled photos; those that fit clearly worse on the first
    photos are not run on the others."""

    def __init__(
        self,
        network: Teacher,
        photos: Sequence[Any],
        label: np.ndarray,
        progress: Callable[[str], None],
    ) -> None:
        self.photos, self.label = photos, label
        # Each kind is a dataclass with the fields used here.
        self.network = fields = cast("Any", network)
        self.progress = progress
        known = SOFTMAX if fields.softmax else SIGMOID
        self.activation = known if fields.probabilities else ""
        self.values: dict[str, np.ndarray] = {}

    def run(self, tried: dict[str, Preprocessing]) -> str:
        """Run more preparations; return the name of the best of all so far."""
        for end in (FIRST, len(self.photos)):
            for name, steps in tried.items():
                known = self.values.get(name)
                if known is None or (len(known) < end and name in self.unclear(self.best)):
                    self.progress(
                        f"Trying the network on {min(end, len(self.photos))} photos: {name}"
                    )
                    self._extend(name, steps, end)
        return self.best

    def _extend(self, name: str, steps: Preprocessing, end: int) -> None:
        network = replace(self.network, preprocessing=steps, probabilities=False)
        done = len(self.values.get(name, ()))
        parts = [self.values[name]] if done else []
        for start in range(done, min(end, len(self.photos)), FIRST):
            images = [steps.prepare(one) for one in self.photos[start : min(start + FIRST, end)]]
            parts.append(network.logits(stacked(images)))
        self.values[name] = np.concatenate(parts)
        if not self.activation and "probabilities" in logits_fault(self.values[name]):
            sums = self.values[name].sum(axis=1)
            whole = bool((np.abs(sums - 1) <= SUM_ERROR).all())
            self.activation = SOFTMAX if whole else SIGMOID

    def _probabilities(self, name: str) -> np.ndarray:
        from scipy.special import expit, softmax

        values = self.values[name].astype(np.float64)
        classes = self.label.shape[1]
        if self.activation:
            return values[:, :classes]
        every = softmax(values, axis=1) if self.network.softmax else expit(values)
        return np.asarray(every[:, :classes])

    def scores(self, name: str, label: np.ndarray | None = None) -> np.ndarray:
        """Return the Brier score of each photo: the mean squared error over its known labels."""
        label = self.label if label is None else label
        chances = self._probabilities(name)
        known = label[: len(chances)] >= 0
        errors = np.where(known, (chances - (label[: len(chances)] == 1)) ** 2, 0)
        return np.asarray(np.nan_to_num(errors, nan=1.0).sum(axis=1) / known.sum(axis=1))

    @property
    def best(self) -> str:
        """Name of the preparation with the lowest Brier score on the photos that all have seen."""
        whole = max(len(values) for values in self.values.values())
        means = {
            name: self.scores(name).mean()
            for name, values in self.values.items()
            if len(values) == whole
        }
        return min(means, key=lambda name: float(means[name]))

    def difference(self, name: str, best: str) -> Interval:
        """Return how much higher the Brier score of a preparation is than that of the best, with
        its bootstrap interval over photos."""
        both = min(len(self.values[name]), len(self.values[best]))
        gap = self.scores(name)[:both] - self.scores(best)[:both]
        drawn = np.random.default_rng(0).integers(0, both, (_DRAWS, both))
        low, high = np.quantile(gap[drawn].mean(axis=1), [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
        return Interval(float(gap.mean()), float(low), float(high))

    def unclear(self, best: str) -> list[str]:
        """Return the preparations that may fit as well as ``best``, which is one of them."""
        return [name for name in self.values if not self.difference(name, best).low > _MATTERS]

    def fits(self, name: str) -> bool:
        """Return True if the labels fit better than nearly all shuffles of the labels do."""
        own, rng = self.scores(name).mean(), np.random.default_rng(0)
        others = [self.scores(name, rng.permutation(self.label)).mean() for _ in range(200)]
        return bool(np.mean(np.array(others) > own) >= _SHUFFLED)

    def right(self, name: str) -> float:
        """Return the share of right decisions: top-1, or over all known labels."""
        chances = self._probabilities(name)
        label = self.label[: len(chances)]
        if self.network.softmax:
            return float((chances.argmax(axis=1) == label.argmax(axis=1)).mean())
        known = label >= 0
        return float(((chances > 0.5) == (label == 1))[known].mean())

    def text(self, best: str, chosen: str, equal: Sequence[str]) -> str:
        """Return a sentence on the choice, with the interval that it rests on."""
        photos = count(len(self.values[best]), "labelled photo")
        what = "top-1" if self.network.softmax else "right decisions"
        right = {name: f"{name} ({what} {number(self.right(name), 2)})" for name in self.values}
        if not self.fits(best):
            return (
                f"{photos} fit no usual preparation of the photos better than by chance, at best "
                f"{right[best]}: assumed {chosen}; check preprocessing and the order of the outputs"
            )
        others = [name for name in self.values if name != best]
        if len(equal) > 1:
            named = listed([right[name] for name in equal], 5)
            return (
                f"{photos} cannot tell apart how photos are prepared: {named}; assumed {chosen}, "
                f"the usual one: check it"
            )
        start = f"photos prepared as {right[best]} fit {photos} best"
        if not others:
            return start
        near = min(others, key=lambda name: self.difference(name, best).low)
        gap = self.difference(near, best).text(2, sign=True)
        return f"{start}; next {right[near]}: Brier score {gap}, {100 * _LEVEL:.0f} % interval"
