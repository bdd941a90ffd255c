"""Kinds of shift that the doctor names, on differences that were made.

    python benchmarks/kinds.py [SPEC] [--store DIR] [--first-seed 0] [--seeds 1] [--pairs 12]
                               [--strength medium] [--kind KIND] [--teacher made] --cases FILE

SPEC is a spec with photos and labels, of which a store was made. Its photos are parted by chance
into fit, tune and holdout, and for each class fit is made different by one kind at a time
(shift_parts/made.py). The teacher has learned the labels as they are given, wrong ones too; with
``--teacher store`` it is that of the store, which has not seen them. Where
pictures were changed, their scores are as they were before. Each case is one line of JSON, which is
added to FILE. Printed is what FILE holds, of several runs and stores: how often the first kind that
is named is the right one, with Wilson's 95 % interval, how often another is named first, how often
it is said that nothing can be told apart, and how often nothing is found; and, of wrong labels, the
precision of the first 50 that are listed, beside that of cleanlab's order on the same chances.
Without SPEC nothing new is measured.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binomtest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package, if not installed
from shift_parts.made import (
    CHANGES,
    FEW,
    HONEST,
    LOST,
    MISSING,
    MISSING_IN_TUNE,
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
from inficond_panel.tuning.label_noise import DoubtedLabels
from inficond_panel.tuning.shift import class_shift, tune_ap
from inficond_panel.tuning.shift_kinds import Differences, differences
from inficond_panel.vocabulary import shift_kinds
from inficond_panel.vocabulary.confidence import USUAL_NOISE
from inficond_panel.vocabulary.picture_properties import PICTURE_PROPERTIES
from precompute.datasets import load_dataset

#: The kind that is right for what was made.
RIGHT = {
    LOST: shift_kinds.LOST,
    NOISE: shift_kinds.NOISE,
    MISSING: shift_kinds.NOISE,
    MISSING_IN_TUNE: shift_kinds.TUNE_NOISE,
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
    parser.add_argument("spec", nargs="?")
    parser.add_argument("--store")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--strength", default="medium", choices=("weak", "medium", "strong"))
    parser.add_argument(
        "--kind", action="append", default=[], help="kinds to make; all if left out"
    )
    parser.add_argument("--teacher", default="made", choices=("made", "store"))
    parser.add_argument("--cases", required=True, type=Path, help="file of the cases")
    args = parser.parse_args()
    if args.spec:
        with args.cases.open("a") as file:
            for case in measured(args):
                print(json.dumps(case), file=file, flush=True)
    print_tables([json.loads(line) for line in args.cases.read_text().splitlines()])


def measured(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Make each difference, and yield what the doctor says of it."""
    tuner = open_tuner(args.spec, store=args.store, history=":memory:")
    dataset, store = load_dataset(tuner.spec.dataset), tuner.store
    row_of = {name: row for row, name in enumerate(dataset.ids)}
    pictures = Pictures(lambda name: dataset.load(row_of[name]))
    seeds = range(args.first_seed, args.first_seed + args.seeds)
    for made in made_cases(store, pictures, seeds, [args.strength], args.pairs, args.kind):
        case = made
        if args.teacher == "store":
            case = replace(made, logits=np.asarray(store.teacher_log_odds[:, made.k]))
        with TemporaryDirectory() as folder:
            found = looked_at(store, case, Path(folder))
        facts = {"store": tuner.spec.title, "teacher": args.teacher}
        yield {**facts, **case_of(store, made, found)}


def case_of(store: Store, made: Made, found: Differences) -> dict[str, Any]:
    """One case as plain data."""
    case = {
        "kind": made.kind,
        "strength": made.strength,
        "seed": made.seed,
        "class": store.classes[made.k],
        "note": made.note,
        "answer": answer(made.kind, found),
        "kinds": [kind.words for kind in found.kinds],
        "perhaps": [kind.words for kind in found.perhaps],
        "positives": found.positives,
        "share": found.share,
        "noise": found.noise and asdict(found.noise),
        "other": found.other and asdict(found.other),
        "pictures": [[each.words, each.z] for each in found.pictures],
        "precision": {},
    }
    if made.kind == NOISE and found.labels is not None:
        wrong = (np.asarray(store.label)[made.fit, made.k] == 1) != (made.label[made.fit] == 1)
        case["precision"] = precisions(found.labels, wrong)
    return case


def print_tables(cases: Sequence[Mapping[str, Any]]) -> None:
    """Print the answers by kind and strength, and the mean precision."""
    answers = defaultdict[tuple[str, ...], Counter[str]](Counter)
    for case in cases:
        answers[case["kind"], case["strength"], case["teacher"]][case["answer"]] += 1
    for (kind, strength, teacher), counts in sorted(answers.items()):
        total = counts.total()
        right = counts.pop("right", 0)
        low, high = binomtest(right, total).proportion_ci(method="wilson")
        share = f"{right:4d} of {total:4d}  {right / total:.0%} [{low:.0%}, {high:.0%}]"
        print(f"{kind:26s} {strength:6s} {teacher:5s}  right {share}  {dict(counts.most_common())}")
    for strength in sorted({case["strength"] for case in cases if case["precision"]}):
        found = [x["precision"] for x in cases if x["precision"] and x["strength"] == strength]
        means = pd.DataFrame(found).mean().round(3).to_dict()
        print(f"precision of the first {FIRST} labels, {strength}: {means}")


def precisions(labels: DoubtedLabels, wrong: NDArray) -> dict[str, float]:
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
    label = made.label[rows].astype(float)
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
    photos = tuner.repairs.evidence(
        tuner.repairs.class_fit(students.node, name), tuner.store.rows("tune")
    )
    found = class_shift(photos)
    student = tune_ap(photos, photos.tune_logits.mean(axis=0), USUAL_NOISE)
    return differences(photos, found, found, student, USUAL_NOISE)


def answer(kind: str, found: Differences) -> str:
    """Whether the first kind that is named is the right one, besides that the teacher sees more
    than the concepts, or a sum of them, show: the teacher that is made here does, since it knows
    the labels."""
    limits = shift_kinds.UNSHOWN, shift_kinds.UNSUMMED
    kinds = tuple(each for each in found.kinds if each not in limits)
    if found.noise is not None and kinds in ((), (shift_kinds.FEW,)):
        return "cannot tell" if found.perhaps else ("right" if kind == HONEST else "nothing")
    first = kinds[0]
    if first == shift_kinds.PICTURES:
        words = found.pictures[0].words
        right = kind in CHANGES and words in CHANGES[kind][1]
        return "right" if right else f"wrong: {words}"
    return "right" if first == RIGHT.get(kind) else f"wrong: {first.words}"


if __name__ == "__main__":
    main()
