"""Near-equal tuning images: what `suggest` states and what is true, with and without groups; time.

    python benchmarks/near_duplicates.py STORE [--classes 8] [--seeds 0 1] [--images 100000]

From the concept scores of STORE, which has labels, an image set without any bias is drawn: fit,
tune and holdout at random, a teacher of noisy labels. The tuning images come several times, with
noise in each copy (in spreads of the concept). For each setting the table has the gain of
`inficond suggest` as it states it and as it is on the holdout, in AP points (100 times AP), with
groups of near-equal images and with each image by itself. The last setting is the control: as many
different images, with the same noise.

Then the time to find groups among --images made ones, as a ratio to the neighbours within the same
distance of scikit-learn (`NearestNeighbors`, on a tenth of the images, by its law: the square).
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd

from inficond_panel import from_frames
from inficond_panel.distill import average_precision
from inficond_panel.store import Store, open_store
from inficond_panel.store.near_scores import near_equal
from inficond_panel.tuning import Tuner
from inficond_panel.tuning.suggest import carry_out, suggest

#: Copies of each tuning image, tuning images without copies, and noise of a copy.
SETTINGS = ((2, 150, 0.0), (2, 150, 0.2), (5, 100, 0.2), (1, 300, 0.2))
FIT = 1500


def students(store: Store, copies: int, base: int, noise: float, seed: int) -> Tuner:
    """Students of images of ``store``, of which ``base`` are tuning images, ``copies`` times."""
    rng = np.random.default_rng(seed)
    label = np.asarray(store.label).astype(float)
    label[label < 0] = np.nan
    logit = 2.5 * (2 * np.nan_to_num(label) - 1) + rng.normal(0, 1.2, label.shape)
    order = rng.permutation(len(label))
    tune, fit, holdout = np.split(order, [base, base + FIT])
    rows = np.concatenate([fit, holdout, np.tile(tune, copies)])
    names = ["fit"] * len(fit) + ["holdout"] * len(holdout) + ["tune"] * (base * copies)
    scores = np.asarray(store.concept_score, dtype=float)[rows]
    copied = slice(len(fit) + len(holdout), None)
    scores[copied] += noise * scores.std(axis=0) * rng.normal(size=scores[copied].shape)
    ids = [f"{i:06d}" for i in range(len(rows))]
    return (
        from_frames(
            pd.DataFrame(scores, ids, store.concepts),
            pd.DataFrame(logit[rows], ids, store.classes),
            pd.DataFrame(label[rows], ids, store.classes),
            split=pd.Series(names, ids),
        )
        .fit()
        .tuner
    )


def gains(tuner: Tuner, classes: int) -> list[tuple[float, float, float]]:
    """Gain that is stated, its lower limit, and the true gain, of the classes with most labels."""
    store, found = tuner.store, []
    rows = store.rows("holdout")
    positives = (store.label[store.rows("tune")] == 1).sum(axis=0)
    for k in np.argsort(-positives, kind="stable")[1 : classes + 1]:  # the first is everywhere
        name = store.classes[k]
        made = suggest(tuner, classes=[name])
        if name not in made.repairs:
            continue
        node = carry_out(tuner, made) or tuner.root()
        label = store.label[rows, k]
        before, after = (
            average_precision(label, tuner.logits(each, rows)[:, k])
            for each in (tuner.root(), node)
        )
        gain = made.gain_of(name)
        found.append((gain.estimate, gain.low, after - before))
    return found


def made_scores(images: int) -> np.ndarray:
    """Scores of 584 concepts in images that differ, correlated as in photos."""
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(40, 584)) * np.linspace(3, 0.3, 40)[:, None]
    scores = rng.normal(size=(images, 40)) @ weights + rng.normal(size=(images, 584))
    return np.asarray(scores, dtype=np.float32)


def times(images: int) -> None:
    """Print the time to find near-equal images, beside scikit-learn's neighbours."""
    from sklearn.neighbors import NearestNeighbors

    scores, logits = made_scores(images), np.zeros((images, 1), np.float32)
    begun = time.process_time()
    near_equal(scores, logits)
    ours, some = time.process_time() - begun, scores[: images // 10]
    standard = (some - some.mean(axis=0)) / some.std(axis=0)
    begun = time.process_time()
    reach = 0.25 * np.sqrt(2 * some.shape[1])
    NearestNeighbors(radius=reach, algorithm="brute").fit(standard).radius_neighbors(standard)
    theirs = 100 * (time.process_time() - begun)
    print(f"{images:,} x 584: {ours:.0f} s; scikit-learn {theirs / ours:.1f} times that")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store")
    parser.add_argument("--classes", type=int, default=8)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--images", type=int, default=100_000)
    given = parser.parse_args()
    print("copies images noise | groups | stated   true  worst | above 0, of these lost")
    for copies, base, noise in SETTINGS:
        for grouped in (True, False):
            rows = []
            for seed in given.seeds:
                tuner = students(open_store(given.store), copies, base, noise, seed)
                if not grouped:
                    tuner.store.__dict__["near_group"] = np.arange(len(tuner.store.images))
                rows += gains(tuner, given.classes)
            stated, low, true = 100 * np.array(rows).T
            above = low > 0
            print(
                f"{copies:6} {base:6} {noise:5} | {'yes' if grouped else 'no':6} | "
                f"{stated.mean():+6.1f} {true.mean():+6.1f} {true.min():+6.1f} | "
                f"{above.sum()} of {len(rows)}, {(above & (true < 0)).sum()}",
                flush=True,
            )
    if given.images:
        times(given.images)


if __name__ == "__main__":
    main()
