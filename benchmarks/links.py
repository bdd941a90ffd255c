"""One student per class against one softmax student, on data with one class an image.

    python benchmarks/links.py [--store STORE.zarr] [--without CLASS ...] [--l1 1e-3 ...]

Students learn the teacher's softmax on one half of the images and are measured on the other, each
by its exact solver at gap <= 1e-6. Differences are softmax student less students per class, with
paired bootstrap intervals of 95 %. Data are made (as those of solver.py, the teacher's logits read
as a softmax's), or with --store those of a store: images that have exactly one of its classes,
those named by --without left aside; students are fitted on its split fit. With --saga also
scikit-learn's multinomial, on the labels, with the same penalty. Times are processor times of one
thread.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package, if not installed

from scipy.special import softmax
from solver_parts.data import synthetic
from threadpoolctl import threadpool_limits

from inficond_panel.distill import change_intervals, fit, fit_joint, metric_intervals
from inficond_panel.distill.metrics.top_class import TopClass, one_of_classes
from inficond_panel.store import open_store

METRICS = ("top1", "top_k", "balanced_accuracy", "top_ece", "agreement")


class Data(NamedTuple):
    """Scores (n, C), the teacher's logits (n, K), labels (n,), and which images are fitted on."""

    scores: Any
    logit: Any
    label: Any
    fit: Any


def made(images: int = 4000, concepts: int = 200, classes: int = 10) -> Data:
    scores, logit = synthetic(images, concepts, classes)
    rng = np.random.default_rng(0)
    label = (logit + rng.gumbel(size=logit.shape)).argmax(axis=1)  # drawn from the softmax
    return Data(scores, logit, label, np.arange(images) % 2 == 0)


def of_store(path: Path, without: list[str]) -> Data:
    store = open_store(path)
    kept = [k for k, name in enumerate(store.classes) if name not in without]
    rows = np.flatnonzero((store.label[:, kept] == 1).sum(axis=1) == 1)
    split = np.array([str(name) for name in store.split])[rows]
    label, logit = store.label[np.ix_(rows, kept)], store.teacher_logit[np.ix_(rows, kept)]
    return Data(store.concept_score[rows], logit, label.argmax(axis=1), split == "fit")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", type=Path)
    parser.add_argument("--without", nargs="*", default=[], metavar="CLASS")
    parser.add_argument("--l1", type=float, nargs="*", default=[3e-3, 1e-3, 3e-4, 1e-4])
    parser.add_argument("--saga", action="store_true", help="scikit-learn's multinomial as well")
    options = parser.parse_args()
    data = of_store(options.store, options.without) if options.store else made()
    fitted, classes = int(data.fit.sum()), data.logit.shape[1]
    print(f"{fitted} images to fit on, {len(data.fit) - fitted} to measure, {classes} classes")
    teacher = TopClass(data.label[~data.fit], softmax(data.logit[~data.fit], axis=1))
    print(f"{'teacher':<38}{_levels(teacher, METRICS[:4])}")
    with threadpool_limits(1):
        for l1 in options.l1:
            compare(data, teacher, l1, options.saga)


def compare(data: Data, teacher: TopClass, l1: float, saga: bool) -> None:
    x, targets = data.scores[data.fit], softmax(data.logit.astype(np.float64), axis=1)[data.fit]
    started = time.process_time()
    each = fit(x, targets, l1=l1)
    middle = time.process_time()
    joint = fit_joint(x, targets, l1=l1)
    took = middle - started, time.process_time() - middle
    rest = data.scores[~data.fit].astype(np.float64)
    apart = one_of_classes(rest @ each.weights + each.intercepts)
    together = softmax(rest @ joint.weights + joint.intercepts, axis=1)
    found = []
    for name, p, made_of, seconds in (
        ("per class", apart, each.weights, took[0]),
        ("softmax", together, joint.weights, took[1]),
    ):
        found.append(TopClass(data.label[~data.fit], p, teacher.named))
        _say(name, l1, found[-1], made_of, seconds)
    if saga:
        _saga(data, teacher, l1)
    for metric, change in change_intervals(found[0], found[1], METRICS).items():
        print(f"    {metric:<20} {change.estimate:+.3f} [{change.low:+.3f}, {change.high:+.3f}]")


def _saga(data: Data, teacher: TopClass, l1: float) -> None:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    label = data.label[data.fit]
    model = LogisticRegression(C=1 / (len(label) * l1), l1_ratio=1, solver="saga", tol=1e-4)
    started = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.set_params(max_iter=1000).fit(data.scores[data.fit], label)
    seconds, p = time.process_time() - started, np.zeros((int((~data.fit).sum()), teacher.classes))
    p[:, model.classes_] = model.predict_proba(data.scores[~data.fit])
    found = TopClass(data.label[~data.fit], p, teacher.named)
    _say(f"saga on labels, {model.n_iter_.max()} passes", l1, found, model.coef_, seconds)


def _say(name: str, l1: float, found: TopClass, weights: np.ndarray, seconds: float) -> None:
    size = f"{np.count_nonzero(weights)} weights"
    print(f"{name:<26}{l1:<12g}{_levels(found, METRICS)}  {size:<13}{seconds:6.2f} s")


def _levels(found: TopClass, metrics: tuple[str, ...]) -> str:
    levels = metric_intervals(found, metrics)
    return "  ".join(f"{metric} {level.estimate:.3f}" for metric, level in levels.items())


if __name__ == "__main__":
    main()
