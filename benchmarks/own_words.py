"""AP of each class's own word, beside the words of other classes and random words.

    python benchmarks/own_words.py STORE [--least 10]

STORE has own words and random words, see ``inficond concept words``. A word ranks the images of
tune by its score, and AP is by their labels: what a word is worth without any student. Classes with
fewer than --least images on tune are left out. "rank" is 1 plus the number of random words that are
better than the own word.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from inficond_panel.concepts.own_words import own_word
from inficond_panel.concepts.random_words import random_words
from inficond_panel.distill import average_precision
from inficond_panel.store import Store, open_store
from inficond_panel.vocabulary.splits import TUNE


def main() -> None:
    """Print the table of a store."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("store")
    parser.add_argument("--least", type=int, default=10)
    args = parser.parse_args()
    print(word_aps(open_store(args.store), args.least).round(2).to_string())


def word_aps(store: Store, least: int) -> pd.DataFrame:
    """Return a row per class: the share of its images, the AP of its own word, the best word of
    another class, and quantiles of the AP of random words."""
    rows = store.rows(TUNE)
    label = store.label[rows]
    found = random_words(store)
    if found is None:
        raise SystemExit(f"{store.path} has no random words: run `inficond concept words SPEC`.")
    names, scores = found
    own = {name: word.scores[rows] for name in store.classes if (word := own_word(store, name))}
    table = {}
    for column, name in enumerate(store.classes):
        if name in own and (label[:, column] == 1).sum() >= least:
            others = {key: value for key, value in own.items() if key != name}
            table[name] = _row(label[:, column], own[name], others, names, scores[rows])
    return pd.DataFrame.from_dict(table, orient="index")


def _row(
    label: NDArray, own: NDArray, others: dict[str, NDArray], names: list[str], scores: NDArray
) -> dict[str, float | str]:
    known = label >= 0
    label = label[known]
    other = {key: average_precision(label, value[known]) for key, value in others.items()}
    best = max(other, key=lambda key: other[key])
    random = np.array([average_precision(label, each) for each in scores[known].T])
    mine = average_precision(label, own[known])
    return {
        "chance": (label == 1).mean(),
        "own word": mine,
        "other class": other[best],
        "is": best,
        "random: median": np.median(random),
        "95 % below": np.quantile(random, 0.95),
        "best": random.max(),
        "best is": names[random.argmax()],
        "rank": 1 + (random > mine).sum(),
    }


if __name__ == "__main__":
    main()
