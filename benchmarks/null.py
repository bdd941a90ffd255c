"""Do students of the concepts rank better than students of random words, and does that tell whether
thumbs help?

    python benchmarks/null.py FILE sizes SPEC [--draws 3] (other arguments as shift.py has them)
    python benchmarks/null.py FILE pairs SPEC [--draws 1]

*sizes*: AP on tune of the students of the spec's store, by number of concepts, of random words (by
--draws draws), of random mixtures of the scores, and of scores that are permuted among the images
with the class and among those without it. *pairs*: biased students as shift.py makes them; for each
the AP of named and of random words on tune, and the gain of two thumbs, 👍 on the class's word and
✕ on the context's, on the holdout as it was drawn.

SPEC needs an encoder. Each case is one line of JSON, added to FILE; the tables are of all lines.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr
from shared_parts.rows import measure
from shift_parts.cases import Case, add_case_arguments, biased_cases
from shift_parts.given import word_of
from shift_parts.runs import student_of

from inficond_panel.concepts.random_words import candidates_of, embed_apart, score_words
from inficond_panel.distill import average_precision
from inficond_panel.predict import text_encoder
from inficond_panel.store import Store
from inficond_panel.tuning import Intent, Tuner, open_tuner
from inficond_panel.tuning.history.history import History
from inficond_panel.tuning.null_students import (
    SIZE_BY_LAMBDA,
    SIZES,
    BySize,
    mixed_scores,
    students_by_size,
    with_scores,
)
from inficond_panel.vocabulary.intents import REMOVE, UP
from inficond_panel.vocabulary.metrics import AP

#: Draws of intervals over classes.
DRAWS = 4000
#: Classes at one time whose scores are permuted: each has other scores.
PERMUTED = 6


def main() -> None:
    """Measure, and print the tables of all that is in the file."""
    args = parse_args()
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # the package, if not installed
    measure(args, MEASURED, TABLES)


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("what", choices=MEASURED)
    add_case_arguments(parser)
    parser.add_argument("--draws", type=int, default=3)
    return parser.parse_args()


def drawn_scores(tuner: Tuner, seed: int) -> tuple[list[str], NDArray]:
    """Random words of a store by another seed, and the scores (image, word) of its images."""
    store, encoder = tuner.store, text_encoder(tuner.spec)
    number, prompts = len(store.concepts), store.attrs["prompts"]
    words, vectors = embed_apart(encoder, candidates_of(store, seed), number, prompts)
    return words, score_words(store, vectors)


def tuner_of(tuner: Tuner, names: list[str], scores: NDArray) -> Tuner:
    """The tuner of the same students over other scores."""
    return Tuner(with_scores(tuner.store, names, scores), tuner.spec, History(":memory:"))


def aps(students: BySize) -> dict[str, float]:
    """AP by size, and its mean over the sizes that are numbers."""
    found = {str(size): float(each.outcome.value(AP.key)) for size, each in students.items()}
    return found | {"mean": float(np.mean([found[str(size)] for size in SIZES]))}


def sizes(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """AP of each class, by kind of scores and draw."""
    tuner = open_tuner(args.spec, store=args.store, history=":memory:")
    yield from _rows(tuner, "named", 0)
    for draw in range(args.draws):
        yield from _rows(tuner_of(tuner, *drawn_scores(tuner, draw)), "random words", draw)
    for draw in range(args.draws):
        names = [f"mixture {c}" for c in range(len(tuner.store.concepts))]
        made = tuner_of(tuner, names, mixed_scores(tuner.store, draw))
        yield from _rows(made, "random mixtures", draw)
    for k in range(min(PERMUTED, len(tuner.store.classes))):
        made = tuner_of(tuner, tuner.store.concepts, permuted_scores(tuner.store, k))
        yield from _rows(made, "permuted within the class", 0, [tuner.store.classes[k]])


def _rows(
    tuner: Tuner, kind: str, draw: int, classes: list[str] | None = None
) -> Iterator[dict[str, Any]]:
    for name, students in students_by_size(tuner, "tune", classes or tuner.store.classes):
        used = {str(size): each.concepts for size, each in students.items()}
        yield {"class": name, "kind": kind, "draw": draw, "ap": aps(students), "concepts": used}


def permuted_scores(store: Store, k: int) -> NDArray:
    """The scores of each concept, permuted among the images of a split with an equal label."""
    scores, rng = store.concept_score.copy(), np.random.default_rng([k, 11])
    for split in ("fit", "tune"):
        for label in np.unique(store.label[:, k]):
            rows = store.rows(split)
            rows = rows[store.label[rows, k] == label]
            scores[rows] = rng.permuted(scores[rows], axis=0)
    return scores


def pairs(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Named and random words of each biased pair, and what two thumbs gain."""
    tuner = open_tuner(args.spec, store=args.store, history=":memory:")
    drawn = [drawn_scores(tuner, draw) for draw in range(args.draws)]
    for case in biased_cases(tuner.store, args):
        assert case.pair is not None
        up, off = word_of(case.store, case.k), word_of(case.store, case.pair.context)
        if up is not None and off is not None and up != off:
            yield paired(case, up, off, drawn, args)


