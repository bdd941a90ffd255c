"""AP of students by number of concepts, beside students of random words.

The caller counts evaluations on the holdout.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from inficond_panel.common.interval import Interval
from inficond_panel.distill import Outcome
from inficond_panel.distill.metrics.bootstrap import (
    LEAST,
    drawn,
    interval,
    level_interval,
    mean_defined,
)
from inficond_panel.distill.sources import Array
from inficond_panel.results.frame import Heading, interval_of, make_frame
from inficond_panel.results.metrics import facts_of
from inficond_panel.tuning import Tuner
from inficond_panel.tuning.null_students import (
    RANDOM_WORDS,
    SIZE_BY_LAMBDA,
    BySize,
    NullStudents,
    check_comparable,
    null_students,
)
from inficond_panel.tuning.thumbs import chosen_classes
from inficond_panel.vocabulary.confidence import Noise
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.splits import IMAGES_OF, TUNE
from inficond_panel.wording.null_students import (
    named_words,
    no_better_sentence,
    null_note,
    null_sentence,
)

#: Row with the mean over the numbers of concepts.
MEAN = "mean"
#: Least AP by which named words lead random words, for the names to be worth something.
LEAST_LEAD = 0.02
#: Name of the row of all classes together.
EVERY = "mean of classes"


@dataclass(frozen=True, eq=False)
class _Figure:
    """AP of students of one size, also on bootstrap draws ``(draws,)``, and how many concepts they
    have; ``of`` is the outcome if it is one student."""

    ap: float
    draws: Array
    concepts: float
    of: Outcome | None = None

    def interval(self, level: float) -> Interval:
        """Return AP with its interval: of one student that of its metrics; of a mean of students
        the quantiles of the draws."""
        if self.of is None:
            return interval(self.ap, self.draws, level, AP.key)
        return level_interval(self.of, AP.key, self.draws, level)


#: Figures of named words and of random words.
_Pair = tuple[_Figure, _Figure]


def null_frame(
    tuner: Tuner,
    split: str = TUNE,
    *,
    classes: Sequence[str] | None = None,
    draws: int | None = None,
    seed: int = 0,
    by_lambda: bool = True,
) -> pd.DataFrame:
    """Return a frame of the AP of the original students, and of students of random words.

    A class has a row per ``size``: students with at most 5, 10 and 20 concepts, their ``mean``, and
    ``all``: as many as λ leaves, unless ``by_lambda`` is false and there are other sizes. ``named``
    is the AP of the concepts, ``random`` that of random words, ``difference`` is paired: both have
    the same bootstrap draws; ``named_concepts`` and ``random_concepts`` are how many the students
    have. The last rows are means over several classes. Facts are what the null reads (``null``) and
    its ``words``. Raises as ``null_students``, and ``TuningError`` for an unknown class.
    """
    check_comparable(tuner)
    names = chosen_classes(classes, tuner.store.classes)
    noise, root = tuner.spec.views.noise(draws, seed), tuner.root()
    found = null_students(tuner, split, tuple(names), by_lambda=by_lambda)
    rows = [row for name in names for row in _rows(name, _of_class(found, name, noise), noise)]
    if len(names) > 1:
        rows += _rows(EVERY, _of_all(found, noise), noise)
    facts = facts_of(tuner, root, split, noise)
    things = tuner.store.things
    named = named_words(things)
    frame = make_frame(
        rows,
        ["class", "size"],
        _headings(found.kind, named),
        title=f"{named.capitalize()} and {found.kind}, AP on {IMAGES_OF[split]}",
        notes=[
            *_summary(rows, names, found.kind, things),
            null_note(found.kind, joint=tuner.joint, things=things),
        ],
        facts={**facts, "null": found.kind, "words": list(found.words)},
        level=noise["level"],
    )
    return frame.astype(dict.fromkeys(("positives", "negatives"), "Int64"))


def summary_size(frame: pd.DataFrame) -> str:
    """Return the size by which named and random words are compared: the mean, or all."""
    return MEAN if MEAN in frame.index.get_level_values("size") else SIZE_BY_LAMBDA


def no_better(frame: pd.DataFrame) -> list[str]:
    """Return the classes whose named words are shown to be no better than random words: the whole
    interval of the difference is below ``LEAST_LEAD``, and there are images enough to tell.

    None if the null reads mixtures. A mixture holds something of every concept, so that five of
    them say more than five concepts wherever many concepts count.
    """
    if frame.attrs["facts"]["null"] != RANDOM_WORDS:
        return []
    rows = frame.xs(summary_size(frame), level="size").drop(EVERY, errors="ignore")
    enough = (rows["positives"] >= LEAST) & (rows["negatives"] >= LEAST)
    return list(rows.index[enough & (rows["difference_high"] < LEAST_LEAD)])


def no_better_finding(frame: pd.DataFrame) -> tuple[list[str], str]:
    """Return the classes of ``no_better``, and the sentence on them; "" if there are none."""
    rows, classes = frame.xs(summary_size(frame), level="size"), no_better(frame)
    aps = {name: (rows.at[name, "named"], rows.at[name, "random"]) for name in classes}
    return classes, no_better_sentence(aps, LEAST_LEAD) if aps else ""


def _headings(kind: str, named: str) -> dict[str, Heading]:
    return {
        "class": Heading("class"),
        "size": Heading("concepts"),
        "named": Heading(named),
        "random": Heading(kind),
        "difference": Heading("difference", sign=True, star=True),
    }


def _summary(
    rows: Sequence[Mapping[str, Any]], names: Sequence[str], kind: str, things: str
) -> Iterator[str]:
    """Yield a sentence on the last of the classes' means: of all, or of the only class."""
    name = EVERY if len(names) > 1 else names[0]
    own = {row["size"]: row for row in rows if row["class"] == name}
    row = pd.Series(own[MEAN] if MEAN in own else own[SIZE_BY_LAMBDA])
    named, random, difference = (interval_of(row, key) for key in ("named", "random", "difference"))
    yield null_sentence(kind, named, random, difference, things=things)


