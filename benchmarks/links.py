"""One student per class, the same with scaled logits, and one softmax student.

    python benchmarks/links.py [--store STORE.zarr] [--without CLASS ...] [--l1 1e-3 ... auto]

The data have one class an image. Students learn the teacher's softmax on images of fit, each by
its exact solver at gap <= 1e-6, and are measured on two halves of the other images, tune and
holdout. With ``auto`` the penalty is the one of seven whose students have the least cross-entropy
with the teacher on tune: for each class, or for the softmax student. Scaled are the logits f of the
students per class, by softmax(a f + b) of least cross-entropy with the teacher on fit, for students
that did not see the image (five folds): ``temperature`` (a one number, b = 0), ``offsets`` (b one
number per class), ``vector`` (a too); ``seen`` are offsets on the students that saw the images.

Differences are less the softmax student, in the mean over seeds; the interval of 95 % is of a
paired bootstrap of the images that all seeds measured. Data are made (as those of solver.py, the
teacher's logits read as a softmax's, another set for each seed), or with --store those of a store:
images that have exactly one of its classes, those named by --without left aside; seed 0 fits on its
whole split fit, others on four fifths of it. ``--alpha`` adds the labels to the loss: CE(label) +
alpha CE(teacher). ``ECE`` is of the likeliest class by the labels, ``teacher's`` by the teacher's
likeliest class, ``CE`` the cross-entropy with the teacher. Times are processor times of one thread.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package, if not installed

from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from solver_parts.data import synthetic
from threadpoolctl import threadpool_limits

from inficond_panel.distill import average_precision, change_intervals, fit, fit_joint
from inficond_panel.distill.metrics.bootstrap import stratified_folds
from inficond_panel.distill.metrics.top_class import TopClass, one_of_classes
from inficond_panel.store import open_store
from inficond_panel.tuning.fitting.penalty_choice import PATH

FOLDS = 5
SCALINGS = ("temperature", "offsets", "vector")
MEASURES = ("top-1", "ECE", "teacher's", "CE", "mAP", "weights", "seconds")


class Data(NamedTuple):
    """Scores (n, C), teacher's probabilities (n, K), labels, splits and names (n,) of images."""

    scores: Any
    teacher: Any
    label: Any
    split: Any
    image: Any

    def on(self, split: str) -> Data:
        """The images of a split."""
        return Data(*(each[self.split == split] for each in self))


def made(seed: int, images: int = 4000, concepts: int = 200, classes: int = 10) -> Data:
    scores, logit = synthetic(images, concepts, classes, seed)
    rng = np.random.default_rng(seed)
    label = (logit + rng.gumbel(size=logit.shape)).argmax(axis=1)  # drawn from the softmax
    split = np.array(["fit", "tune", "fit", "holdout"])[np.arange(images) % 4]
    image = np.arange(images) + seed * images
    return Data(scores, softmax(logit, axis=1), label, split, image)


