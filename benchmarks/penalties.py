"""The L1 penalty that ``students.lambda: auto`` chooses, beside fixed ones, on photos kept apart.

    python benchmarks/penalties.py SPEC [--store DIR] [--seeds 3] [--first-seed 0] [--pairs 5]
    python benchmarks/penalties.py SPEC --as-is [--store DIR] [--times 3]

SPEC is a spec, or a store, with labels. Its photos are parted by chance into fit, tune and holdout.
For pairs of a class and a context fit is biased as in benchmarks/shift.py; as many classes are left
as they are. Teachers are those of shift_parts/teachers.py, *own* on the store's own splits.
Per rule: mean AP and
fidelity on the holdout in points, the largest loss of AP against 1e-4, and concepts per class.
Rules: fixed penalties; auto (least loss against the teacher on tune); the largest and the least
penalty within one standard error of it; folds of fit; and the highest AP on the holdout, which no
rule can know.

``--as-is``: all classes with the splits and the teacher of SPEC, at 1e-4 and at auto. AP and
fidelity on the holdout with 95 % intervals of the paired change, concepts, and processor seconds of
the first opening, the least of ``--times``.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from time import process_time

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from shift_parts.pairs import biased, draw_split, find_pairs
from shift_parts.teachers import teacher_logits

from inficond_panel import distill
from inficond_panel.common.interval import Interval
from inficond_panel.distill.metrics.bootstrap import FOLDS, change_intervals, stratified_folds
from inficond_panel.store import Store
from inficond_panel.tuning import Tuner, open_tuner
from inficond_panel.tuning.fitting.penalty_choice import compared_penalties

#: Positives of fit that a class without a bias needs.
LEAST = 60
MEASURED = ("ap", "fidelity")
#: Teachers that are made, on photos parted by chance.
MADE = ("strong", "honest", "shortcut", "non-linear")


@dataclass(frozen=True)
class Case:
    """One teacher's logits of a class, and the rows to fit to, to choose by and to judge."""

    store: Store
    k: int
    logits: NDArray
    fit: NDArray[np.intp]
    tune: NDArray[np.intp]
    holdout: NDArray[np.intp]


def main() -> None:
    """Run all cases, and print a table per teacher."""
    args = parse_args()
    if args.as_is:
        show_as_is(args)
        return
    store = open_tuner(args.spec, store=args.store, history=":memory:").store
    found = defaultdict(list)
    for seed in range(args.first_seed, args.first_seed + args.seeds):
        for title, case in cases(store, seed, args.pairs):
            found[title].append(outcome(case))
    for title, rows in found.items():
        show(title, rows)


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("spec")
    parser.add_argument("--store")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--as-is", action="store_true")
    parser.add_argument("--times", type=int, default=3)
    return parser.parse_args()


def cases(store: Store, seed: int, count: int) -> Iterator[tuple[str, Case]]:
    """Title and case of each teacher of some pairs and some classes without a bias."""
    split, rng = draw_split(store, seed), np.random.default_rng(seed)
    pairs = find_pairs(store, split)
    for pair in (pairs[i] for i in rng.permutation(len(pairs))[:count]):
        fit, k = biased(store, split.fit, pair, 0.02, seed), pair.target
        teachers = {name: teacher_logits(name, store, k, split.fit, seed, fit) for name in MADE}
        for name, logits in teachers.items():
            yield f"biased fit, {name}", Case(store, k, logits, fit, split.tune, split.holdout)
    shown = (np.asarray(store.label)[split.fit] == 1).sum(axis=0)
    for k in map(int, rng.permutation(np.flatnonzero(shown >= LEAST))[:count]):
        teachers = {
            name: teacher_logits(name, store, k, split.fit, seed)
            for name in MADE
            if name != "shortcut"
        }
        for name, logits in teachers.items():
            yield f"fit, {name}", Case(store, k, logits, split.fit, split.tune, split.holdout)
        own = store.teacher_log_odds[:, k].astype(np.float64)
        yield "fit, own", Case(store, k, own, *map(store.rows, ("fit", "tune", "holdout")))


def outcome(case: Case) -> dict[str, tuple[float, float, int]]:
    """AP and fidelity on the holdout in points, and number of concepts, by rule."""
    path, target = np.array(compared_penalties(case.store)), expit(case.logits)
    students = fitted(case, case.fit, target, path)
    of_tune, of_holdout = (logits_of(case, rows, students) for rows in (case.tune, case.holdout))
    losses = loss(of_tune, target[case.tune])
    best = int(losses.mean(axis=0).argmin())
    error = (losses - losses[:, [best]]).std(axis=0, ddof=1) / np.sqrt(len(losses))
    within = losses.mean(axis=0) <= losses[:, best].mean() + error
    label = np.asarray(case.store.label)[case.holdout, case.k]
    ap = [100 * distill.average_precision(label, column) for column in of_holdout.T]
    alike = (of_holdout > 0) == (case.logits[case.holdout, None] > 0)
    sizes = (students.weights != 0).sum(axis=0)
    rules = {
        "1e-4": 0,
        "1e-3": 3,
        "auto": best,
        "within one error": int(np.flatnonzero(within & (sizes > 0)).max(initial=best)),
        "least within one": int(np.flatnonzero(within & (sizes > 0)).min(initial=best)),
        "folds of fit": by_folds(case, target, path),
        "highest AP": int(np.nanargmax(ap)),
    }
    return {
        rule: (ap[at], 100 * float(alike[:, at].mean()), int(sizes[at]))
        for rule, at in rules.items()
    }


