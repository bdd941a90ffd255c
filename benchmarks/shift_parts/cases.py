"""Students to make: classes of a store, with or without a bias, drawn by the arguments."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inficond_panel.store import Store
from shift_parts.pairs import LEAST, LEAST_FIT, Pair, Split, biased, draw_split, find_pairs
from shift_parts.teachers import TEACHERS, teacher_logits

#: Positives of tune by which a model of its labels can be chosen by five folds.
FOLDED = 5


@dataclass(frozen=True)
class Case:
    """One class of a store: its teacher's logits, a split, the photos of fit, what biased them."""

    store: Store
    k: int
    logits: NDArray
    split: Split
    fit: NDArray[np.intp]
    seed: int
    pair: Pair | None = None


def add_case_arguments(parser: argparse.ArgumentParser, teacher: str = "strong") -> None:
    """Arguments that say which students are made."""
    parser.add_argument("spec")
    parser.add_argument("--store")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--pairs", type=int, default=8, help="biased students, per seed")
    parser.add_argument("--plain", type=int, default=18, help="classes without a bias, per seed")
    parser.add_argument(
        "--least", type=int, nargs=2, default=(LEAST_FIT, LEAST), help="photos that a pair needs"
    )
    parser.add_argument("--leak", type=float, default=0.02)
    parser.add_argument("--shared", action="store_true", help="tune has the bias of fit too")
    parser.add_argument("--teacher", choices=TEACHERS, default=teacher)
    parser.add_argument("--lambda", dest="lambda_", default=1e-4, type=penalty)
    half = "pairs, and classes, of which the sum of the numbers is even (0) or odd (1)"
    parser.add_argument("--half", type=int, choices=(0, 1), help=half)
    parser.add_argument("--fit", type=int, help="at most so many photos of fit")
    parser.add_argument("--tune", type=int, help="at most so many photos of tune")
    most = "leave out classes that more photos of tune show"
    parser.add_argument("--most-shown", type=int, help=most)


def penalty(value: str) -> float | str:
    """Lambda as the command line has it."""
    return value if value == "auto" else float(value)


def biased_cases(store: Store, args: argparse.Namespace) -> Iterator[Case]:
    """Pairs of all seeds, drawn by chance, on biased photos of fit."""
    for seed in range(args.first_seed, args.first_seed + args.seeds):
        split = _split(store, args, seed)
        # found before photos of tune are left out: how many there are changes no pair
        pairs = find_pairs(store, _whole(store, args, seed), tuple(args.least))
        shown = (np.asarray(store.label)[split.tune] == 1).sum(axis=0)
        pairs = [pair for pair in pairs if shown[pair.target] >= FOLDED]
        pairs = [pair for pair in pairs if _in_half(pair.target + pair.context, args)]
        order = np.random.default_rng(seed).permutation(len(pairs))
        drawn = [pairs[i] for i in order if _few_enough(shown[pairs[i].target], args)]
        for pair in drawn[: args.pairs]:
            fit = biased(store, split.fit, pair, args.leak, seed)
            few = Split(fit, split.tune, split.holdout).smaller(args.fit, seed=seed).fit
            logits = teacher_logits(args.teacher, store, pair.target, split.fit, seed, fit)
            tune = biased(store, split.tune, pair, args.leak, seed) if args.shared else split.tune
            yield Case(store, pair.target, logits, replace(split, tune=tune), few, seed, pair)


def plain_cases(store: Store, args: argparse.Namespace) -> Iterator[Case]:
    """Classes of all seeds on the photos of fit as they were drawn.

    Classes with fewer than ``FOLDED`` positives on tune are left out: no baseline has its folds.
    """
    for seed in range(args.first_seed, args.first_seed + args.seeds):
        split = _split(store, args, seed)
        few = split.smaller(args.fit, seed=seed).fit
        order = np.random.default_rng([seed, 7]).permutation(len(store.classes))
        shown = (np.asarray(store.label)[split.tune] == 1).sum(axis=0)
        order = [k for k in order[shown[order] >= FOLDED].tolist() if _in_half(k, args)]
        order = [k for k in order if _few_enough(shown[k], args)]
        for k in order[: args.plain]:
            logits = teacher_logits(args.teacher, store, k, split.fit, seed)
            yield Case(store, k, logits, split, few, seed)


def _in_half(number: int, args: argparse.Namespace) -> bool:
    """Return True if a pair or a class with this ``number`` is in the half that was asked for."""
    return args.half is None or number % 2 == args.half


def _few_enough(shown: int, args: argparse.Namespace) -> bool:
    """Return True if no more photos of tune than were asked for show the class."""
    return args.most_shown is None or shown <= args.most_shown


def _split(store: Store, args: argparse.Namespace, seed: int) -> Split:
    """The photos, with at most so many of tune as the arguments say."""
    return _whole(store, args, seed).smaller(tune=args.tune, seed=seed)


def _whole(store: Store, args: argparse.Namespace, seed: int) -> Split:
    """The photos, parted by chance; the store's own teacher may know those of its fit, so with it
    they stay as they are."""
    if args.teacher == "own":
        return Split(*(np.asarray(store.rows(name)) for name in ("fit", "tune", "holdout")))
    return draw_split(store, seed)
