"""Columns of metadata by which a data set could be split, in place of a split by chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from inficond_panel.spec import REST
from inficond_panel.vocabulary.splits import FIT, HOLDOUT, TUNE
from precompute.datasets import Dataset
from precompute.detect.writing import value

#: Most values of a column that may be a source of photos, such as a camera, a place or a year.
_MOST_VALUES = 10
#: Least share of the images that each of its values has.
_LEAST_SHARE = 0.02


def split_column_note(dataset: Dataset) -> str:
    """Return a note on the columns of metadata that name sources of the images, with splits by the
    first; "" without any."""
    columns = dict(_sources(dataset))
    if not columns:
        return ""
    names = ", ".join(columns)
    first, (most, *others) = next(iter(columns.items()))
    rest = others if len(others) > 1 else others[0]
    fit, tune = ({"column": first, "value": each} for each in (most, rest))
    splits = {FIT: fit, TUNE: {**tune, "share": 0.5}, HOLDOUT: REST}
    return f"A split by a source of photos shows more. Columns: {names}. splits: {value(splits)}"


def _sources(dataset: Dataset) -> Iterator[tuple[str, list[str]]]:
    """Yield the name and the values, most frequent first, of each column with a few values that
    are no classes; an empty cell is unknown, so a column with one names no source of its image."""
    if dataset.metadata is None:
        return
    for name, texts in zip(dataset.metadata_columns, dataset.metadata.T, strict=True):
        counts = Counter(map(str, texts))
        unfit = "" in counts or min(counts.values()) < _LEAST_SHARE * len(texts)
        if 2 <= len(counts) <= _MOST_VALUES and not unfit and not _is_class(dataset, texts):
            yield name, [text for text, _ in counts.most_common()]


def _is_class(dataset: Dataset, texts: np.ndarray) -> bool:
    """Return True if images of equal text have equal labels: the column is a class, or a part of
    one."""
    labels = {(str(text), tuple(row)) for text, row in zip(texts, dataset.label, strict=True)}
    return len(labels) == len(set(map(str, texts)))
