"""Is a column found that goes with a class in the training images only, and how often without one?

    python benchmarks/columns.py [--draws 40] [--first-seed 0] [--output FILE.json]

Made tables of 1,200 images with three classes, 30 concepts, and two columns of metadata: one of
four sites and one of twelve cameras, three at each site. The students learn from 700 images. Their
teacher knows the classes but for noise. In a *biased* table some of the first class's training
images, by share, are moved to the first site, which one concept shows, and the teacher's logits
are raised there; in a *plain* table nothing is moved, or images are moved in every split
(*shared*). For each: how many of the first classes have the finding "a column goes with it in the
training images only", and how many of the other classes, with Wilson's 95 % interval. Beside it is
what a plain user would do: a chi-square test of class and site on the training images, at 0.05
divided by the classes. It does not ask whether the student uses the site.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2_contingency
from shared_parts.rows import said_share

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package, if not installed

from inficond_panel import from_frames
from inficond_panel.api.students import TunableStudents
from inficond_panel.results.shared_bias import student_shared

SIZES = {"fit": 700, "tune": 300, "holdout": 200}
CLASSES, CONCEPTS, SITES, CAMERAS = 3, 30, 4, 3
SHOWS = 20  #: the concept that shows the first site
#: Kinds of tables: the share of the first class's images that is moved, and in which splits.
KINDS = {
    "plain": (0.0, ()),
    "biased, all": (1.0, ("fit",)),
    "biased, three quarters": (0.75, ("fit",)),
    "biased, half": (0.5, ("fit",)),
    "shared, all": (1.0, tuple(SIZES)),
}


def main() -> None:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=40)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    rows = [
        {"kind": kind, "seed": seed, **found(seed, share, splits)}
        for kind, (share, splits) in KINDS.items()
        for seed in range(args.first_seed, args.first_seed + args.draws)
    ]
    for kind in KINDS:
        some = [row for row in rows if row["kind"] == kind]
        for what in ("first", "others", "plain test: first", "plain test: others"):
            print(
                f"{kind:24s} {what:20s} {said_share([held for row in some for held in row[what]])}"
            )
    if args.output:
        args.output.write_text(json.dumps(rows))


def found(seed: int, share: float, splits: tuple[str, ...]) -> dict[str, list[bool]]:
    """Whether the first class and each other class have a finding, and a plain test one."""
    scores, teacher, label, split, site = table(seed, share, splits)
    camera = np.random.default_rng([seed, 1]).integers(0, CAMERAS, len(site)) + CAMERAS * site
    students = students_of(scores, teacher, label, split, site, camera)
    called = []
    for name in students.tuner.store.classes:
        in_fit = student_shared(students.tuner, students.node, name).found.in_fit
        called.append(bool(in_fit))
    tested = [differs(label[split == "fit", k], site[split == "fit"]) for k in range(CLASSES)]
    return {
        "first": called[:1],
        "others": called[1:],
        "plain test: first": tested[:1],
        "plain test: others": tested[1:],
    }


def table(seed: int, share: float, splits: tuple[str, ...]) -> tuple[NDArray[Any], ...]:
    """Scores (N, C), teacher's logits and labels (N, K), split (N,), and site (N,)."""
    rng = np.random.default_rng(seed)
    split = np.repeat(list(SIZES), list(SIZES.values()))
    scores = rng.normal(size=(len(split), CONCEPTS))
    of_class = rng.normal(size=(CLASSES, 4))
    clean = np.stack([scores[:, 4 * k : 4 * k + 4] @ of_class[k] - 1 for k in range(CLASSES)], 1)
    label = (rng.random(clean.shape) < 1 / (1 + np.exp(-1.5 * clean))).astype(int)
    site = rng.integers(0, SITES, len(split))
    moved = np.isin(split, splits) & (label[:, 0] == 1) & (rng.random(len(split)) < share)
    site[moved] = 0
    if splits:
        scores[:, SHOWS] += 2.5 * (site == 0)
    teacher = clean + 0.5 * rng.normal(size=clean.shape)
    teacher[np.isin(split, splits) & (site == 0), 0] += 1.0
    return scores, teacher, label, split, site


def students_of(
    scores: NDArray[Any],
    teacher: NDArray[Any],
    label: NDArray[Any],
    split: NDArray[Any],
    site: NDArray[Any],
    camera: NDArray[Any],
) -> TunableStudents:
    """Students of the frames, with site and camera as metadata."""
    ids, names = [f"r{i}" for i in range(len(site))], [f"k{k}" for k in range(label.shape[1])]
    metadata = {"site": site.astype(str), "camera": [f"C{number}" for number in camera]}
    with contextlib.redirect_stderr(io.StringIO()):
        return from_frames(
            pd.DataFrame(scores, ids, [f"c{j}" for j in range(scores.shape[1])]),
            pd.DataFrame(teacher, ids, names),
            pd.DataFrame(label, ids, names),
            split=pd.Series(split, ids),
            metadata=pd.DataFrame(metadata, ids),
        )


def differs(label: NDArray[Any], site: NDArray[Any]) -> bool:
    """Whether a chi-square test finds class and site dependent."""
    counts = np.array([[np.sum((site == s) & (label == y)) for s in range(SITES)] for y in (0, 1)])
    return bool(chi2_contingency(counts).pvalue < 0.05 / CLASSES)


if __name__ == "__main__":
    main()
