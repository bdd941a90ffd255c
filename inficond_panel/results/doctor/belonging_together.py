"""Columns of metadata whose images are alike, such as the visits of a patient: they are no
independent evidence, and splits that part them flatter the teacher and its students."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from inficond_panel.common.cache import once
from inficond_panel.common.numbers import share
from inficond_panel.distill.sources import Array
from inficond_panel.store import Store
from inficond_panel.vocabulary.splits import FIT, TUNE

#: Least values of a column, and mean number of images of each.
LEAST_VALUES, LEAST_EACH = 20, 2.0
#: Least share of the variance of the scores that is between the values.
LEAST_ALIKE = 0.1
#: Share of the tuning images of values that training images have, too, from which figures are of
#: known values.
CROSSING = 0.5
_MOST_IMAGES, _NAMED = 20_000, 2
TOGETHER = "images that belong together"
TOGETHER_REMEDY = (
    "Draw the splits by this column, so that each value is in one split, and name it in "
    "`near_duplicates`: then they count as one in tests and intervals (`inficond docs data`)."
)


@once(8)
def images_together(store: Store) -> str:
    """Return sentences on columns of metadata with many values, of which the images of one are
    alike, and are not known to be near-equal or are in both splits; "" without any."""
    rows = np.concatenate([store.rows(FIT), store.rows(TUNE)])
    rows = rows[:: -(-len(rows) // _MOST_IMAGES)]
    scores = np.asarray(store.concept_score[rows], dtype=np.float64)
    found = list[str]()
    for column in store.metadata_columns:
        texts = np.array(store.column(column))[rows]
        known = texts != ""
        values, code, sizes = np.unique(texts[known], return_inverse=True, return_counts=True)
        if len(values) < LEAST_VALUES or sizes.mean() < LEAST_EACH:
            continue
        alike = between_share(scores[known], code)
        if alike >= LEAST_ALIKE:
            named = _named(store, rows[known], code)
            found.append(_sentence(store, column, len(values), alike, named))
    return " ".join(list(filter(None, found))[:_NAMED])


def _named(store: Store, rows: NDArray[np.intp], code: NDArray[np.intp]) -> bool:
    """Return whether the images of one value are known to be near-equal."""
    group = store.near_group[rows]
    return len(np.unique(np.stack([code, group]), axis=1).T) == len(np.unique(code))


def between_share(scores: Array, code: NDArray[np.intp]) -> float:
    """Return the intraclass correlation of scores (n, C) with the same code (n,), the mean over the
    columns: the share of the variance between codes (Fisher 1925; one-way random effects)."""
    n, groups = len(code), int(code.max()) + 1
    sizes = np.bincount(code).astype(np.float64)
    ones = csr_array((np.ones(n), (code, np.arange(n))), shape=(groups, n))
    means = (ones @ scores) / sizes[:, None]
    within = ((scores - means[code]) ** 2).sum(axis=0) / max(n - groups, 1)
    between = (sizes[:, None] * (means - scores.mean(axis=0)) ** 2).sum(axis=0) / (groups - 1)
    each = (n - (sizes**2).sum() / n) / (groups - 1)
    total = between + (each - 1) * within
    shares = np.divide(between - within, total, out=np.zeros(len(total)), where=total > 0)
    return float(shares.mean())


def _sentence(store: Store, column: str, values: int, alike: float, named: bool) -> str:
    texts = np.array(store.column(column))
    fit, tune = (texts[store.rows(split)] for split in (FIT, TUNE))
    crossing = float((np.isin(tune, fit) & (tune != "")).mean())
    told = (
        f"Images with the same {column} are alike ({values:,} values; {share(alike)} of the "
        "variance of the scores is between them)"
    )
    if crossing < CROSSING:
        if named:
            return ""
        return f"{told}, and tests and intervals count each image alone: they are too sure."
    return (
        f"{told}, and {share(crossing)} of the tuning images have a {column} that training images "
        f"have, too: figures on them are of known ones, and may be lower for a new {column}."
    )
