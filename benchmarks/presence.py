"""How well do scores tell which images show a thing that several collinear concepts name?

    python benchmarks/presence.py [SPEC]

For each class that a concept of the store names, and whose concept has collinear ones (correlated
by 0.8 on ``fit``): three answers of which tuning images show it, each by Otsu's threshold on
``fit``, against the labels. *One*: by the concept alone. *Any*: an image shows the thing if one of
the concepts is above its own threshold. *Mean*: by the mean of the standardised scores
(``joint_presence``). MCC is Matthews' correlation coefficient.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sklearn.metrics import matthews_corrcoef

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package, if not installed
from inficond_panel.concepts.own_words import classes_by_word
from inficond_panel.distill.correlations import COLLINEAR, collinear
from inficond_panel.tuning import Tuner, open_tuner
from inficond_panel.tuning.two_worlds import presence_by_scores

WAYS = ("one", "any", "mean")
LEAST = 10  #: positives


def answers(tuner: Tuner) -> Iterator[tuple[str, int, dict[str, tuple[float, float]], float]]:
    """Yield class, number of concepts, MCC and share shown by way, and the share of positives."""
    store, correlations = tuner.store, tuner.fit_data.images.correlations
    for concept, k in classes_by_word(store).items():
        row = correlations.rows([concept])[0]
        thing = [concept, *(other for other, _ in collinear(row, concept, COLLINEAR))]
        label = store.label[store.rows("tune"), k]
        if len(thing) == 1 or (label == 1).sum() < LEAST:
            continue
        fit, tune = (store.scores_of(split)[:, thing] for split in ("fit", "tune"))
        each = [presence_by_scores(fit[:, [at]], tune[:, [at]]) for at in range(len(thing))]
        shown = each[0], np.any(each, axis=0), presence_by_scores(fit, tune)
        known = label >= 0
        found = {
            way: (matthews_corrcoef(label[known], mask[known]), float(mask[known].mean()))
            for way, mask in zip(WAYS, shown, strict=True)
        }
        yield store.classes[k], len(thing), found, float(label[known].mean())


def main() -> None:
    rows = list(answers(open_tuner(sys.argv[1] if len(sys.argv) > 1 else "demo")))
    print("class, concepts, positives; MCC and share shown by", ", ".join(WAYS))
    for name, size, found, positives in rows:
        cells = (f"{found[way][0]:.2f} {found[way][1]:.0%}" for way in WAYS)
        print(f"{name}, {size}, {positives:.0%};", ", ".join(cells))
    means = {way: np.mean([found[way] for _, _, found, _ in rows], axis=0) for way in WAYS}
    print(f"mean of {len(rows)}:", ", ".join(f"{a:.2f} {b:.0%}" for a, b in means.values()))


if __name__ == "__main__":
    main()