def of_store(path: Path, without: list[str], concepts: int | None, seed: int) -> Data:
    store, rng = open_store(path), np.random.default_rng(seed)
    kept = [k for k, name in enumerate(store.classes) if name not in without]
    rows = np.flatnonzero((store.label[:, kept] == 1).sum(axis=1) == 1)
    fitted = np.array([str(name) for name in store.split])[rows] == "fit"
    split = np.where(fitted, "fit", "holdout").astype("U7")
    rest = rng.permutation(np.flatnonzero(~fitted))
    split[rest[: len(rest) // 2]] = "tune"
    if seed:
        split[rng.permutation(np.flatnonzero(fitted))[: fitted.sum() // 5]] = "none"
    label, logit = store.label[np.ix_(rows, kept)], store.teacher_logit[np.ix_(rows, kept)]
    some = np.random.default_rng(0).permutation(len(store.concepts))[:concepts]
    scores = store.concept_score[rows][:, np.sort(some)]
    teacher = softmax(logit.astype(np.float64), axis=1)
    return Data(scores, teacher, label.argmax(axis=1), split, rows)


class Loss(NamedTuple):
    """Images to fit on: scores, targets, and the weight of each (None: all 1)."""

    scores: Any
    targets: Any
    weight: Any = None

    def of(self, rows: Any) -> Loss:
        """The images at ``rows``."""
        return Loss(*(None if each is None else each[rows] for each in self))


def loss_of(data: Data, alpha: float | None) -> tuple[Loss, Any]:
    """The images of fit (twice with labels, as in the definition), and the image of each row."""
    n, label = len(data.label), np.eye(data.teacher.shape[1])[data.label]
    if alpha is None:
        return Loss(data.scores, data.teacher), np.arange(n)
    rows = np.vstack([data.scores] * 2), np.vstack([label, data.teacher])
    return Loss(*rows, np.repeat([1.0, alpha], n)), np.tile(np.arange(n), 2)


def logits(student: Any, scores: Any) -> Any:
    return scores.astype(np.float64) @ student.weights + student.intercepts


def scaling(logit: Any, loss: Loss, kind: str) -> tuple[Any, Any]:
    """Factors and offsets (K,) of least cross-entropy with the targets: a convex problem."""
    (n, classes), weight = logit.shape, 1.0 if loss.weight is None else loss.weight[:, None]

    def parts(values: Any) -> tuple[Any, Any]:
        if kind == "vector":
            return values[:classes], values[classes:]
        offsets = values[1:] if kind == "offsets" else np.zeros(classes)
        return np.full(classes, values[0]), offsets

    def objective(values: Any) -> tuple[float, Any]:
        factor, offset = parts(values)
        likely = log_softmax(logit * factor + offset, axis=1)
        error = weight * (np.exp(likely) - loss.targets) / n
        by_factor, by_offset = (error * logit).sum(axis=0), error.sum(axis=0)
        slope = by_factor if kind == "vector" else by_factor.sum(keepdims=True)
        slopes = slope if kind == "temperature" else np.concatenate([slope, by_offset])
        return -(weight * loss.targets * likely).sum() / n, slopes

    ones = np.ones(classes if kind == "vector" else 1)
    first = ones if kind == "temperature" else np.concatenate([ones, np.zeros(classes)])
    return parts(minimize(objective, first, jac=True, method="L-BFGS-B").x)


def chosen(data: Data, loss: Loss) -> tuple[Any, float]:
    """Penalties of least cross-entropy with the teacher on tune: per class; for the softmax."""
    tune, each, together = data.on("tune"), [], []
    for l1 in PATH:
        given = {"l1": l1, "sample_weight": loss.weight, "tolerance": 1e-4}
        students = fit(loss.scores, loss.targets, **given)
        f, none = logits(students, tune.scores), ~(students.weights != 0).any(axis=0)
        losses = (np.logaddexp(0, f) - tune.teacher * f).mean(axis=0)
        each.append(np.where(none, np.inf, losses))
        joint = fit_joint(loss.scores, loss.targets, **given)
        g = log_softmax(logits(joint, tune.scores), axis=1)
        together.append(-(tune.teacher * g).sum(axis=1).mean())
    return PATH[np.argmin(each, axis=0)], PATH[np.argmin(together)]


def classifiers(data: Data, l1: str, alpha: float | None) -> Iterator[tuple[str, Any, int, float]]:
    """Name, function from scores to probabilities, weights and seconds of each kind."""
    loss, image = loss_of(data.on("fit"), alpha)
    of_class, of_all = chosen(data, loss) if l1 == "auto" else (float(l1), float(l1))
    started = time.process_time()
    joint = fit_joint(loss.scores, loss.targets, l1=of_all, sample_weight=loss.weight)
    took = time.process_time() - started
    used = np.count_nonzero(joint.weights)
    yield "softmax", lambda x: softmax(logits(joint, x), axis=1), used, took
    started = time.process_time()
    given = {"l1": of_class, "sample_weight": loss.weight}
    each = fit(loss.scores, loss.targets, **given)
    took, used = time.process_time() - started, np.count_nonzero(each.weights)
    yield "per class", lambda x: one_of_classes(logits(each, x)), used, took
    folds = stratified_folds(data.on("fit").teacher > 0.5, FOLDS, 0)[image]
    unseen = np.empty(loss.targets.shape)
    for fold in range(FOLDS):
        inside = loss.of(folds != fold)
        given["sample_weight"] = inside.weight
        left = fit(inside.scores, inside.targets, **given)
        unseen[folds == fold] = logits(left, loss.scores[folds == fold])
    for kind in (*SCALINGS, "seen"):
        learned = unseen if kind in SCALINGS else logits(each, loss.scores)
        a, b = scaling(learned, loss, kind if kind in SCALINGS else "offsets")
        took = time.process_time() - started
        yield kind, lambda x, a=a, b=b: softmax(logits(each, x) * a + b, axis=1), used, took


def measured(p: Any, data: Data) -> dict[str, float]:
    """The measures of probabilities (n, K) on some images, by name."""
    of_label, of_teacher = TopClass(data.label, p), TopClass(data.teacher.argmax(axis=1), p)
    ap = [average_precision(data.label == k, p[:, k]) for k in np.unique(data.label)]
    return {
        "top-1": of_label.value("top1"),
        "ECE": of_label.value("top_ece"),
        "teacher's": of_teacher.value("top_ece"),
        "CE": -(data.teacher * np.log(np.maximum(p, 1e-300))).sum(axis=1).mean(),
        "mAP": float(np.mean(ap)),
    }


def compare(sets: list[Data], l1: str, alpha: float | None) -> None:
    rows: dict[tuple[str, str], list[dict[str, float]]] = {}
    every: dict[str, list[tuple[Any, Data]]] = {}
    for data in sets:
        for name, of, used, seconds in classifiers(data, l1, alpha):
            for split in ("tune", "holdout"):
                part = data.on(split)
                p = of(part.scores)
                every.setdefault(name, []).append((p, part))
                row = measured(p, part) | {"weights": used, "seconds": seconds}
                rows.setdefault((name, split), []).append(row)
    for (name, split), found in rows.items():
        mean = {key: np.mean([row[key] for row in found]) for key in MEASURES}
        less = {key: mean[key] - np.mean([row[key] for row in rows["softmax", split]])
                for key in ("top-1", "ECE")}  # fmt: skip
        print(
            f"{l1:<6}{name:<12}{split:<8}"
            + "  ".join(f"{key} {mean[key]:.3f}" for key in MEASURES[:5])
            + f"  weights {mean['weights']:.0f}  {mean['seconds']:.1f} s  less the softmax's: "
            + ", ".join(f"{key} {value:+.3f}" for key, value in less.items())
        )
    together = whole(every.pop("softmax"))
    for name, found in every.items():
        changes = change_intervals(together, whole(found), ("top1", "top_ece")).items()
        said = [f"{key} {c.estimate:+.3f} [{c.low:+.3f}, {c.high:+.3f}]" for key, c in changes]
        print(f"{l1:<6}{name:<12}all seeds and both halves: {', '.join(said)}")


def whole(found: list[tuple[Any, Data]]) -> TopClass:
    """All measured images; an image that several seeds measured is drawn with all of these."""
    p, parts = zip(*found, strict=True)
    label, image = (np.concatenate([getattr(part, of) for part in parts])
                    for of in ("label", "image"))  # fmt: skip
    return TopClass(label, np.concatenate(p), group=np.unique(image, return_inverse=True)[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", type=Path)
    parser.add_argument("--without", nargs="*", default=[], metavar="CLASS")
    parser.add_argument("--concepts", type=int, help="so many of the store's concepts, by chance")
    parser.add_argument("--l1", nargs="*", default=["1e-3", "3e-4", "1e-4", "auto"])
    parser.add_argument("--alpha", type=float, help="weight of the teacher beside the labels")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    made_of = options.without, options.concepts
    sets = [
        of_store(options.store, *made_of, seed) if options.store else made(seed)
        for seed in range(options.seeds)
    ]
    sizes = [f"{len(sets[0].on(split).label)} of {split}" for split in ("fit", "tune", "holdout")]
    concepts, classes = sets[0].scores.shape[1], sets[0].teacher.shape[1]
    print(f"{', '.join(sizes)}; {concepts} concepts, {classes} classes")
    with threadpool_limits(1):
        for l1 in options.l1:
            compare(sets, l1, options.alpha)


if __name__ == "__main__":
    main()
