"""How often a group in which the teacher is less often right is found, and called by chance.

    python benchmarks/group_accuracy.py [--first-seed 1000] [--seeds 400]

Rows of five classes with one class each, 300 of tune, are of four sites. The teacher knows the
right probabilities (*none*), also where a class goes with a site (*goes*), or where one site is
harder for any teacher (*harder*); or its logits at this site have noise that it does not know of
(*noise*). The table has the share of draws in which p alone, adjusted, calls a site, and in which
all rules of ``teacher_accuracy`` do, with Wilson's 95 % interval.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from scipy.stats import binomtest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package, if not installed
from inficond_panel.distill import holm
from inficond_panel.results.teacher_accuracy import is_unlikely, tested_group

Array = NDArray[np.float64]
KINDS = ("none", "goes", "harder", "noise")
_ROWS, _CLASSES, _SPREAD, _APART = 300, 5, 1.5, 2.2
_SITES = (0.4, 0.3, 0.2, 0.1)
_LEAST, _SURE = 30, 0.05


def main() -> None:
    """Draw rows of each kind, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first-seed", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=400)
    args = parser.parse_args()
    for kind in KINDS:
        seeds = range(args.first_seed, args.first_seed + args.seeds)
        found = np.array([called(np.random.default_rng(seed), kind) for seed in seeds])
        texts = []
        for name, share in zip(("p alone", "all rules"), found.mean(axis=0), strict=True):
            ends = binomtest(round(share * len(found)), len(found)).proportion_ci(method="wilson")
            texts.append(f"{name} {share:.1%} [{100 * ends.low:.1f}, {100 * ends.high:.1f}]")
        print(f"{kind:8} {', '.join(texts)}")


def called(rng: np.random.Generator, kind: str) -> tuple[bool, bool]:
    """Return whether any site is called, by p alone and by all rules."""
    label, site, logit = drawn(rng, kind)
    right, probability = logit.argmax(axis=1) == label, softmax(logit, axis=1)
    groups = [site == at for at in range(len(_SITES)) if (site == at).sum() >= _LEAST]
    tested = [tested_group(right, label, inside, 0.95) for inside in groups]
    low = [p <= _SURE for p in holm([each.p for each in tested])]
    clear = (
        p and each.low and is_unlikely(right, label, probability, inside)
        for p, each, inside in zip(low, tested, groups, strict=True)
    )
    return any(low), any(clear)


def drawn(rng: np.random.Generator, kind: str) -> tuple[NDArray, NDArray, Array]:
    """Return the labels (n,), the sites (n,) and the teacher's logits (n, K) of rows."""
    label = rng.integers(0, _CLASSES, _ROWS)
    site = rng.choice(len(_SITES), _ROWS, p=_SITES)
    prior = np.repeat(np.array(_SITES)[:, None], _CLASSES, axis=1)
    if kind == "goes":  # seven in ten rows of the first class are of the third site
        moved = (label == 0) & (rng.random(_ROWS) < 0.7)
        site[moved] = 2
        prior[:, 0] = 0.3 * prior[:, 0] + 0.7 * (np.arange(len(_SITES)) == 2)
    seen = _SPREAD * rng.normal(size=(_ROWS, _CLASSES))
    apart = np.where((kind == "harder") & (site == 1), 0.9, _APART)
    seen[np.arange(_ROWS), label] += apart
    logit = seen * apart[:, None] / _SPREAD**2 + np.log(prior[site])
    if kind == "noise":
        logit[site == 1] += 4 * rng.normal(size=((site == 1).sum(), _CLASSES))
    return label, site, logit


if __name__ == "__main__":
    main()
