"""Is a bias found that all photos share, and how often is one claimed where none was made?

    python benchmarks/shared.py FILE pairs SPEC [--half 0|1] (other arguments as shift.py has them)
    python benchmarks/shared.py FILE apart SPEC (the same arguments)
    python benchmarks/shared.py FILE plain SPEC [--teachers strong trained ...]
    python benchmarks/shared.py FILE null SPEC [--draws 300]
    python benchmarks/shared.py FILE captions TABLE

*pairs*: a class and its context, biased in fit and in tune alike (--leak). Rank of the context, by
its label, among all candidates, and of its word, or a word that tells its photos as well (AUC at
most 0.02 less), among the concepts alone. --half takes the pairs whose two classes' numbers have an
even (0) or odd (1) sum, so that what one half chose is reported on the other. *apart*: the same,
biased in fit alone: a context that is called there is called wrongly. *plain*: classes without a
made bias: how often one is called, by this and by the comparison of splits. *null*: p-values of
students that use their own words, the label and one other thing, and nothing else; the module
``distill.shared_bias`` defines them.
*captions*: TABLE has the columns blond, male, caption; words of captions, 0 or 1, are the concepts,
and photos are parted by chance: rank of *man*, or a word of men, for *blond hair*.

The labels of the other classes are columns of metadata here. Each case is one line of JSON, added
to FILE; the tables are of all lines of its kind there, with Wilson's 95 % interval.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kstest, rankdata
from shared_parts.captions import caption_students, read_captions
from shared_parts.rows import measure, said_share
from shift_parts.cases import Case, add_case_arguments, biased_cases, plain_cases
from shift_parts.pairs import draw_split
from shift_parts.photos import photos_of
from shift_parts.runs import AS_WELL, shift_of, student_of
from shift_parts.teachers import TEACHERS

from inficond_panel.api.students import TunableStudents
from inficond_panel.concepts.own_words import class_words
from inficond_panel.distill.shared_bias import shared_bias
from inficond_panel.store import Store
from inficond_panel.tuning import open_tuner
from inficond_panel.tuning.shared_bias import SharedFound, near_words, shared_suspects
from inficond_panel.vocabulary.things import COLUMN, CONCEPT
from inficond_panel.wording.suspects import relies_wrongly

#: Groups of classes by their positives on tune: from so many on.
FROM = (5, 10, 20)
#: Kinds of finding: whether (shared, between) counts.
ALARMS = {"shared": itemgetter(0), "between splits": itemgetter(1), "either": any}
#: Words of men in captions.
MEN = {"man", "men", "he", "his", "him", "male", "boy", "guy", "beard", "suit", "tie", "handsome"}


def main() -> None:
    """Measure, and print the tables of all that is in the file."""
    args = parse_args()
    measure(args, MEASURED, TABLES)


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("what", choices=MEASURED)
    add_case_arguments(parser)
    parser.add_argument("--draws", type=int, default=300)
    parser.add_argument("--teachers", nargs="+", choices=TEACHERS, default=["strong"])
    parser.set_defaults(least=(15, 4), leak=0.05, shared=True)
    return parser.parse_args()


def opened(args: argparse.Namespace) -> Store:
    """The store of the spec."""
    return open_tuner(args.spec, store=args.store, history=":memory:").store


def found_of(students: TunableStudents, store: Store | None = None) -> SharedFound:
    """All that the student of the first class may rely on, with the segments of a store."""
    most = len(students.tuner.store.concepts) + 100
    return shared_suspects(photos_of(students, store), most=most)


def pairs(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Ranks of the context in each biased pair."""
    store = opened(args)
    for teacher in args.teachers:
        args.teacher = teacher
        for case in biased_cases(store, args):
            yield ranked(case, teacher, args)