def _of_class(found: NullStudents, name: str, noise: Noise) -> dict[str, Any]:
    """Return the pairs of figures of one class by size, and its numbers of images."""
    sides = found.named[name], found.random[name]
    figures = {size: tuple(_figure(side, size, noise) for side in sides) for size in sides[0]}
    positive = next(iter(sides[0].values())).outcome.positive
    counts = {"positives": int(positive.sum()), "negatives": int((~positive).sum())}
    return {"figures": figures, **counts}


def _of_all(found: NullStudents, noise: Noise) -> dict[str, Any]:
    """Return the same for the means over the classes; all classes share the draws of images."""
    sides = found.named, found.random
    sizes = next(iter(found.named.values()))
    figures = {
        size: tuple(
            _mean([_figure(each, size, noise, together=True) for each in side.values()])
            for side in sides
        )
        for size in sizes
    }
    return {"figures": figures, "positives": pd.NA, "negatives": pd.NA}


def _figure(students: BySize, size: int | str, noise: Noise, *, together: bool = False) -> _Figure:
    student = students[size]
    draws = drawn(student.outcome, AP.key, noise["draws"], noise["seed"], together=together)
    return _Figure(student.outcome.value(AP.key), draws, student.concepts, student.outcome)


def _mean(figures: Sequence[_Figure]) -> _Figure:
    """Return the mean of figures, of those that are defined."""
    ap, draws = np.array([[each.ap] for each in figures]), np.stack([e.draws for e in figures])
    concepts = float(np.mean([each.concepts for each in figures]))
    return _Figure(float(mean_defined(ap)[0]), mean_defined(draws), concepts)


def _rows(name: str, measured: Mapping[str, Any], noise: Noise) -> list[dict[str, Any]]:
    figures: dict[int | str, _Pair] = dict(measured["figures"])
    by_lambda = figures.pop(SIZE_BY_LAMBDA, None)
    if figures:
        named, random = zip(*figures.values(), strict=True)
        figures[MEAN] = _mean(named), _mean(random)
    if by_lambda is not None:
        figures[SIZE_BY_LAMBDA] = by_lambda
    counts = {key: measured[key] for key in ("positives", "negatives")}
    return [
        {"class": name, "size": str(size), **_columns(*pair, noise), **counts}
        for size, pair in figures.items()
    ]


def _columns(named: _Figure, random: _Figure, noise: Noise) -> dict[str, float]:
    level = noise["level"]
    change = named.ap - random.ap, named.draws - random.draws
    return {
        **named.interval(level).columns("named"),
        **random.interval(level).columns("random"),
        **interval(*change, level, AP.key).columns("difference"),
        "named_concepts": named.concepts,
        "random_concepts": random.concepts,
    }
