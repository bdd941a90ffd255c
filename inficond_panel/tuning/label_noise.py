"""Wrong labels of a class: in how many images of fit or of tune, and in which.

Three witnesses that know an image's class may contradict its label: a model of the labels of
``fit``, a model of those of ``tune``, both cross-fitted, and the teacher.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from inficond_panel.common.ordering import normal_scores
from inficond_panel.distill.platt import platt_scaling
from inficond_panel.distill.shift_kinds import (
    LabelNoise,
    beyond_misfit,
    label_noise,
    right_logits,
    share_limits,
    wrong_chance,
)
from inficond_panel.distill.sources import Array
from inficond_panel.tuning.repairs.evidence import Evidence
from inficond_panel.vocabulary.splits import FIT, TUNE

#: Evidence (twice the log likelihood ratio) from which wrong labels are reported, or reported as
#: possible.
NOISY, PERHAPS_NOISY = 12.0, 6.0
#: Evidence by model and teacher from which that by the model alone is believed as it is.
AGREED = 3.0
#: Evidence by the model from which wrong labels are reported although the teacher shows none: it
#: has learned them. In 90 classes with right labels the model had 4 at most, and in one of another
#: draw 20 (docs/measured.md).
LEARNED = 30.0
#: Evidence by the teacher from which wrong labels of tune are a question although the models show
#: none.
BY_TEACHER_ALONE = 20.0
#: Least evidence by model and teacher to prefer it: the larger of two measures is biased upward.
BY_TEACHER = 15.0
#: Least evidence beyond a misfit of both splits: so much is chance in 3 % of classes with right
#: labels (a mixture of chi-squared distributions, since shares are not below 0).
BEYOND = 5.0
#: Least labels that are contradicted one by one to say so of a class unasked: where all labels are
#: right, so many are in about one of a hundred classes (docs/measured.md).
LEAST_CONTRADICTED = 5
#: And how often as many as would be contradicted if all were right.
TIMES_CHANCE = 1.5
#: Probability of being wrong above which a label is listed.
LIKELY_WRONG = 0.5
NO_NOISE = LabelNoise(0.0, 0.0, 0.0)


#: Limits of the share of negatives labelled present, and of that of positives labelled absent.
ShareLimits: TypeAlias = tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True)
class DoubtedLabels:
    """Labels (n,) of the images of a split at ``rows``, with cross-fitted probabilities (n,) that
    the class is ``present``, and that the label is ``wrong``; and ``limits`` of the shares of
    negatives labelled present, and of positives labelled absent, at the confidence ``level``; nan
    where these shares are not measured. ``harder``: the images of the class differ from those of
    the other split, or may, or the teacher does worse on them: labels of harder images look wrong.
    ``by_chance`` is the number of labels that would be likely wrong by these probabilities if all
    were right; nan if not known."""

    rows: NDArray[np.intp]
    label: NDArray
    present: Array
    wrong: Array
    limits: ShareLimits
    level: float
    harder: bool = False
    by_chance: float = np.nan

    @property
    def likely_wrong(self) -> NDArray[np.intp]:
        """Indices of labels with a probability of being wrong above ``LIKELY_WRONG``, the highest
        first."""
        order = np.argsort(-self.wrong, kind="stable")
        return np.asarray(order[self.wrong[order] > LIKELY_WRONG])

    @property
    def several(self) -> bool:
        """Whether so many labels are likely wrong that neither chance nor harder images are the
        reason."""
        number, chance = len(self.likely_wrong), np.nan_to_num(self.by_chance)
        return number >= max(LEAST_CONTRADICTED, TIMES_CHANCE * chance) and not self.harder

    @property
    def listed(self) -> DoubtedLabels:
        """The labels ``likely_wrong`` alone."""
        some = self.likely_wrong
        return replace(
            self,
            rows=self.rows[some],
            label=self.label[some],
            present=self.present[some],
            wrong=self.wrong[some],
        )


def is_shown(noise: LabelNoise) -> bool:
    """Return whether wrong labels are reported, unless something clearer explains them."""
    return noise.evidence >= NOISY and not (noise.at_bound or noise.denied)


def is_possible(noise: LabelNoise) -> bool:
    """Return whether wrong labels are at least a question."""
    return noise.evidence >= (BY_TEACHER_ALONE if noise.denied else PERHAPS_NOISY)


def fit_noise(evidence: Evidence) -> LabelNoise:
    """Return the label noise of fit, measured by a model of the labels of tune; by that model and
    the teacher if they show more noise. A teacher that learned wrong labels shows none; so does one
    that knows better than scores which are wrong (``alone``).

    A model of scores with long tails is no logistic curve, and the shares of wrong labels can fit
    the misfit. So unless the teacher agrees, the evidence is at most that by normal scores, which
    have no tails. And a class that is no logistic curve of any score, as one that only half of the
    likeliest images show, looks so in both splits: without evidence beyond that, it counts alone.
    """
    sides = _sides(evidence)
    alone, both = _beyond_misfit(*_of_models(sides, 1)), _beyond_misfit(*sides)
    if both.evidence >= max(BY_TEACHER, alone.evidence):
        return both
    if both.evidence >= AGREED or alone.evidence < PERHAPS_NOISY:
        return alone
    fit, fit_label, tune, tune_label = _of_models(sides, 1)
    evened = normal_scores(np.concatenate([fit[:, 0], tune[:, 0]]))[:, None]
    without_tails = label_noise(evened[: len(fit)], fit_label, evened[len(fit) :], tune_label)
    least = min(alone.evidence, without_tails.evidence)
    return replace(alone, evidence=least, denied=least < LEARNED, alone=True)


def tune_noise(evidence: Evidence) -> LabelNoise:
    """Return the label noise of tune by the teacher, with the least evidence of three: its own,
    that of a model of the labels of tune, and that of one of the labels of fit. Where a model shows
    none, the evidence is the teacher's, and the noise is ``denied``.

    A correlation that holds on fit alone contradicts labels of tune by the model of fit's labels
    and by a teacher that learned it, but a model of the labels of tune does not. Labels that are
    missing from some images contradict that one, too: it was fitted to the others, if these were
    enough.
    """
    if evidence.by_teacher:
        return NO_NOISE
    sides = _swapped(_sides(evidence))
    of_teacher = _beyond_misfit(*_of_models(sides, slice(1, 2)))
    if of_teacher.evidence < AGREED:
        return NO_NOISE
    own = _beyond_misfit(*_of_models(sides, 1))
    if own.evidence < PERHAPS_NOISY:
        return replace(of_teacher, denied=True)  # without the model of fit, which takes time
    fit, tune = evidence.model_of_fit
    of_fit = _beyond_misfit(tune[:, None], evidence.tune_label, fit[:, None], evidence.fit_label)
    if of_fit.evidence < PERHAPS_NOISY:
        return replace(of_teacher, denied=True)
    least = min(each.evidence for each in (of_teacher, own, of_fit))
    return replace(of_teacher, evidence=least)


def _beyond_misfit(*sides: NDArray) -> LabelNoise:
    """Return ``label_noise``, with at most the evidence beyond a misfit where that is slight."""
    noise = label_noise(*sides)
    beyond = beyond_misfit(*sides) if noise.evidence >= AGREED else np.inf
    return noise if beyond >= BEYOND else replace(noise, evidence=min(noise.evidence, beyond))


def fit_labels_in_doubt(
    evidence: Evidence, one: Evidence, noise: LabelNoise, level: float
) -> DoubtedLabels:
    """Return the labels of fit with the probability that each is wrong, and limits of ``noise``.

    A model of the labels of fit ranks them, with one of those of tune, or with the curve of that
    one and the teacher where the teacher shows wrong labels, too: it knows photos better than a
    model of few. A teacher that shows none has learned them, if the models show them clearly; else
    it is a witness as the models are.
    """
    label, sides = evidence.fit_label, _sides(evidence)
    by_fit, by_tune = evidence.model_of_fit[0], evidence.model_of_tune[1]
    both = _beyond_misfit(*sides)
    if both.evidence >= PERHAPS_NOISY and not both.at_bound:
        logit = (by_fit + right_logits(*sides)) / 2
    elif noise.denied:
        logit = _by_witnesses(evidence, FIT)
    else:
        logit = (by_fit + by_tune) / 2
    wrong = wrong_chance(logit, label, NO_NOISE if noise.at_bound else noise)
    limits = share_limits(*_of_models(_sides(one), noise.models), level)
    return DoubtedLabels(evidence.fit, label, expit(logit), wrong, limits, level)


def tune_labels_in_doubt(
    evidence: Evidence, one: Evidence, noise: LabelNoise, level: float
) -> DoubtedLabels:
    """Return the labels of tune with the probability that each is wrong, and limits of ``noise``:
    by the models of the labels of both splits and by the teacher, as witnesses."""
    logit, label = _by_witnesses(evidence, TUNE), evidence.tune_label
    wrong = wrong_chance(logit, label, NO_NOISE if noise.at_bound else noise)
    limits = share_limits(*_swapped(_sides(one)), level)
    present = expit((evidence.model_of_fit[1] + evidence.model_of_tune[0]) / 2)
    return DoubtedLabels(evidence.tune, label, present, wrong, limits, level)


def contradicted_labels(evidence: Evidence) -> DoubtedLabels:
    """Return the labels of fit with the probability that each is wrong if few are: three
    witnesses contradict it (``_by_witnesses``).

    They do so calibrated by the labels of tune, and by those of fit: tuning images may be easier,
    or the witnesses surer on them. No measure says that the class has wrong labels, so there are no
    ``limits`` of their shares.
    """
    label, unknown = evidence.fit_label, (np.nan, np.nan)
    logits = _by_witnesses(evidence, FIT), _by_witnesses(evidence, FIT, known=FIT)
    mildest = np.where(label == 1, np.maximum(*logits), np.minimum(*logits))
    wrong = wrong_chance(mildest, label, NO_NOISE)
    present = expit((evidence.model_of_fit[0] + evidence.model_of_tune[1]) / 2)
    return DoubtedLabels(
        *(evidence.fit, label, present, wrong, (unknown, unknown), np.nan),
        by_chance=_contradicted_by_chance(np.maximum(*logits), np.minimum(*logits)),
    )


def _contradicted_by_chance(highest: Array, lowest: Array) -> float:
    """Return how many right labels would be likely wrong, by the logits (n,) that the images show
    the class: of 300 images that show it with a probability of 1 %, 3 do, and have the label. A
    label that is present is judged by the ``highest`` logit, an absent one by the ``lowest``."""
    contradicted = 0.0
    for label, logit, sign in ((1, highest, 1), (0, lowest, -1)):
        wrong = wrong_chance(logit, np.full(len(logit), label), NO_NOISE)
        contradicted += float(expit(sign * logit)[wrong > LIKELY_WRONG].sum())
    return contradicted


def _by_witnesses(evidence: Evidence, split: str, known: str = "") -> Array:
    """Return the logits (n,) that the images of a split show the class, by a model of the labels of
    fit, a model of those of tune, and the teacher, combined as the labels of a ``known`` split say
    ("": of the other one; ``platt_scaling``): a teacher that is too sure of itself would contradict
    many labels."""
    models = evidence.model_of_fit, evidence.model_of_tune[::-1]
    logits = {
        of: np.column_stack([by_fit, by_tune, evidence.teacher_log_odds(of)])
        for by_fit, by_tune, of in zip(*models, (FIT, TUNE), strict=True)
    }
    known = known or (TUNE if split == FIT else FIT)
    label = evidence.tune_label if known == TUNE else evidence.fit_label
    slopes, constant = platt_scaling(label, logits[known])
    return np.asarray(logits[split] @ slopes + constant)


#: Scores (n, S) and labels (n,) of fit, and of tune.
_Sides: TypeAlias = tuple[Array, NDArray, Array, NDArray]


def _sides(evidence: Evidence) -> _Sides:
    """Return logits (n, 2) by the model of the labels of tune and by the teacher, with the labels,
    of fit and of tune."""
    of_tune, of_fit = evidence.model_of_tune
    fit = np.column_stack([of_fit, evidence.teacher_log_odds(FIT)])
    tune = np.column_stack([of_tune, evidence.teacher_log_odds(TUNE)])
    return fit, evidence.fit_label, tune, evidence.tune_label


def _of_models(sides: _Sides, models: int | slice) -> _Sides:
    """Return the sides with the first ``models`` scores, or with these."""
    some = models if isinstance(models, slice) else slice(models)
    fit, fit_label, tune, tune_label = sides
    return fit[:, some], fit_label, tune[:, some], tune_label


def _swapped(sides: _Sides) -> _Sides:
    """Return the sides with tune for fit, and fit for tune."""
    return *sides[2:], *sides[:2]