def fitted(case: Case, rows: NDArray, target: NDArray, path: NDArray) -> distill.Fit:
    """Students of each penalty, fitted to these photos."""
    targets = np.repeat(target[rows, None], len(path), axis=1)
    return distill.fit(case.store.concept_score[rows], targets, l1=path, tolerance=1e-4)


def logits_of(case: Case, rows: NDArray, students: distill.Fit) -> NDArray:
    """Logits (n, penalties) of these photos."""
    scores = case.store.concept_score[rows]
    return distill.decision_function(scores, students.weights, students.intercepts)


def loss(logits: NDArray, target: NDArray) -> NDArray:
    """Cross-entropy (n, penalties) with the teacher's probabilities (n,)."""
    return np.asarray(np.logaddexp(0, logits) - target[:, None] * logits)


def by_folds(case: Case, target: NDArray, path: NDArray) -> int:
    """Position of the penalty of least loss on photos of fit that were left out."""
    folds = stratified_folds(target[case.fit, None] > 0.5, FOLDS, seed=0)
    losses = []
    for fold in range(FOLDS):
        out = case.fit[folds == fold]
        students = fitted(case, case.fit[folds != fold], target, path)
        losses.append(loss(logits_of(case, out, students), target[out]))
    return int(np.concatenate(losses).mean(axis=0).argmin())


def show(title: str, rows: list[dict[str, tuple[float, float, int]]]) -> None:
    """Print one row per rule."""
    print(f"\n{title}, {len(rows)} students   AP (worst against 1e-4)   fidelity   concepts")
    for rule in rows[0]:
        ap, fidelity, concepts = np.array([row[rule] for row in rows]).T
        change = ap - [row["1e-4"][0] for row in rows]
        print(
            f"  {rule:18s} {np.nanmean(ap):5.1f} ({np.nanmin(change):+5.1f})"
            f"   {fidelity.mean():5.1f}   {concepts.mean():5.0f}"
        )


def show_as_is(args: argparse.Namespace) -> None:
    """Print AP and fidelity per class with 1e-4 and with auto, their means, and the seconds."""
    fixed, fixed_seconds = opened(args, 1e-4)
    chosen, chosen_seconds = opened(args, "auto")
    before, after = (tuner.at(tuner.root(), "holdout") for tuner in (fixed, chosen))
    print("class   λ   concepts   AP at 1e-4, change   fidelity at 1e-4, change   (points)")
    rows = []
    for k, name in enumerate(chosen.store.classes):
        old, new = before[name], after[name]
        gains = change_intervals(old.outcome, new.outcome, MEASURED, draws=2000)
        figures = [[each.outcome.value(metric) for metric in MEASURED] for each in (old, new)]
        sizes = [int((each.weights != 0).sum()) for each in (old, new)]
        changes = [
            f"{100 * was:.1f}, {span(gains[key])}"
            for was, key in zip(figures[0], gains, strict=True)
        ]
        print(f"  {name:15s} {chosen.penalties[k]:.2g}   {sizes}   {'   '.join(changes)}")
        rows.append([[*each, size] for each, size in zip(figures, sizes, strict=True)])
    for title, (ap, fidelity, size) in zip(("1e-4", "auto"), np.mean(rows, axis=0), strict=True):
        print(f"mean at {title}: AP {100 * ap:.2f}, fidelity {100 * fidelity:.2f}, {size:.0f}")
    print(f"seconds {fixed_seconds:.1f} → {chosen_seconds:.1f}")


def opened(args: argparse.Namespace, penalty: float | str) -> tuple[Tuner, float]:
    """A tuner with its original students, and the least seconds that these took."""
    seconds = []
    for _ in range(args.times):
        given = open_tuner(args.spec, store=args.store, history=":memory:")
        tuner = given.with_students(lambda_=penalty)
        start = process_time()
        tuner.root()
        seconds.append(process_time() - start)
    return tuner, min(seconds)


def span(gain: Interval) -> str:
    """A change with its interval, in points."""
    estimate, low, high = (100 * each for each in (gain.estimate, gain.low, gain.high))
    return f"{estimate:+.1f} [{low:+.1f}, {high:+.1f}]"


if __name__ == "__main__":
    main()