def apart(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """What ``pairs`` tells, of pairs that are biased in fit alone."""
    args.shared = False
    yield from pairs(args)


def ranked(case: Case, teacher: str, args: argparse.Namespace) -> dict[str, Any]:
    """Ranks of the context of one biased student, and of a random column and concept."""
    students, store, pair = (
        student_of(case, columns=True, lambda_=args.lambda_),
        case.store,
        case.pair,
    )
    assert pair is not None
    found = found_of(students, store)
    name = store.classes[pair.context]
    known = [each.name for each in found.suspects]
    near = {store.concepts[c] for c in near_words(store, store.classes[case.k])}
    concepts = [each.name for each in found.suspects if each.kind == CONCEPT]
    concepts = [each for each in concepts if each not in near]  # the students' store has no texts
    words = [store.concepts[c] for c in pair.words]
    as_well = tells_as_well(store, pair.context, pair.words)
    rng = np.random.default_rng([case.seed, case.k, 5])
    others = [each for each in store.classes if each not in (name, store.classes[case.k])]
    called = [each.name for each in found.called if each.kind == COLUMN]
    shutil.rmtree(Path(students.tuner.store.path).parent)
    return {
        "class": store.classes[case.k],
        "context": name,
        "seed": case.seed,
        "teacher": teacher,
        "leak": args.leak,
        "photos": len(case.fit) + len(case.split.tune),
        "label": place(known, {f"{name} = 1"}),
        "word": place(concepts, set(words)),
        "as_well": place(concepts, as_well),
        "random_label": place(known, {f"{rng.choice(others)} = 1"}),
        "random_word": place(concepts, {str(rng.choice(store.concepts))}),
        "called": f"{name} = 1" in called,
        "first": concepts[:5],
    }


def place(listed: list[str], wanted: set[str]) -> int:
    """Rank of the first that is wanted, from 1; 0 if none is listed."""
    return next((at for at, each in enumerate(listed, 1) if each in wanted), 0)


def tells_as_well(store: Store, context: int, words: tuple[int, ...]) -> set[str]:
    """Concepts that tell the context's photos as well as its word, and its words."""
    present = np.asarray(store.label)[:, context] == 1
    ranks = rankdata(store.concept_score[np.arange(len(store.images))], axis=0)
    positives, negatives = np.count_nonzero(present), np.count_nonzero(~present)
    auc = (ranks[present].mean(axis=0) - (positives + 1) / 2) / negatives
    good = {*np.flatnonzero(auc >= auc[list(words)].max() - AS_WELL).tolist(), *words}
    return {store.concepts[c] for c in good}


def plain(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """What is called of each class without a made bias."""
    store = opened(args)
    for teacher in args.teachers:
        args.teacher = teacher
        for case in plain_cases(store, args):
            students = student_of(case, columns=True, lambda_=args.lambda_)
            found, between = found_of(students, store), relies_wrongly(shift_of(students, store))
            shutil.rmtree(Path(students.tuner.store.path).parent)
            tune = np.asarray(store.label)[case.split.tune, case.k]
            yield {
                "class": store.classes[case.k],
                "teacher": teacher,
                "seed": case.seed,
                "positives": int((tune == 1).sum()),
                "all": found.photos[0],
                "lacking": found.lacking,
                "called": [each.name for each in found.called],
                "between": between,
            }


def null(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """P-values of things that a made student does not use, though it uses what goes with them."""
    store = opened(args)
    label = (np.asarray(store.label) == 1).astype(float)
    scores = np.asarray(store.concept_score[np.arange(len(store.images))], dtype=float)
    scores = (scores - scores.mean(axis=0)) / scores.std(axis=0)
    own = {k: class_words(store, name)[:1] for k, name in enumerate(store.classes)}
    for draw in range(args.draws):
        rng = np.random.default_rng([args.first_seed, draw])
        k, used = rng.choice([k for k, words in own.items() if words], 2, replace=False)
        for photos in (300, 1300):
            rows = draw_split(store, draw).fit[:photos]
            given = (label[rows, k], scores[rows][:, own[k]], scores[rows][:, own[used]])
            yield from _nulls(draw, rng, label[rows], int(k), int(used), *given)


def _nulls(
    draw: int,
    rng: np.random.Generator,
    label: NDArray,
    k: int,
    used: int,
    y: NDArray,
    own: NDArray,
    word: NDArray,
) -> Iterator[dict[str, Any]]:
    others = np.delete(label, k, axis=1)
    at = used - (used > k)
    plain_ = 2 * y + own[:, 0] + rng.normal(size=len(y))
    made = {
        "own words alone": (plain_, others),
        "another thing, by its label": (plain_ + 2 * others[:, at], others),
        "another thing, by its word": (plain_ + word[:, 0], others),
        "another thing that no label says": (plain_ + 2 * others[:, at], np.delete(others, at, 1)),
    }
    for name, (logit, known) in made.items():
        tested = others if known is others else known
        p = shared_bias(tested, y, logit, own, known).p(np.arange(tested.shape[1]))
        if known is others:
            p = np.delete(p, at)
        held = [float(value) for value in p if value < 1]
        yield {"null": name, "photos": len(y), "draw": draw, "p": held}


def captions(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Rank of man, or a word of men, for blond hair, in random splits of a table of captions."""
    table, scores = read_captions(args.spec)
    for seed in range(args.first_seed, args.first_seed + args.seeds):
        students = caption_students(table, scores, seed, args.lambda_)
        found = found_of(students)
        shutil.rmtree(Path(students.tuner.store.path).parent)
        listed = [each.name for each in found.suspects]
        first = next(each for each in found.suspects if each.name == "man")
        yield {
            "seed": seed,
            "man": place(listed, {"man"}),
            "men": place(listed, MEN),
            "first": listed[:5],
            "called": [each.name for each in found.called],
            "rates": first.rates.found,
        }


MEASURED = {"pairs": pairs, "apart": apart, "plain": plain, "null": null, "captions": captions}


def table_of_pairs(rows: list[dict[str, Any]]) -> None:
    """Ranks by teacher and leak."""
    for teacher, leak in sorted({(row["teacher"], row["leak"]) for row in rows}):
        some = [row for row in rows if (row["teacher"], row["leak"]) == (teacher, leak)]
        print(f"{teacher}, leak {leak}")
        for key in ("label", "as_well", "word", "random_label", "random_word"):
            for most in (1, 5):
                held = [1 <= row[key] <= most for row in some]
                print(f"  {key:13s} among {most}: {said_share(held)}")
        print(f"  called: {said_share([row['called'] for row in some])}")


def table_of_plain(rows: list[dict[str, Any]]) -> None:
    """False alarms by teacher and positives: shared by all photos, between the splits, either."""
    for teacher in sorted({row["teacher"] for row in rows}):
        for least in FROM:
            some = [
                (bool(row["called"]), row["between"])
                for row in rows
                if row["teacher"] == teacher
                and max(f for f in (0, *FROM) if row["positives"] >= f) == least
            ]
            for title, of in ALARMS.items():
                if some:
                    held = said_share([of(each) for each in some])
                    print(f"{teacher:13s} {least:2d} positives of tune or more, {title}: {held}")


def table_of_nulls(rows: list[dict[str, Any]]) -> None:
    """Shares of p-values up to 0.01, 0.05, 0.1 and 0.5, and their distance from uniform."""
    for name, photos in dict.fromkeys((row["null"], row["photos"]) for row in rows):
        of = [row["p"] for row in rows if (row["null"], row["photos"]) == (name, photos)]
        p = np.array([value for each in of for value in each])
        shares = " ".join(f"p<={a}: {np.mean(p <= a):.3f}" for a in (0.01, 0.05, 0.1, 0.5))
        least = np.mean([min(each) * len(each) <= 0.05 for each in of if each])
        apart = kstest(p, "uniform").statistic
        print(f"{name:33s} {photos:5d} photos: {shares}; any by Holm {least:.3f}; KS {apart:.3f}")


def table_of_captions(rows: list[dict[str, Any]]) -> None:
    """Ranks in each split."""
    for key in ("man", "men"):
        print(f"{key} among three: {said_share([1 <= row[key] <= 3 for row in rows])}")
    print(f"man called: {said_share(['man' in row['called'] for row in rows])}")


TABLES = {
    "pairs": table_of_pairs,
    "apart": table_of_pairs,
    "plain": table_of_plain,
    "null": table_of_nulls,
    "captions": table_of_captions,
}

if __name__ == "__main__":
    main()