def paired(
    case: Case, up: int, off: int, drawn: list[tuple[list[str], NDArray]], args: argparse.Namespace
) -> dict[str, Any]:
    """One biased student: AP on tune by kind of words, and the gain of two thumbs."""
    students, store, pair = student_of(case, lambda_=args.lambda_), case.store, case.pair
    assert pair is not None
    tuner, name = students.tuner, store.classes[case.k]
    place = {image: row for row, image in enumerate(store.images)}
    rows = [place[image] for image in tuner.store.images]
    random = [
        aps(dict(students_by_size(tuner_of(tuner, words, scores[rows]), "tune", [name]))[name])
        for words, scores in drawn
    ]
    clicks = [
        Intent(name, store.concepts[up], UP.key, 2.0),
        Intent(name, store.concepts[off], REMOVE.key),
    ]
    after = tuner.preview(students.node, clicks)
    label = tuner.at(students.node, "holdout")[name].labels
    before, now = (
        float(average_precision(label, tuner.at(node, "holdout")[name].logits))
        for node in (students.node, after)
    )
    return {
        "class": name,
        "context": store.classes[pair.context],
        "seed": case.seed,
        "teacher": args.teacher,
        "named": aps(dict(students_by_size(tuner, "tune", [name]))[name]),
        "random": random,
        "before": before,
        "gain": now - before,
    }


MEASURED = {"sizes": sizes, "pairs": pairs}


def table_of_sizes(rows: list[dict[str, Any]]) -> None:
    """Mean AP over the classes by kind and size, and differences paired by class."""
    mean = {
        (row["kind"], row["draw"], row["class"], size): 100 * ap
        for row in rows
        for size, ap in row["ap"].items()
    }
    columns = [*map(str, SIZES), "mean", SIZE_BY_LAMBDA]
    print(f"{'AP on tune':45s}" + "".join(f"{size:>22s}" for size in columns))
    kinds = dict.fromkeys((row["kind"], row["draw"]) for row in rows)
    for kind, draw in kinds:
        classes = [row["class"] for row in rows if (row["kind"], row["draw"]) == (kind, draw)]
        values = [np.mean([mean[kind, draw, name, size] for name in classes]) for size in columns]
        told = f"{kind}, draw {draw}, {len(classes)} classes"
        print(f"{told:45s}" + "".join(f"{value:22.1f}" for value in values))
        first = "random words" if kind == "random words" and draw else "named"
        if kind == "named":
            continue
        less = [
            over_classes([mean[first, 0, n, size] - mean[kind, draw, n, size] for n in classes])
            for size in columns
        ]
        texts = [f"{v:+.1f} [{low:+.1f}, {high:+.1f}]" for v, low, high in less]
        print(f"{'  ' + first + ' less it':45s}" + "".join(f"{text:>22s}" for text in texts))


def over_classes(values: list[float]) -> tuple[float, float, float]:
    """Mean of values of classes, and its limits of 95 % by drawing classes."""
    drawn = np.random.default_rng(0).integers(len(values), size=(DRAWS, len(values)))
    low, high = np.quantile(np.array(values)[drawn].mean(axis=1), [0.025, 0.975])
    return float(np.mean(values)), float(low), float(high)


def table_of_pairs(rows: list[dict[str, Any]]) -> None:
    """Rank correlation of named less random words with the gain of two thumbs."""
    for teacher in sorted({row["teacher"] for row in rows}):
        some = [row for row in rows if row["teacher"] == teacher]
        gain = np.array([100 * row["gain"] for row in some])
        print(
            f"{teacher}: {len(some)} biased students of {len({r['class'] for r in some})} classes"
        )
        print(f"  gain of two thumbs: {gain.mean():+.1f} AP points, {np.mean(gain > 0):.0%} gain")
        told = {
            "named less random words": lambda row, at: row["named"][at] - row["random"][0][at],
            "named words alone": lambda row, at: row["named"][at],
            "random words alone": lambda row, at: row["random"][0][at],
        }
        for title, value in told.items():
            for at in (*map(str, SIZES), "mean", SIZE_BY_LAMBDA):
                x = np.array([100 * value(row, at) for row in some])
                rho, low, high = rank_correlation(x, gain, [row["class"] for row in some])
                print(
                    f"  {title:25s} {at:5s} mean {x.mean():+6.1f}; "
                    f"rank correlation {rho:+.2f} [{low:+.2f}, {high:+.2f}]"
                )


def rank_correlation(x: NDArray, y: NDArray, classes: list[str]) -> tuple[float, float, float]:
    """Spearman's correlation, and its limits of 95 % by drawing classes."""
    names, place = np.unique(classes, return_inverse=True)
    members = [np.flatnonzero(place == k) for k in range(len(names))]
    rng, found = np.random.default_rng(0), list[float]()
    for _ in range(DRAWS // 4):
        rows = np.concatenate([members[k] for k in rng.integers(len(names), size=len(names))])
        found.append(float(spearmanr(x[rows], y[rows]).statistic))
    low, high = np.nanquantile(found, [0.025, 0.975])
    return float(spearmanr(x, y).statistic), float(low), float(high)


TABLES = {"sizes": table_of_sizes, "pairs": table_of_pairs}

if __name__ == "__main__":
    main()
