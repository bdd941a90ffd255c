"""Forward choice of thumbs on one class, by posterior gain, without refits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inficond_panel.distill.sources import Array
from suggest_parts.evidence import Evidence
from suggest_parts.first_order import Response
from suggest_parts.shrinkage import Signal
from suggest_parts.trial import Moves

#: A move must gain at its pull's posterior mean less this many standard deviations.
CAUTION = 0.5


@dataclass(frozen=True)
class Pick:
    """A thumb on a concept, with the pulls that spoke for it, in their standard errors.

    ``tune`` and ``fit`` are signed along the move: above 0 they are for it. None where they were
    not asked.
    """

    concept: int
    thumb: tuple[str, float | None]
    tune: float | None = None
    fit: float | None = None


def search(
    weights: Array,
    moves: Moves,
    answer: Response,
    tune: Evidence,
    fit: Evidence | None,
    signal: Signal,
    budget: int,
) -> list[Pick]:
    """At most ``budget`` thumbs, best first; it stops where the next would not clear the caution.

    The gain of a move of size t with pull N(m, v) is t m - t²/2 nats a photo.
    """
    tune, fit = tune.copy(), None if fit is None else fit.copy()
    at, open_ = weights.copy(), moves.moves.copy()
    picks: list[Pick] = []
    way = np.sign(moves.levels - weights)
    while len(picks) < budget and signal.tune > 0:
        ours, theirs = tune.pulls(), None if fit is None else fit.pulls()
        mean, variance = signal.posterior(ours, theirs)
        delta = moves.levels - at
        step = tune.step(delta)
        gain = step * mean - CAUTION * np.abs(step) * np.sqrt(variance) - step**2 / 2
        gain[~open_ | (delta * way <= 0)] = 0.0
        row, concept = divmod(int(gain.argmax()), gain.shape[1])
        if gain[row, concept] <= 0:
            break
        move = float(delta[row, concept])
        for_it = [None if p is None else _errors(p, concept, move) for p in (ours, theirs)]
        picks.append(Pick(concept, moves.thumbs[row], *for_it))
        at = at + move * answer.weights(concept, len(at))
        answer = answer.held(concept)
        open_[:, concept] = False
        for evidence in (tune, fit):
            if evidence is not None:
                evidence.move(concept, move)
    return picks


def _errors(pulls: tuple[Array, Array], concept: int, move: float) -> float:
    """The pull along the move, in its standard errors."""
    return float(np.sign(move) * pulls[0][concept] / np.sqrt(pulls[1][concept]))
