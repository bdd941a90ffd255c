"""Concepts made of example photos: how well they tell the photos, and whether suspects name them.

    python benchmarks/photo_concepts.py STORE [--redraws 5] [--pairs 12] [--seeds 2]

For each class of the store 5, 10 and 20 photos of fit that show it are drawn, and all others are
scored by the concept made of them: AP and AUC against the labels of the class, means over classes
and draws. Beside it are the class's own word, and directions that others take, by the cosine with
the segments. Then the use: biased students as in benchmarks/shift.py, whose context has no word.
The context's words are taken out of the corpus, then all words that tell its photos too (AUC of at
least 0.7), and a concept is made of photos of fit that show the context. Told is how often the
context stands first among the suspects, and among the first five. The last line is one line of
JSON.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from shift_parts.cases import Case, add_case_arguments, biased_cases
from shift_parts.runs import make_students
from sklearn.linear_model import LogisticRegression

from inficond_panel.concepts.own_words import class_words
from inficond_panel.concepts.scoring import Scoring, score_concept
from inficond_panel.concepts.typed import concept_of_photos, extended
from inficond_panel.distill import average_precision
from inficond_panel.store import Store, open_store
from inficond_panel.tuning.shift import class_shift, shift_photos

NUMBERS = (5, 10, 20)
FEWEST = 30  # photos of fit that show a class which is measured
TELLS = 0.7  # AUC from which a word tells the photos of a context
NAME = "from photos"


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add_case_arguments(parser)
    parser.add_argument("--redraws", type=int, default=5)
    args = parser.parse_args()
    store = open_store(args.spec)
    told = {way: np.mean(each, axis=0).tolist() for way, each in tell(store, args.redraws).items()}
    for way, (ap, auc) in told.items():
        print(f"{way:42s} AP {100 * ap:5.1f}  AUC {auc:.3f}")
    found = {"told": told, "suspects": suspected([*biased_cases(store, args)])}
    print(json.dumps(found))


def tell(store: Store, redraws: int) -> dict[str, list[tuple[float, float]]]:
    """AP and AUC of each way to score the photos of a class, by number of examples."""
    found: dict[str, list[tuple[float, float]]] = {}
    photos = Photos(store)
    for k, rows in enumerate(shown(store)):
        for number in NUMBERS if len(rows) >= FEWEST else ():
            for draw in range(redraws):
                chosen = np.random.default_rng([k, number, draw]).choice(rows, number, False)
                label = np.array(store.label[:, k])
                label[chosen] = -1
                for way, score in photos.scores(np.sort(chosen), k):
                    measured = measure(label[label >= 0], score[label >= 0])
                    found.setdefault(f"{way}, {number} photos", []).append(measured)
    return found


def shown(store: Store) -> Iterator[NDArray[np.intp]]:
    """Rows of fit that show each class."""
    rows = store.rows("fit")
    return (rows[store.label[rows, k] == 1] for k in range(len(store.classes)))


def measure(label: NDArray, score: NDArray) -> tuple[float, float]:
    """AP and AUC."""
    return average_precision(label, score.astype(float)), float(auc(label == 1, score[:, None])[0])


def auc(present: NDArray[np.bool_], scores: NDArray) -> NDArray:
    """AUC of each column of scores (photo, column)."""
    ranks = rankdata(scores, axis=0)[present]
    lowest = (len(ranks) + 1) / 2
    return np.asarray((ranks.mean(axis=0) - lowest) / np.count_nonzero(~present))


class Photos:
    """Photos of a store as the mean of their segments, and directions towards some of them."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.segments = np.asarray(store.segment_embedding, dtype=np.float64)
        count = np.bincount(store.segment_image, minlength=len(store.images))
        total = np.zeros((len(count), self.segments.shape[1]))
        np.add.at(total, store.segment_image, self.segments)
        self.mean = total / np.maximum(count, 1)[:, None]
        self.ways: dict[str, Callable[[NDArray], NDArray]] = {
            "mean of the photos": lambda rows: self.mean[rows].mean(axis=0),
            "the same less the mean of all": self.away,
            "logistic regression (TCAV)": self.classifier,
            "segment common to the photos": self.common,
        }

    def scores(self, rows: NDArray[np.intp], k: int) -> Iterator[tuple[str, NDArray]]:
        """Scores of all photos by each way, made of ``rows``, which show the class ``k``."""
        store = self.store
        words = class_words(store, store.classes[k])
        if words:
            yield "the class's own word", store.concept_score[:, words].max(axis=1)
        for name, way in self.ways.items():
            yield name, self.by(way(rows))
        images = [store.images[row] for row in rows]
        yield "inficond concept add --images", concept_of_photos(store, NAME, images).score

    def by(self, direction: NDArray) -> NDArray:
        """Largest cosine of a segment with a direction, at least 0."""
        vector = (direction / np.linalg.norm(direction)).astype(np.float32)
        given = self.store.segment_embedding, self.store.segment_image, vector
        return score_concept(*given, images=len(self.mean), scoring=Scoring())[0]

    def away(self, rows: NDArray[np.intp]) -> NDArray:
        """From the mean segment to the mean of the photos."""
        return np.asarray(self.mean[rows].mean(axis=0) - self.segments.mean(axis=0))

    def classifier(self, rows: NDArray[np.intp]) -> NDArray:
        """Weights of a classifier of the photos against 500 others (Kim et al., 2018)."""
        others = np.setdiff1d(self.store.rows("fit"), rows)
        others = np.random.default_rng(len(rows)).permutation(others)[:500]
        given = np.concatenate([self.mean[rows], self.mean[others]])
        label = np.arange(len(given)) < len(rows)
        return LogisticRegression(class_weight="balanced").fit(given, label).coef_[0]

    def common(self, rows: NDArray[np.intp]) -> NDArray:
        """The segment that has, on average, the nearest ones in the other photos."""
        away = self.segments - self.segments.mean(axis=0)
        away /= np.linalg.norm(away, axis=1, keepdims=True)
        pieces = [away[self.store.segment_image == row] for row in rows]
        every = np.concatenate(pieces)
        nearest = np.stack([(every @ piece.T).max(axis=1) for piece in pieces])
        return np.asarray(every[nearest.sum(axis=0).argmax()])


