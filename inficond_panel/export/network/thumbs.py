"""Thumbs of an iteration in the sizes that a network takes (``distill.thumb_size``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill.thumb_size import enlarged, explained, limited, reliance
from inficond_panel.tuning import Node, Tuner
from inficond_panel.tuning.fitting.adjusted_scores import scores_of
from inficond_panel.tuning.fitting.adjustments import Adjustment
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.vocabulary.splits import FIT


@dataclass(frozen=True)
class NetworkThumb:
    """Thumb on ``concepts`` of a class: the ``asked`` gain, by how much the network relies on the
    concepts (``relied``), both in standard deviations of its logits, and the gain that is used."""

    concepts: tuple[str, ...]
    asked: float
    relied: float
    gain: float


@dataclass(frozen=True)
class ThumbSizes:
    """Sizes of the thumbs of an iteration on a network: ``thumbs`` by class, and the ``terms`` of
    its classes with these gains."""

    thumbs: dict[str, list[NetworkThumb]]
    terms: Mapping[str, Terms]

    def fitting(self, tuner: Tuner, features: NDArray) -> ThumbSizes:
        """Return the sizes at which a refit on ``features`` ``(n, F)`` of the images of fit changes
        the logits by as much as the thumbs ask for."""
        terms = dict(self.terms)
        for name, thumbs in self.thumbs.items():
            adjusted, used = terms[name].adjusted, [each.gain for each in thumbs]
            shift = _shown(tuner, name, adjusted) @ used
            part = explained(features, shift, tuner.store.groups_on(FIT))
            gains = enlarged(used, [each.asked for each in thumbs], part)
            terms[name] = replace(terms[name], adjusted=_with(adjusted, gains))
        return replace(self, terms=terms)


def thumb_sizes(tuner: Tuner, node: Node) -> ThumbSizes:
    """Return the thumbs of ``node``, none larger than what the network relies on."""
    store, terms, thumbs = tuner.store, dict(tuner.terms(node)), dict[str, list[NetworkThumb]]()
    for name, of in terms.items():
        if not of.adjusted:
            continue
        logits = store.teacher_log_odds[store.rows(FIT), store.classes.index(name)]
        relied = reliance(np.asarray(logits, dtype=np.float64), _shown(tuner, name, of.adjusted))
        asked = [each.gain for each in of.adjusted]
        gains = limited(asked, relied.tolist())
        thumbs[name] = [
            NetworkThumb(each.concepts, each.gain, float(slope), gain)
            for each, slope, gain in zip(of.adjusted, relied, gains, strict=True)
        ]
        terms[name] = replace(of, adjusted=_with(of.adjusted, gains))
    return ThumbSizes(thumbs, terms)


def _shown(tuner: Tuner, name: str, adjusted: Sequence[Adjustment]) -> NDArray:
    """Return the positive part ``(n, m)`` of the standardised scores of each thumb on fit."""
    store = tuner.store
    images = store.scores_of(FIT), store.rows(FIT)
    columns = [
        each.standardised(scores_of(store, name, each.concepts, *images)) for each in adjusted
    ]
    return np.maximum(np.column_stack(columns), 0.0)


def _with(adjusted: Sequence[Adjustment], gains: Sequence[float]) -> tuple[Adjustment, ...]:
    """Return the adjustments with other gains."""
    return tuple(replace(one, gain=gain) for one, gain in zip(adjusted, gains, strict=True))
