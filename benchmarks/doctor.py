"""Seconds that the doctor and ``suggest`` take for one class, for all, and when asked again.

    python benchmarks/doctor.py SPEC [--store DIR] [--photos 5000] [--classes 20]

SPEC is a spec of which a store was made. Its photos are drawn with replacement, with a little noise
on their scores, three quarters of them for fit and one for tune; its classes are repeated up to the
number asked for. The students are there already. Printed are seconds and seconds of the processor,
for each class the median; the last line is one line of JSON.

Most of the time of ``suggest`` is the students that learn labels of tune: of each λ and weight, one
without each fold. They are compared with students that are fitted one by one, each to its images
alone, to the same gap: the ratio of processor time, the median over classes, least and most; and
the largest difference of a logit.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from inficond_panel import from_frames, open_students
from inficond_panel.api.students import TunableStudents
from inficond_panel.distill import decision_function, fit
from inficond_panel.distill.metrics.bootstrap import FOLDS
from inficond_panel.store import Store, open_store
from inficond_panel.store.write import add_arrays
from inficond_panel.tuning import open_tuner
from inficond_panel.tuning.fitting.class_fit import held_out_logits
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.tuning.repairs.evidence import Evidence
from inficond_panel.tuning.repairs.learn import Learn
from inficond_panel.tuning.repairs.penalty import Lambda
from inficond_panel.tuning.repairs.resolution import compared_terms
from inficond_panel.vocabulary.intents import LABELS
from inficond_panel.vocabulary.picture_properties import PICTURE_PROPERTIES
from inficond_panel.vocabulary.splits import TUNE

#: Noise on a score, in standard deviations: no two photos are the same.
NOISE = 0.5
#: Photos of the holdout, which nothing here looks at; classes of which each is timed alone.
HELD_OUT, TIMED = 20, 6
#: Gap at which the solver stops for students that are compared.
ROUGH = 1e-3


def drawn_store(store: Store, photos: int, classes: int, folder: Path) -> Path:
    """Write a store of so many photos of fit and tune, drawn of another one."""
    rng = np.random.default_rng(0)
    rows = rng.integers(len(store.images), size=photos + HELD_OUT)
    columns = np.arange(classes) % len(store.classes)
    names = [f"{store.classes[k]} {place}" for place, k in enumerate(columns)]
    images = [f"{place}" for place in range(len(rows))]
    scores = np.asarray(store.concept_score[rows], dtype=np.float32)
    scores += NOISE * scores.std(axis=0) * rng.standard_normal(scores.shape, dtype=np.float32)
    split = np.repeat(["fit", "tune", "holdout"], [photos - photos // 4, photos // 4, HELD_OUT])
    path = folder / "drawn.zarr"
    from_frames(
        pd.DataFrame(scores, index=images, columns=store.concepts),
        pd.DataFrame(store.teacher_log_odds[rows][:, columns], index=images, columns=names),
        pd.DataFrame((store.label[rows][:, columns] == 1) * 1.0, index=images, columns=names),
        split=pd.Series(split, index=images),
        path=path,
    )
    if store.holds("pictures"):
        keys = np.array([each.key for each in PICTURE_PROPERTIES])
        known = {"picture": keys, "picture_property": np.asarray(store.picture_property)[rows]}
        add_arrays(open_store(path), known, {})
    return path


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Seconds and seconds of the processor that some work takes."""
    begin, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - begin, time.process_time() - processor


def one_by_one(evidence: Evidence, tried: list[Terms]) -> NDArray:
    """Cross-fitted logits (m, n) of tune, of students that are fitted one by one."""
    student, logits = evidence.student, np.empty((len(tried), len(evidence.tune)))
    for number, terms in enumerate(tried):
        data = student.under(terms).data
        scores, targets, l1 = data.images.scores, data.targets.values, data.penalties.l1_of(0)
        for fold in range(FOLDS):
            out = evidence.tune_folds == fold
            inside = data.images.without(evidence.tune[out])
            weight = data.weight(0)[inside]
            given = {"l1": l1, "sample_weight": weight, "tolerance": ROUGH}
            made = fit(scores[inside], targets[inside], **given)
            seen = evidence.tune_scores[out]
            logits[number, out] = decision_function(seen, made.weights, made.intercepts)[:, 0]
    return logits


def cross_fits(students: TunableStudents, name: str) -> tuple[float, float]:
    """How many times as long students take one by one, and the largest difference of a logit."""
    tuner = students.tuner
    student = tuner.repairs.class_fit(tuner.root(), name)
    evidence = tuner.repairs.evidence(student, tuner.store.rows(TUNE))
    tried = compared_terms(evidence, [Learn(name, LABELS), Lambda(name)])
    found: list[NDArray] = []
    given = student, tried, evidence.tune, evidence.tune_folds
    _, ours = timed(lambda: found.append(held_out_logits(*given, tolerance=ROUGH)))
    _, plain = timed(lambda: found.append(one_by_one(evidence, tried)))
    return plain / ours, float(np.abs(found[0] - found[1]).max())


def main() -> None:
    """Time single classes, then the report, and print both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("spec")
    parser.add_argument("--store")
    parser.add_argument("--photos", type=int, default=5000)
    parser.add_argument("--classes", type=int, default=20)
    args = parser.parse_args()
    store = open_tuner(args.spec, store=args.store, history=":memory:").store
    with TemporaryDirectory() as folder:
        path = drawn_store(store, args.photos, args.classes, Path(folder))
        students = open_students(path, history=":memory:").fit()
        names = students.classes[:TIMED]
        students.doctor([names[0]])  # modules are loaded once
        alone = np.array([timed(lambda name=name: students.doctor([name])) for name in names])
        proposed = [timed(lambda name=name: students.suggest(classes=[name])) for name in names]
        ratios, apart = np.array([cross_fits(students, name) for name in names]).T
        anew = open_students(path, history=":memory:").fit()  # nothing is known of any class
        whole = timed(anew.doctor)
        again = timed(anew.doctor)
    one = np.median(alone, axis=0)
    repairs = np.median(proposed, axis=0)
    rows = {"a class": one, "suggest": repairs, f"{args.classes} classes": whole, "again": again}
    for what, (seconds, processor) in rows.items():
        print(f"{what:12s} {seconds:6.2f} s, {processor:6.2f} s of the processor")
    ratio = [float(value) for value in np.quantile(ratios, [0.5, 0, 1])]
    print("students one by one: {:.2f} times as long [{:.2f}, {:.2f}]".format(*ratio))
    print(f"largest difference of a logit {apart.max():.1g}")
    shown = {"ratios": {"one by one": round(ratio[0], 2)}, "suggest": repairs.round(2).tolist()}
    shown |= {"class": one.round(3).tolist(), "report": np.round(whole, 2).tolist()}
    shown["again"] = np.round(again, 3).tolist()
    print(json.dumps({"name": "doctor", "photos": args.photos, **shown}))


if __name__ == "__main__":
    main()