def suspected(cases: Sequence[Case]) -> dict[str, dict[str, int]]:
    """Print and return how often the context is the first suspect and among the first five."""
    places: dict[str, list[int]] = {}
    for case in cases:
        for way, place in contexts(case):
            places.setdefault(way, []).append(place)
    found = {}
    for way, each in places.items():
        five = sum(1 <= place <= 5 for place in each)
        found[way] = {"pairs": len(each), "first": each.count(1), "among_five": five}
        print(f"{way:60s} {found[way]}", flush=True)
    return found


def contexts(case: Case) -> Iterator[tuple[str, int]]:
    """Place of the context of a pair among the suspects, 0 where it is not there."""
    store, pair = case.store, case.pair
    assert pair is not None
    yield "its word", place(case, store, [store.concepts[word] for word in pair.words])
    present = np.asarray(store.label)[:, pair.context] == 1
    near = np.flatnonzero(auc(present, store.concept_score) >= TELLS)
    without = {"without its word": pair.words, "nor near words": {*pair.words, *near.tolist()}}
    rows = case.fit[present[case.fit]]
    for number in (5, 20):
        chosen = np.random.default_rng([case.seed, case.k, 9]).permutation(rows)[:number]
        typed = concept_of_photos(store, NAME, [store.images[row] for row in chosen])
        for title, words in without.items():
            way = f"{title}, with the concept of {number} photos"
            yield way, place(case, extended(store, [typed]), [NAME], sorted(words))


def place(case: Case, store: Store, names: Sequence[str], without: Sequence[int] = ()) -> int:
    """Place of the first of ``names`` among the suspects of the student over other concepts."""
    how = {"without": without}
    students = make_students(store, case.k, case.logits, case.split, case.fit, **how)
    name = students.classes[0]
    shift = class_shift(shift_photos(students.tuner, students.node, name))
    listed = [suspect.concept for suspect in shift.suspects]
    return next((at for at, concept in enumerate(listed, 1) if concept in names), 0)


if __name__ == "__main__":
    main()
