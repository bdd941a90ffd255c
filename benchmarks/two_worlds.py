"""Do the intervals of the two worlds hold the truth? What do they say where there is no bias?

    python benchmarks/two_worlds.py [--seeds 200] [--draws 200]

Images are generated, so the truth in both worlds is known. An image has the class (y) or not, and
shows the concept (a) or not; the logits of two students are normal, with a mean by (y, a). The
student before the edit relies on the concept, the student after relies on it less. Truth is
computed on 400,000 images of each world: with the correlation, and with y and a independent. A data
set is drawn from the first world alone; ``two_worlds`` states both.

A row is a case: images, share of the class, share of images that show the concept with and without
the class, copies (each image stands twice; groups say so), recall of the student before. The
columns are the share of data sets on which the second world is stated, and for each figure the
shares of 95 % intervals (before, after, change) that hold the truth, where the figure is stated.
Below the table all cases count as one.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from inficond_panel.distill import Outcome
from inficond_panel.distill.metrics.two_worlds import FIGURES, two_worlds
from inficond_panel.vocabulary.worlds import INDEPENDENT, WORLDS

TRUTH = 400_000
#: Effects on the mean logit of the class, and of the concept before and after the edit.
CLASS, BEFORE, AFTER = 2.0, 2.0, 0.5


@dataclass(frozen=True)
class Case:
    """Population of images and the size of a data set; ``cutoff`` of both students' decisions."""

    images: int
    share: float
    with_class: float
    without_class: float
    copies: bool = False
    cutoff: float = 1.5

    def draw(self, images: int, seed: int, *, independent: bool = False) -> list[NDArray]:
        """Return labels, presence, and the logits of both students (images,) each."""
        rng = np.random.default_rng([seed, images, independent])
        y = rng.random(images) < self.share
        shown = self.share * self.with_class + (1 - self.share) * self.without_class
        chance = shown if independent else np.where(y, self.with_class, self.without_class)
        a = rng.random(images) < chance
        noise = rng.normal(size=(2, images)) * [[1.0], [0.5]]
        logits = [CLASS * y + effect * a + noise[0] for effect in (BEFORE, AFTER)]
        logits[1] = logits[1] + noise[1]
        return [y.astype(np.int8), a.astype(np.int8), *logits]

    def outcomes(self, y: NDArray, before: NDArray, after: NDArray, copies: int) -> list[Outcome]:
        """Return the outcomes of both students, with each image ``copies`` times."""
        group = np.repeat(np.arange(len(y) // copies), copies) if copies > 1 else None
        return [Outcome(y, each, cutoff=self.cutoff, group=group) for each in (before, after)]


def truth(case: Case) -> dict[tuple[str, str], NDArray]:
    """Return the true (before, after, change) by world and metric."""
    true = {}
    for world in WORLDS:
        drawn = case.draw(TRUTH, 1, independent=world == INDEPENDENT.key)
        pair = case.outcomes(drawn[0], *drawn[2:], 1)
        for figure in two_worlds(*pair, draws=1):
            values = [getattr(figure, side).estimate for side in ("before", "after", "change")]
            true[world, figure.metric] = np.array(values)
    return true


def coverage(case: Case, seeds: int, draws: int) -> tuple[dict[tuple[str, str], NDArray], float]:
    """Return by world and metric whether each interval holds the truth (figures, 3), of before,
    after and change, and the share of data sets on which the second world is stated."""
    true, held = truth(case), dict[tuple[str, str], list[list[bool]]]()
    stated = 0
    for seed in range(seeds):
        copies = 2 if case.copies else 1
        drawn = [np.repeat(each, copies) for each in case.draw(case.images, 1000 + seed)]
        pair = case.outcomes(drawn[0], *drawn[2:], copies)
        figures = two_worlds(*pair, drawn[1], draws=draws, seed=seed)
        stated += not any(each.few for each in figures)
        for figure in (each for each in figures if not each.few):
            key = figure.world, figure.metric
            sides = figure.before, figure.after, figure.change
            inside = [
                bool(side.low - 1e-9 <= value <= side.high + 1e-9)
                for side, value in zip(sides, true[key], strict=True)
            ]
            held.setdefault(key, []).append(inside)
    return {key: np.array(each) for key, each in held.items()}, stated / seeds


def cases() -> list[Case]:
    """Return the cases: sizes, shares and correlations; copies; students that seldom err."""
    plain = [
        Case(images, share, *shows)
        for images, share, shows in product(
            (300, 1000, 3000), (0.1, 0.3), ((0.5, 0.5), (0.8, 0.2), (0.95, 0.1))
        )
    ]
    some = plain[7]
    return [*plain, replace(some, copies=True), replace(some, cutoff=-0.5), replace(some, cutoff=4)]


def main() -> None:
    """Print a table of coverage per case, and the least share."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--draws", type=int, default=200)
    args = parser.parse_args()
    heads = [f"{world} {metric}" for world in WORLDS for metric in FIGURES]
    print(" | ".join(["images, share, with, without", "stated", *heads]))
    pooled = dict[str, list[NDArray]]()
    for case in cases():
        held, stated = coverage(case, args.seeds, args.draws)
        cells = []
        for world, metric in product(WORLDS, FIGURES):
            inside = held.get((world, metric), np.zeros((0, 3), dtype=bool))
            cells.append(
                " ".join(f"{share:.2f}" for share in inside.mean(axis=0)) if len(inside) else "–"
            )
            pooled.setdefault(f"{world} {metric}", []).append(inside)
        form = f"{case.images}, {case.share}, {case.with_class}, {case.without_class}"
        extra = ", copies" * case.copies + f", cutoff {case.cutoff}" * (case.cutoff != 1.5)
        print(" | ".join([form + extra, f"{stated:.2f}", *cells]), flush=True)
    for name, each in pooled.items():
        whole, least = np.concatenate(each), _least(each, args.seeds)
        shares = " ".join(f"{share:.3f}" for share in whole.mean(axis=0))
        print(f"{name}: {shares} of {len(whole)} figures; least of a case: {least:.2f}")


def _least(held: list[NDArray], seeds: int) -> float:
    """Return the least coverage among the cases that state a figure on half of the data sets."""
    return min(float(each.mean(axis=0).min()) for each in held if 2 * len(each) >= seeds)


if __name__ == "__main__":
    main()
