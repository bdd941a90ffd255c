"""How often is a class called shifted, without a bias and with one, by the kind of teacher?

    python benchmarks/alarms.py FILE made [--stores 8] [--teachers strong trained ...]
    python benchmarks/alarms.py FILE SPEC [--store DIR] [--seeds 2] (as shift.py has it)

A case is a class, or a biased pair of classes, in one redraw of fit, tune and holdout, with one of
the teachers of shift_parts/teachers.py: *strong* has wrong outputs by chance; *trained* and
*network* have learned the labels of the students' training images, biased ones too; *folds* and
*cross-fitted* have not seen the images that they are asked about. With ``made`` each seed has
photos of its own (shift_parts/generated.py); with SPEC all its photos are parted anew. What is
counted of a student is COUNTED. Each case is one line of JSON, added to FILE; the tables are of all
lines there, so that several runs can share it: the share of cases, with Wilson's 95 % interval, by
the number of positives on tune. With too few positives for a verdict, nothing counts.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from scipy.stats import binomtest
from shift_parts.cases import Case, add_case_arguments, biased_cases, plain_cases
from shift_parts.generated import generated_store
from shift_parts.runs import shift_of, student_of
from shift_parts.teachers import TEACHERS

from inficond_panel.store import Store
from inficond_panel.tuning import open_tuner
from inficond_panel.tuning.shift import ClassShift

#: What is counted of a student, by a title.
COUNTED: Mapping[str, Callable[[ClassShift], bool]] = {
    "called shifted": lambda shift: shift.kind == "shift",
    "the student's AP or separation falls": lambda shift: (
        shift.verdict is not None and shift.verdict.kind == "shift"
    ),
    "the teacher is said to be trained on fit": lambda shift: (
        shift.memory is not None and shift.memory.trained
    ),
}
#: Groups of cases by their positives on tune: from so many on.
FROM = (5, 10, 20)


def main() -> None:
    """Measure each case, and print the tables of all that are in the file."""
    args = parse_args()
    with args.file.open("a") as file:
        for store in stores(args):
            for teacher, case in cases(store, args):
                print(json.dumps(measured(teacher, case, args)), file=file, flush=True)
    rows = [json.loads(line) for line in args.file.read_text().splitlines()]
    for title in COUNTED:
        print_table(title, rows)


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("file", type=Path)
    add_case_arguments(parser)
    parser.add_argument("--stores", type=int, default=8, help="with made: stores to generate")
    known = ("strong", "trained", "network", "folds", "cross-fitted")
    parser.add_argument("--teachers", nargs="+", choices=TEACHERS, default=known)
    parser.set_defaults(lambda_="auto", fit=1000, tune=300, least=(10, 5), pairs=4, plain=8)
    return parser.parse_args()


def stores(args: argparse.Namespace) -> Iterator[Store]:
    """The store of the spec; or generated ones, each parted by its own seed."""
    if args.spec != "made":
        yield open_tuner(args.spec, store=args.store, history=":memory:").store
        return
    first, args.seeds = args.first_seed, 1
    for seed in range(first, first + args.stores):
        args.first_seed = seed
        with TemporaryDirectory() as folder:
            yield generated_store(Path(folder), seed)


def cases(store: Store, args: argparse.Namespace) -> Iterator[tuple[str, Case]]:
    """Each class and each pair with each kind of teacher."""
    for teacher in args.teachers:
        args.teacher = teacher
        for case in chain(plain_cases(store, args), biased_cases(store, args)):
            yield teacher, case


def measured(teacher: str, case: Case, args: argparse.Namespace) -> dict[str, Any]:
    """What is counted of one student, as plain data."""
    students = student_of(case, lambda_=args.lambda_)
    shift = shift_of(students)
    shutil.rmtree(Path(students.tuner.store.path).parent)
    return {
        "group": "without a bias" if case.pair is None else "biased",
        "teacher": teacher,
        "class": case.store.classes[case.k],
        "seed": case.seed,
        "positives": int((np.asarray(case.store.label)[case.split.tune, case.k] == 1).sum()),
        **{title: counts(shift) for title, counts in COUNTED.items()},
    }


def print_table(title: str, rows: list[dict[str, Any]]) -> None:
    """Print how often one thing counts, a line per group, teacher and number of positives."""
    groups = defaultdict(list)
    for row in rows:
        least = max(least for least in FROM if row["positives"] >= least)
        groups[row["group"], row["teacher"], least].append(row[title])
    print(title)
    for (group, teacher, least), found in sorted(groups.items()):
        share = binomtest(sum(found), len(found)).proportion_ci(method="wilson")
        print(
            f"  {group:15s} {teacher:13s} {least:3d} positives or more: {sum(found):4d} of "
            f"{len(found):4d}, {np.mean(found):4.0%} [{share.low:.0%}, {share.high:.0%}]"
        )


if __name__ == "__main__":
    main()
