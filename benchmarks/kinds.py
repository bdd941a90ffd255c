"""Kinds of shift that the doctor names, on differences that were made.

    python benchmarks/kinds.py SPEC [--store DIR] [--first-seed 0] [--seeds 1] [--pairs 12]
                               [--strength medium]

SPEC is a spec, or a store, with labels. Its photos are parted by chance into fit, tune and holdout,
and for each class fit is made different by one kind at a time (shift_parts/made.py). The teacher
has learned the labels as they are given, wrong ones too. Printed is how often the first kind that
is named is the right one, how often another is named first, how often it is said that nothing can
be told apart, and how often nothing is found. The last line is one line of JSON.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict

import numpy as np
import pandas as pd
from shift_parts.made import FEW, HONEST, LOST, MISSING, NOISE, PHOTOS, SHARE, Made, made_cases

from inficond_panel import from_frames
from inficond_panel.store import Store
from inficond_panel.tuning import open_tuner
from inficond_panel.tuning.shift import class_shift
from inficond_panel.tuning.shift_kinds import Differences, differences
from inficond_panel.vocabulary import shift_kinds

#: The kind that is right for what was made.
RIGHT = {
    LOST: shift_kinds.LOST,
    NOISE: shift_kinds.NOISE,
    MISSING: shift_kinds.NOISE,
    SHARE: shift_kinds.SHARE,
    PHOTOS: shift_kinds.PHOTOS,
    FEW: shift_kinds.FEW,
}
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
    args = parser.parse_args()
    store = open_tuner(args.spec, store=args.store, history=":memory:").store
    seeds = range(args.first_seed, args.first_seed + args.seeds)
    answers = defaultdict[str, Counter[str]](Counter)
    for made in made_cases(store, seeds, [args.strength], args.pairs):
        answers[made.kind][answer(made.kind, looked_at(store, made))] += 1
    for kind, counts in answers.items():
        print(f"{kind:26s} {counts.total():4d}  {dict(counts.most_common())}")
    print(json.dumps(answers))


def looked_at(store: Store, made: Made) -> Differences:
    """What the doctor says of the student of a made class."""
    rows = np.concatenate([made.fit, made.split.tune, made.split.holdout[:HELD_OUT]])
    sizes = [len(made.fit), len(made.split.tune), HELD_OUT]
    names, name = [str(store.images[row]) for row in rows], store.classes[made.k]
    label = (np.asarray(store.label)[rows, made.k] == 1).astype(float)
    label[: len(made.fit)] = made.label
    scores = np.asarray(store.concept_score[rows], dtype=np.float32)
    split = np.repeat(["fit", "tune", "holdout"], sizes)
    students = from_frames(
        pd.DataFrame(scores, index=names, columns=store.concepts),
        pd.DataFrame(made.logits[rows, None], index=names, columns=[name]),
        pd.DataFrame(label[:, None], index=names, columns=[name]),
        split=pd.Series(split, index=names),
    ).fit()
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
    return "right" if first == RIGHT.get(kind) else f"wrong: {first.words}"


if __name__ == "__main__":
    main()
