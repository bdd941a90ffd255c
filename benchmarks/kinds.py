"""Kinds of shift that the doctor names, on differences that were made.

    python benchmarks/kinds.py SPEC [--store DIR] [--first-seed 0] [--seeds 1] [--pairs 12]
                               [--strength medium] [--kind KIND]

SPEC is a spec with photos and labels, of which a store was made. Its photos are parted by chance
into fit, tune and holdout, and for each class fit is made different by one kind at a time
(shift_parts/made.py). The teacher has learned the labels as they are given, wrong ones too. Where
pictures were changed, their scores are as they were before. Printed is how often the first kind
that is named is the right one, how often another is named first, how often it is said that nothing
can be told apart, and how often nothing is found; and, of wrong labels, the precision of the first
50 that are listed, beside that of cleanlab's order on the same chances. The last line is one line
of JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter, defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package precompute, not a file
from shift_parts.made import (
    CHANGES,
    FEW,
    HONEST,
    LOST,
    MISSING,
    NOISE,
    PHOTOS,
    SHARE,
    Made,
    Pictures,
    made_cases,
)

from inficond_panel import from_frames, open_students
from inficond_panel.store import Store, open_store
from inficond_panel.store.write import add_arrays
from inficond_panel.tuning import open_tuner
from inficond_panel.tuning.shift import class_shift
from inficond_panel.tuning.shift_kinds import Differences, FitLabels, differences
from inficond_panel.vocabulary import shift_kinds
from inficond_panel.vocabulary.pictures import PICTURE_PROPERTIES
from precompute.datasets import load_dataset

#: The kind that is right for what was made.
RIGHT = {
    LOST: shift_kinds.LOST,
    NOISE: shift_kinds.NOISE,
    MISSING: shift_kinds.NOISE,
    SHARE: shift_kinds.SHARE,
    PHOTOS: shift_kinds.PHOTOS,
    FEW: shift_kinds.FEW,
}
#: Labels of which the precision is taken.
FIRST = 50
#: Photos of the holdout, which nothing here looks at.
HELD_OUT = 20


def main() -> None:
    """Make all differences, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("spec")
    parser.add_argument("--store")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--strength", default="medium", choices=("weak", "medium", "strong"))
    parser.add_argument(
        "--kind", action="append", default=[], help="kinds to make; all if left out"
    )
    args = parser.parse_args()
    tuner = open_tuner(args.spec, store=args.store, history=":memory:")
    dataset, store = load_dataset(tuner.spec.dataset), tuner.store
    row_of = {name: row for row, name in enumerate(dataset.ids)}
    pictures = Pictures(lambda name: dataset.load(row_of[name]))
    seeds = range(args.first_seed, args.first_seed + args.seeds)
    answers, right = defaultdict[str, Counter[str]](Counter), defaultdict[str, list[float]](list)
    for made in made_cases(store, pictures, seeds, [args.strength], args.pairs, args.kind):
        with TemporaryDirectory() as folder:
            found = looked_at(store, made, Path(folder))
        answers[made.kind][answer(made.kind, found)] += 1
        if made.kind == NOISE and found.labels is not None:
            wrong = (np.asarray(store.label)[made.fit, made.k] == 1) != (made.label == 1)
            for name, value in precisions(found.labels, wrong).items():
                right[name].append(value)
    for kind, counts in answers.items():
        print(f"{kind:26s} {counts.total():4d}  {dict(counts.most_common())}")
    means = {name: float(np.mean(values)) for name, values in right.items()}
    print(f"precision of the first {FIRST} labels: {means}")
    print(json.dumps({"answers": answers, "precision": means}))


def precisions(labels: FitLabels, wrong: NDArray) -> dict[str, float]:
    """Share of labels that are ``wrong`` (n,) among the first: by our order, and by the chance of
    the given label, cleanlab's self-confidence (Northcutt, Jiang and Chuang 2021)."""
    given = np.where(labels.label == 1, labels.present, 1 - labels.present)
    orders = {"ours": -labels.wrong, "self-confidence": given}
    return {
        name: float(wrong[np.argsort(order, kind="stable")[:FIRST]].mean())
        for name, order in orders.items()
    }


def looked_at(store: Store, made: Made, folder: Path) -> Differences:
    """What the doctor says of the student of a made class."""
    rows = np.concatenate([made.fit, made.split.tune, made.split.holdout[:HELD_OUT]])
    sizes = [len(made.fit), len(made.split.tune), HELD_OUT]
    names, name = [str(store.images[row]) for row in rows], store.classes[made.k]
    label = (np.asarray(store.label)[rows, made.k] == 1).astype(float)
    label[: len(made.fit)] = made.label
    scores = np.asarray(store.concept_score[rows], dtype=np.float32)
    split = np.repeat(["fit", "tune", "holdout"], sizes)
    from_frames(
        pd.DataFrame(scores, index=names, columns=store.concepts),
        pd.DataFrame(made.logits[rows, None], index=names, columns=[name]),
        pd.DataFrame(label[:, None], index=names, columns=[name]),
        split=pd.Series(split, index=names),
        path=folder / "made.zarr",
    )
    keys = np.array([each.key for each in PICTURE_PROPERTIES])
    known = {"picture": keys, "picture_property": made.pictures[rows]}
    add_arrays(open_store(folder / "made.zarr"), known, {})
    students = open_students(folder / "made.zarr", history=":memory:")
    tuner = students.tuner
    photos = tuner.cures.photos(
        tuner.cures.class_fit(students.node, name), tuner.store.rows("tune")
    )
    return differences(photos, class_shift(photos))


def answer(kind: str, found: Differences) -> str:
    """Whether the first kind that is named is the right one."""
    if not found.kinds:
        return "cannot tell" if found.perhaps else ("right" if kind == HONEST else "nothing")
    first = found.kinds[0]
    if first == shift_kinds.PICTURES:
        words = found.pictures[0].words
        right = kind in CHANGES and words in CHANGES[kind][1]
        return "right" if right else f"wrong: {words}"
    return "right" if first == RIGHT.get(kind) else f"wrong: {first.words}"


if __name__ == "__main__":
    main()
