"""Suggestion of a strategy: the thumbs that it proposes, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import ndtri

from inficond_panel.common.interval import Interval
from inficond_panel.distill import Outcome, TeacherSkill, average_precision
from inficond_panel.distill.metrics.bootstrap import draw_counts
from inficond_panel.distill.scores.scores import Array
from inficond_panel.tuning.intents.cures import Cure
from inficond_panel.tuning.intents.intent import Intent
from inficond_panel.vocabulary.confidence import CONFIDENCE, least_draws, tails
from inficond_panel.vocabulary.metrics import AP, FIDELITY

DRAWS = 400

#: What an expected gain was measured on.
CROSS_FITTED = "cross-fitted: on photos that did not choose"
OPTIMISTIC = "on the photos that chose, so too high"
MEASURED = "on the photos seen; chosen without them"


@dataclass(frozen=True)
class Gain(Interval):
    """Change in average precision, 0 to 1, with its interval at ``level``."""

    level: float = CONFIDENCE

    def __str__(self) -> str:
        return self.in_points()

    def in_points(self, *, limits: bool = True) -> str:
        """``+3.10 [+0.40, +6.00]``; without ``limits`` the estimate alone."""
        return self.text(2, scale=100, sign=True, limits=limits)

    def json(self) -> dict[str, float | None]:
        """Estimate, limits and level as plain numbers; None where undefined."""
        return {**super().json(), "level": self.level}


def around(estimate: float, error: float, level: float = CONFIDENCE) -> Gain:
    """Gain with the interval of a normal standard error."""
    half = float(ndtri(tails(level)[1])) * error
    return Gain(estimate, estimate - half, estimate + half, level=level)


#: Name of the student without any lever.
AS_IT_IS = "as it is"


@dataclass(frozen=True)
class Lever:
    """What ``cures`` (none: the student as it is) make of one class, by labels of ``tune``.

    ``ap`` is the AP of the student as it is plus the ``gain``, 0 to 1. ``fidelity`` is the share of
    these photos where the student decides like the teacher, ``concepts`` the number that it uses.
    ``needs`` says what the lever takes beside the store.
    """

    name: str
    cures: tuple[Cure, ...]
    needs: str
    gain: Change
    ap: float
    fidelity: float
    concepts: int

    def to_json(self, level: float) -> dict[str, Any]:
        """Plain data, the interval of the gain at ``level``."""
        return {
            "lever": self.name,
            AP.key: self.ap,
            "gain": self.gain.gain(level).json() if self.cures else None,
            FIDELITY.key: self.fidelity,
            "concepts": self.concepts,
            "needs": self.needs,
        }


def recommended(levers: Sequence[Lever]) -> Lever | None:
    """The lever of largest gain, if it is above 0; the student as it is comes first."""
    best = max(levers, key=lambda lever: lever.gain.estimate, default=None)
    return best if best is not None and best.cures else None


@dataclass(frozen=True)
class ClassSuggestion:
    """Thumbs or cures for one class, the gain expected of them together, a reason for each."""

    intents: tuple[Intent | Cure, ...]
    gain: Gain
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Suggestion:
    """One batch of intents by a strategy, for one refit from ``parent``.

    ``gain`` is the expected change of the mean AP over the ``scope``, the classes that could be
    measured, if all of ``classes`` were taken; ``measured`` tells on what. ``conclusion`` tells in
    words why this much and no more, after the ways that were ``tried``, by their gains, and whether
    each class was tried ``alone`` though all are solved together. ``skipped`` tells which classes
    were left out. ``photos`` are those without a label, by class, whose labels would tell most.
    ``unknown`` are the classes of the scope that the teacher does not know: thumbs and cures repair
    a student, not its teacher. ``levers`` are those that were compared, by class;
    ``tune_models`` the AP of a logistic regression on the labels of tune alone, on photos that it
    was not fitted to.
    """

    strategy: str
    seed: int
    budget: int
    parent: str
    images: int
    scope: tuple[str, ...]
    gain: Gain
    measured: str
    conclusion: str
    tried: dict[str, Gain] = field(default_factory=dict)
    alone: bool = False
    classes: dict[str, ClassSuggestion] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    photos: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unknown: dict[str, TeacherSkill] = field(default_factory=dict)
    levers: dict[str, tuple[Lever, ...]] = field(default_factory=dict)
    tune_models: dict[str, Interval] = field(default_factory=dict)

    @property
    def intents(self) -> tuple[Intent | Cure, ...]:
        """All intents, by class."""
        return tuple(intent for found in self.classes.values() for intent in found.intents)

    def recommended(self, class_name: str) -> Lever | None:
        """The lever that is proposed for a class, if any."""
        return recommended(self.levers[class_name]) if class_name in self.classes else None

    @property
    def summary(self) -> str:
        """Conclusion, and what it rests on, in words."""
        return self.text()

    def text(self, *, limits: bool = True) -> str:
        """The summary; gains without their intervals where no ``limits`` are shown."""
        sentences = [self.conclusion]
        if self.tried:
            gains = (
                f"by {way} {gain.in_points(limits=limits)}" for way, gain in self.tried.items()
            )
            each = ", with the interval of each alone" if limits else ""
            sentences.append(f"Largest cross-fitted gain in AP points{each}: {'; '.join(gains)}.")
        if self.alone:
            sentences.append("Each class was tried by itself; a thumb moves the others too.")
        return " ".join(sentences)

    @property
    def author(self) -> str:
        """Author of the node that these intents make."""
        return f"machine:{self.strategy}"

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "strategy": self.strategy,
            "author": self.author,
            "seed": self.seed,
            "budget": self.budget,
            "parent": self.parent,
            "images": self.images,
            "scope": list(self.scope),
            "gain": self.gain.json(),
            "measured": self.measured,
            "summary": self.summary,
            "classes": {
                name: {
                    "gain": found.gain.json(),
                    "intents": [intent.to_json() for intent in found.intents],
                    "reasons": list(found.reasons),
                }
                for name, found in self.classes.items()
            },
            "skipped": self.skipped,
            "photos": {name: list(images) for name, images in self.photos.items()},
            "levers": {
                name: [lever.to_json(self.gain.level) for lever in found]
                for name, found in self.levers.items()
            },
            "tune_models": {name: ap.json() for name, ap in self.tune_models.items()},
            "unknown_to_teacher": {name: skill.to_json() for name, skill in self.unknown.items()},
        }


@dataclass(frozen=True)
class Change:
    """AP of one class before and after: the change, and its bootstrap draws (draws,)."""

    estimate: float
    draws: Array = field(compare=False, repr=False)

    @property
    def error(self) -> float:
        """Standard error; 0 where nothing changed."""
        defined = self.draws[~np.isnan(self.draws)]
        return float(defined.std(ddof=1)) if len(defined) > 1 else 0.0

    def gain(self, level: float = CONFIDENCE) -> Gain:
        """With its percentile interval; a normal one at a level that the draws cannot tell."""
        if least_draws(level) > len(self.draws):
            return around(self.estimate, self.error, level)
        low, high = np.nanquantile(self.draws, tails(level))
        return Gain(self.estimate, float(low), float(high), level=level)


def change(label: Array, before: Array, after: Array, seed: int = 0) -> Change:
    """Change in AP between two logits (n,) of the same photos.

    All calls on as many photos share their draws, so that changes of several classes can be
    averaged draw by draw.
    """
    table = draw_counts(len(label), DRAWS, seed)
    known = label >= 0
    if np.array_equal(before, after):
        return Change(0.0, np.zeros(DRAWS))
    values = [
        Outcome(label[known], x[known]).values(AP.key, table[:, known]) for x in (after, before)
    ]
    estimate = average_precision(label, after) - average_precision(label, before)
    return Change(float(estimate), values[0] - values[1])


def mean_change(changes: Sequence[Change]) -> Change:
    """Mean over classes, whose photos are drawn together."""
    if not changes:
        return Change(0.0, np.zeros(DRAWS))
    draws = np.array([c.draws for c in changes])
    known = ~np.isnan(draws)
    counts = known.sum(axis=0)
    means = np.full(len(counts), np.nan)  # of a draw without a positive of any class
    np.divide(np.where(known, draws, 0.0).sum(axis=0), counts, out=means, where=counts > 0)
    return Change(float(np.mean([c.estimate for c in changes])), means)
