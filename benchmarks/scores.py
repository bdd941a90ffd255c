"""Students by each way of scoring images by concepts.

    python benchmarks/scores.py [STORE ...] [--store DIR] [--draws 1000]

Stores default to --store, else INFICOND_STORE, else the embedded demo. Images are scored again from
the stored segment embeddings; no photo and no encoder is needed. For each method the exact students
are fitted on the split fit and measured on tune: mean AP over the classes, and fidelity (share of
images decided as the teacher does). The methods' scores have different scales, and an L1 penalty
depends on the scale, so lambda is chosen for each method: the best of a grid by AP against the
labels on a fifth of fit that is left out of the fit, in five folds; tune has no part in it.
"not clipped" is max_cosine without the clipping at 0, to tell what that costs. Changes are against
max_cosine: 95 % percentile intervals of a bootstrap over images, the same draws for all classes and
methods. The last line is one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from inficond_panel.concepts.scoring import Scoring, score_corpus
from inficond_panel.distill import Outcome, decision_function, fit, soft_targets
from inficond_panel.distill.metrics.bootstrap import FOLDS, draw_counts
from inficond_panel.store import Store, open_store

DEMO = Path(__file__).parents[1] / "specs" / "demo" / "demo.zarr"
USUAL = "max_cosine"
METHODS = {
    "max_cosine": Scoring(),
    "not clipped": None,
    "contrast 0.01": Scoring("contrast", 0.01),
    "contrast 0.03": Scoring("contrast", 0.03),
    "contrast 0.1": Scoring("contrast", 0.1),
    "centred": Scoring("centred"),
}
LAMBDAS = (1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5)
SPEC = 1e-4
TOLERANCE = 1e-4


def scored(store: Store, scoring: Scoring | None) -> NDArray:
    """Scores of all images, from the stored segments; None: the largest cosine as it is."""
    if scoring is None:
        cosine = store.segment_embedding.astype(np.float32) @ store.concept_text_embedding.T
        score = np.full((len(store.images), len(store.concepts)), -1, np.float32)
        np.maximum.at(score, store.segment_image, cosine)
        return score
    return score_corpus(
        store.segment_embedding,
        store.segment_image,
        store.concept_text_embedding,
        images=len(store.images),
        scoring=scoring,
        fit=(store.split == "fit")[store.segment_image],
    ).score


def logits(score: NDArray, target: NDArray, penalty: float, at: NDArray) -> tuple[NDArray, float]:
    """Logits of the images ``at`` by students of ``score`` and ``target``; weights used a class."""
    found = fit(score, target, l1=penalty, tolerance=TOLERANCE)
    used = float((found.weights != 0).sum(0).mean())
    return decision_function(at, found.weights, found.intercepts), used


def mean_ap(label: NDArray, logit: NDArray) -> float:
    """Mean AP over the classes with positives."""
    values = []
    for k in range(label.shape[1]):
        known = label[:, k] >= 0
        values.append(Outcome(label[known, k], logit[known, k]).value("ap"))
    return float(np.nanmean(values))


def choose(store: Store, score: NDArray) -> float:
    """Lambda with the best mean AP on folds of fit that the students did not see."""
    rows = store.rows("fit")
    target = soft_targets(store.teacher_logit[rows])
    fold = np.random.default_rng(0).permutation(len(rows)) % FOLDS
    found = {}
    for penalty in LAMBDAS:
        out = np.empty_like(target)
        for part in range(FOLDS):
            seen, unseen = rows[fold != part], rows[fold == part]
            out[fold == part], _ = logits(score[seen], target[fold != part], penalty, score[unseen])
        found[penalty] = mean_ap(store.label[rows], out)
    return max(found, key=found.__getitem__)


class Measured:
    """AP and fidelity of each class's student on tune, also on each draw of the images."""

    def __init__(self, store: Store, logit: NDArray, draws: int) -> None:
        rows = store.rows("tune")
        counts = draw_counts(len(rows), draws, 0)
        self.value: dict[str, list[float]] = {"ap": [], "fidelity": []}
        self.drawn: dict[str, list[NDArray]] = {"ap": [], "fidelity": []}
        for k in range(len(store.classes)):
            label, teacher = store.label[rows, k], store.teacher_logit[rows, k]
            outcome = Outcome(label, logit[:, k], teacher > 0)
            for metric in self.value:
                used = counts[:, label >= 0] if metric == "ap" else counts
                self.value[metric].append(outcome.value(metric))
                self.drawn[metric].append(outcome.values(metric, used))

    def mean(self, metric: str) -> float:
        """Mean over the classes where the metric is defined."""
        return float(np.nanmean(self.value[metric]))

    def change(self, before: Measured, metric: str) -> list[float]:
        """Change of the mean over classes, and the limits of its interval; in points."""
        change = np.array(self.value[metric]) - np.array(before.value[metric])
        defined = ~np.isnan(change)
        drawn = np.array(self.drawn[metric])[defined] - np.array(before.drawn[metric])[defined]
        low, high = np.quantile(np.nanmean(drawn, axis=0), [0.025, 0.975])
        return [round(100 * float(value), 2) for value in (change[defined].mean(), low, high)]


def measure(store: Store, draws: int) -> dict[str, dict[str, object]]:
    """All methods on one store."""
    fit_rows, tune_rows = store.rows("fit"), store.rows("tune")
    target = soft_targets(store.teacher_logit[fit_rows])
    results: dict[str, dict[str, object]] = {}
    kept: dict[tuple[str, str], Measured] = {}
    print(f"{store.title}: {len(fit_rows)} fit, {len(tune_rows)} tune, {len(store.concepts)} words")
    for name, scoring in METHODS.items():
        started = time.process_time()
        score = scored(store, scoring)
        seconds = time.process_time() - started
        chosen = choose(store, score)
        results[name] = {"zero": float((score == 0).mean()), "cpu_s": round(seconds, 2)}
        for which, penalty in (("chosen", chosen), ("spec", SPEC)):
            logit, used = logits(score[fit_rows], target, penalty, score[tune_rows])
            found = kept[name, which] = Measured(store, logit, draws)
            results[name][which] = {
                "lambda": penalty,
                "weights": round(used, 1),
                **{metric: round(100 * found.mean(metric), 2) for metric in ("ap", "fidelity")},
                **{
                    f"{metric}_change": found.change(kept[USUAL, which], metric)
                    for metric in ("ap", "fidelity")
                },
            }
            print_row(name, which, results[name][which])  # type: ignore[arg-type]
    return results


def print_row(name: str, which: str, row: dict[str, object]) -> None:
    change = "  ".join(
        "{} {:.2f} ({:+.2f} [{:+.2f}, {:+.2f}])".format(
            metric, row[metric], *row[f"{metric}_change"]
        )  # type: ignore[misc]
        for metric in ("ap", "fidelity")
    )
    print(f"  {name:<14} lambda {row['lambda']:<7g} {row['weights']:>6} weights  {change}  {which}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("stores", nargs="*", type=Path)
    parser.add_argument("--store", type=Path, default=os.environ.get("INFICOND_STORE"))
    parser.add_argument("--draws", type=int, default=1000)
    options = parser.parse_args()
    paths = options.stores or [options.store or DEMO]
    with threadpool_limits(1):
        results = {Path(path).stem: measure(open_store(path), options.draws) for path in paths}
    print(json.dumps({"name": "scores", "draws": options.draws, "stores": results}))


if __name__ == "__main__":
    main()
