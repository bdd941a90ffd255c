"""Data that you know: teacher, students and repaired students, beside published figures.

    INFICOND_DATA=data python examples/known_data.py waterbirds

Needs the photos where ``specs/public/waterbirds.yaml`` says, and computes the store if it is not
there. ``voc2007``, ``cub200`` and ``imagenet`` go alike. A second argument names another spec: with
photos in the same layout. Published figures are shown beside those of the whole data set alone.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

import inficond_panel
import precompute
from inficond_panel import TunableStudents
from inficond_panel.errors import InficondError
from inficond_panel.spec import find_spec, load_spec
from inficond_panel.vocabulary.splits import HOLDOUT


def worst_group(students: TunableStudents) -> pd.DataFrame:
    """Accuracy in the worst cell of label × place, and of all; ``students.worst_groups`` has the
    students' with its interval, without the teacher's."""
    student, store = students.student("waterbird", HOLDOUT), students.tuner.store
    known = student.labels >= 0  # -1: the label is unknown
    labels = student.labels[known]
    place = np.asarray(store.column("place"))[store.rows(HOLDOUT)][known]
    sides = {"teacher": student.teacher_decided, "students": student.decided}
    right = pd.DataFrame({side: decided[known] == labels for side, decided in sides.items()})
    cells = right.groupby([labels, place]).mean()
    rows = {"worst-group accuracy": cells.min(), "mean accuracy": right.mean()}
    return pd.DataFrame(rows).T


def top_1(students: TunableStudents) -> pd.DataFrame:
    """Share of images whose likeliest class is the right one."""
    together = students.metrics_together(HOLDOUT)
    return together.loc[["top1"], ["teacher", "students"]].rename_axis(None)


def tasks_of_the_paper(students: TunableStudents) -> pd.DataFrame:
    """AP of the two classes that the paper's participants improved."""
    table = students.metrics(HOLDOUT).loc[["bicycle", "tvmonitor"], ["teacher_ap", "ap"]]
    return (
        table.set_axis(["teacher", "students"], axis=1).rename_axis(None).add_prefix("AP ", axis=0)
    )


@dataclass(frozen=True)
class Known:
    """A data set: images of its holdout, what is measured, classes to repair (None: no repair), and
    what others published, with the source."""

    holdout: int
    measure: Callable[[TunableStudents], pd.DataFrame]
    repair: list[str] | None
    published: str


_ONE_LABEL = """\
{} top-1 of Label-free CBM, of a sparse and of the whole classifier: {}
(Oikarinen et al. 2023, table in their repository; other concepts, another backbone)"""
KNOWN = {
    "waterbirds": Known(
        5_794,
        worst_group,
        ["waterbird"],
        """\
Worst-group accuracy of fine-tuned ResNet-50s:
ERM 0.726, JTT 0.867, group DRO 0.914   (Liu et al. 2021)
DFR, whose last layer learns from val   0.929 (Kirichenko et al. 2023)""",
    ),
    "voc2007": Known(
        2_476,
        tasks_of_the_paper,
        ["bicycle", "tvmonitor"],
        """\
Participants gained 1.91 points on bicycle and 2.04 on tv monitor
(InFiConD, section 6; its teacher is Query2Label, and the metric is not named)""",
    ),
    "cub200": Known(2_897, top_1, None, _ONE_LABEL.format("CUB", "0.746, 0.760, 0.767")),
    "imagenet": Known(25_000, top_1, None, _ONE_LABEL.format("ImageNet", "0.720, 0.744, 0.761")),
}


def opened(file: Path) -> TunableStudents:
    """The students of a spec's store, which is computed where it is not there."""
    spec = load_spec(file)
    if not spec.store.exists():
        spec.allow_python()  # the functions that come along
        precompute.run(spec, spec.store, progress=partial(print, file=sys.stderr))
    return inficond_panel.open_students(file, history=":memory:").fit()


def table(known: Known, students: TunableStudents) -> pd.DataFrame:
    """Teacher, students and repaired students on the holdout."""
    rows = known.measure(students)
    if known.repair:
        students.tune(students.suggest(known.repair))
        rows["repaired"] = known.measure(students)["students"]
    return rows.astype(float).round(3)


def main() -> None:
    """Print the table, and what others published."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=KNOWN)
    parser.add_argument("spec", nargs="?", help="another spec, of photos in the same layout")
    args = parser.parse_args()
    known = KNOWN[args.name]
    try:
        students = opened(find_spec(args.spec or args.name))
    except InficondError as error:
        sys.exit(f"{error.message}\n{error.remedy}")
    count = len(students.images(HOLDOUT))
    print(f"{students.tuner.spec.title}, {count:,} images of the holdout\n")
    print(table(known, students).to_string(), end="\n\n")
    whole = count >= 0.95 * known.holdout  # halves that are drawn by stratum are a little off
    print(
        known.published if whole else f"Not the whole data set, whose holdout is {known.holdout:,}."
    )


if __name__ == "__main__":
    main()
