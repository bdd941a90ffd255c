"""Do ``inficond suggest`` and thumbs by baselines gain on photos that they did not see?

    python benchmarks/suggest.py [SPEC] [--store DIR] [--partitions 8] [--holdout HISTORY]

The photos of the split tune are parted into halves, several times. Each strategy sees the labels
of one half (crossfit those of the split fit as well); the change in AP is measured on both halves,
in AP points (100 times AP), and averaged over the classes with at least 5 positive photos in each
half. Interval:
classes and photos are both drawn with replacement, a photo with the same count in all partitions
and classes (Owen 2007, Annals of Applied Statistics 1:2); 95 %, percentiles of 1,000 draws.

With --holdout the strategies see all of tune and are measured on the holdout, instead; each look
is counted in that history. The last line is one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from suggest_parts.thumbs import BASELINES, Thumbs, suggest_thumbs
from threadpoolctl import threadpool_limits

from inficond_panel.distill import Outcome
from inficond_panel.distill.metrics.bootstrap import stratified_folds
from inficond_panel.tuning import Tuner, open_tuner
from inficond_panel.tuning.suggest import Suggestion, suggest
from inficond_panel.vocabulary.intents import ALL

STRATEGIES = ("repair", *BASELINES)
DRAWS = 1000
LEAST = 5


@dataclass
class Tally:
    """Gains of one strategy: [partition][class] -> value and draws, on both sides."""

    seen: list[dict[str, tuple[float, NDArray]]] = field(default_factory=list)
    untouched: list[dict[str, tuple[float, NDArray]]] = field(default_factory=list)
    thumbs: list[int] = field(default_factory=list)
    classes: list[int] = field(default_factory=list)
    stated: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def gains(
    tuner: Tuner, logits: NDArray, rows: NDArray, counts: NDArray, names: list[str]
) -> dict[str, tuple[float, NDArray]]:
    """Change in AP of each class on the photos at ``rows``, and on draws of them (draws, n)."""
    before, found = tuner.logits(tuner.root()), {}
    for name in names:
        k = tuner.store.classes.index(name)
        label = tuner.store.label[rows, k]
        known = label >= 0
        old, new = (Outcome(label[known], values[rows[known], k]) for values in (before, logits))
        if np.array_equal(before[rows, k], logits[rows, k]):
            found[name] = 0.0, np.zeros(len(counts))
            continue
        draws = new.values("ap", counts[:, known]) - old.values("ap", counts[:, known])
        found[name] = float(new.value("ap") - old.value("ap")), draws
    return found


def run(tuner: Tuner, found: Suggestion | Thumbs, keep: bool) -> NDArray:
    """Logits of all photos after the refit by a suggestion, whose look is counted if ``keep``.

    Thumbs of a baseline are bounds, which it chose by refits within them.
    """
    if not found.intents:
        return tuner.logits(tuner.root())
    how = {} if isinstance(found, Suggestion) else {"refit": ALL}
    node = tuner.fine_tune(tuner.root(), found.intents, author="machine:benchmark", **how)
    if keep:
        tuner.count_look(node, "holdout")
    return tuner.logits(node)


def proposed(
    tuner: Tuner, strategy: str, names: list[str], rows: NDArray, budget: int, seed: int
) -> tuple[Suggestion | Thumbs, set[str], float]:
    """What a strategy proposes by the photos at ``rows``; its classes, and the stated gain."""
    if strategy == "repair":
        found = suggest(tuner, classes=names, rows=rows, seed=seed)
        return found, set(found.taken), found.gain.estimate
    thumbs = suggest_thumbs(tuner, strategy, names, rows, budget=budget, seed=seed)
    return thumbs, thumbs.classes, thumbs.stated


def interval(parts: list[dict[str, tuple[float, NDArray]]], seed: int = 0) -> list[float]:
    """Mean gain over partitions and classes with its interval, in AP points."""
    names = sorted({name for part in parts for name in part})
    value = np.array([[part.get(n, (np.nan, None))[0] for n in names] for part in parts])
    empty = np.full(DRAWS, np.nan)
    draws = np.array([[part.get(n, (0, empty))[1] for n in names] for part in parts])
    by_class = np.nanmean(draws, axis=0)
    rng = np.random.default_rng(seed)
    picked = rng.integers(len(names), size=(DRAWS, len(names)))
    means = np.nanmean(by_class[picked, np.arange(DRAWS)[:, None]], axis=1)
    low, high = np.nanquantile(means, [0.025, 0.975])
    return [round(100 * float(v), 2) for v in (np.nanmean(np.nanmean(value, axis=0)), low, high)]


def measurable(tuner: Tuner, *sides: NDArray) -> list[str]:
    """Classes with enough positive photos on each side."""
    enough = np.all([(tuner.store.label[s] == 1).sum(axis=0) >= LEAST for s in sides], axis=0)
    return [name for name, has in zip(tuner.store.classes, enough, strict=True) if has]


def evaluate(tuner: Tuner, args: argparse.Namespace) -> dict[str, Tally]:
    """All strategies on all partitions."""
    store, tallies = tuner.store, {name: Tally() for name in args.strategies}
    rows = store.rows("tune")
    for partition in range(1 if args.holdout else args.partitions):
        half = stratified_folds(store.label[rows], 2, args.seed + partition)
        seen, rest = (
            (rows, store.rows("holdout")) if args.holdout else (rows[half == 0], rows[half == 1])
        )
        names = measurable(tuner, seen, rest)
        rng = np.random.default_rng(args.seed)
        counts = np.zeros((DRAWS, len(store.images)), dtype=np.uint8)
        pool = np.union1d(seen, rest)
        for row in counts:
            row[pool] = np.bincount(rng.integers(len(pool), size=len(pool)), minlength=len(pool))
        for name, tally in tallies.items():
            begin = time.process_time()
            found, classes, stated = proposed(tuner, name, names, seen, args.budget, partition)
            tally.seconds.append(time.process_time() - begin)
            logits = run(tuner, found, bool(args.holdout))
            tally.seen.append(gains(tuner, logits, seen, counts[:, seen], names))
            tally.untouched.append(gains(tuner, logits, rest, counts[:, rest], names))
            tally.thumbs.append(len(found.intents))
            tally.classes.append(len(classes))
            tally.stated.append(100 * stated)
            print(
                f"partition {partition}, {name}: {len(found.intents)} thumbs. {found.summary}",
                flush=True,
            )
    return tallies


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("spec", nargs="?", default="demo")
    parser.add_argument(
        "--store", help="folder of the store (default: $INFICOND_STORE, else the spec's)"
    )
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--budget", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0, help="of the partitions")
    parser.add_argument("--strategies", nargs="+", choices=STRATEGIES, default=list(STRATEGIES))
    parser.add_argument(
        "--holdout", metavar="HISTORY", help="one look at the holdout, counted here"
    )
    args = parser.parse_args()
    tuner = open_tuner(args.spec, store=args.store, history=args.holdout or ":memory:")
    tallies = evaluate(tuner, args)
    heads = ("thumbs", "classes", "stated", "seen", "untouched", "seconds")
    print("\n{:10}{:>8}{:>9}{:>8}{:>24}{:>24}{:>9}".format("strategy", *heads))
    results = {}
    for name, tally in tallies.items():
        seen, rest = interval(tally.seen), interval(tally.untouched)
        stated = round(float(np.mean(tally.stated)), 2)
        results[name] = {"seen": seen, "untouched": rest, "stated": stated}
        text = [f"{v[0]:+.2f} [{v[1]:+.2f}, {v[2]:+.2f}]" for v in (seen, rest)]
        means = [np.mean(values) for values in (tally.thumbs, tally.classes, tally.seconds)]
        print(
            f"{name:10}{means[0]:8.1f}{means[1]:9.1f}{stated:+8.2f}{text[0]:>24}{text[1]:>24}"
            f"{means[2]:9.1f}"
        )
    sizes = {
        "store": tuner.store.title,
        "classes": len(set().union(*(part for t in tallies.values() for part in t.untouched))),
        "partitions": len(next(iter(tallies.values())).seen),
        "photos": "tune to holdout" if args.holdout else "tune in halves",
        "budget": args.budget,
    }
    print(json.dumps({"name": "suggest", "gains": results, "sizes": sizes}))


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
