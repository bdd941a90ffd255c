"""Checks of the pandas frames that a store is made from; each yields messages on faults."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np
import pandas as pd

from inficond_panel.common.near_words import near, nearest
from inficond_panel.common.numbers import count
from inficond_panel.common.teacher_outputs import logits_fault, probabilities_fault
from inficond_panel.store.checks import quoted, single_label_fault
from inficond_panel.vocabulary.splits import FIT, SPLITS, TUNE
from inficond_panel.vocabulary.tasks import SINGLE_LABEL

#: Largest absolute value in a frame: the store holds float32, where larger values become infinite.
_LARGEST = float(np.finfo(np.float32).max) / 2
#: Largest absolute score: the solver's Gram matrix, in float32, cannot hold larger squares.
_LARGEST_SCORE = 1e15
_NAMED = 5  #: most names that a message lists


Pandas = TypeVar("Pandas", pd.DataFrame, pd.Series)


def by_id(data: Pandas) -> Pandas:
    """Return a copy of the frame or series with its index, the image ids, as stripped text."""
    named = data.copy(deep=False)
    named.index = pd.Index([str(name).strip() for name in data.index], dtype=object)
    return named


def frame_faults(name: str, frame: object) -> Iterator[str]:
    """Yield messages if ``frame``, the argument ``name``, is not a numeric table with a row per
    image and named columns."""
    yield from table_faults(name, frame)
    if not isinstance(frame, pd.DataFrame):
        return
    columns = [str(column) for column in frame.columns]
    text = [c for c, kind in zip(columns, frame.dtypes, strict=True) if kind.kind not in "fiub"]
    if text:
        yield f"{name} has columns that are not numeric: {quoted(text, _NAMED)}"


def table_faults(name: str, frame: object) -> Iterator[str]:
    """Yield messages if ``frame``, the argument ``name``, is not a table with a row per image and
    named columns; the cells may have any type."""
    if not isinstance(frame, pd.DataFrame):
        yield f"{name} is {type(frame).__name__}, expected a pandas DataFrame"
        return
    yield from id_faults(name, frame)
    if not frame.shape[1]:
        yield f"{name} has no column"
    columns = [str(column).strip() for column in frame.columns]
    if not all(columns):
        yield f"{name} has a column without a name"
    if twice := _repeated(columns):
        yield f"{name} has duplicate column names: {twice}"


def id_faults(name: str, data: pd.DataFrame | pd.Series) -> Iterator[str]:
    """Yield messages on missing or repeated image ids, which are the index of ``data``."""
    if not len(data):
        yield f"{name} has no row"
    if data.index.nlevels > 1:
        yield f"{name} has an index of {data.index.nlevels} levels, expected one level of image ids"
        return
    if data.index.hasnans or not all(str(image).strip() for image in data.index):
        yield f"{name} has a row without an image id"
    if twice := _repeated([str(image).strip() for image in data.index]):
        yield f"{name} has duplicate image ids: {twice}"


def split_faults(split: object) -> Iterator[str]:
    """Yield messages if ``split`` is not a series with fit, tune or holdout per image id."""
    if not isinstance(split, pd.Series):
        yield f"split is {type(split).__name__}, expected a pandas Series"
        return
    yield from id_faults("split", split)
    for word in dict.fromkeys(map(str, split)):
        if word not in SPLITS:
            hint = near(word, SPLITS) or " There are fit (training), tune (validation), holdout."
            image = split.index[[str(value) == word for value in split]][0]
            yield f"split is {word!r} for the image {str(image)!r}.{hint.removesuffix('.')}"
    assigned = set(map(str, split))
    for needed in (FIT, TUNE):
        if needed not in assigned:
            yield f"split has no image with the value {needed!r}"


def row_faults(
    name: str, frame: pd.DataFrame, images: Sequence[str], needed: Sequence[str], of: str = "split"
) -> Iterator[str]:
    """Yield messages on ``needed`` image ids that have no row in ``frame``, the argument ``name``,
    and on rows with an id that is not in ``images``, the ids of ``of``."""
    in_frame, known = set(frame.index), set(images)
    if missing := [image for image in needed if image not in in_frame]:
        some = count(len(missing), "image")
        yield f"{name} has no row for {some} of {of}: {quoted(missing, _NAMED)}"
    if more := [image for image in frame.index if image not in known]:
        yield f"{name} has {count(len(more), 'image')} not in {of}: {quoted(more, _NAMED)}"


def class_faults(logits: pd.DataFrame, labels: pd.DataFrame, softmax: bool) -> Iterator[str]:
    """Yield a message per class that is a column of only one of ``logits`` and ``labels``.

    With ``softmax``, ``logits`` may have classes that ``labels`` lacks.
    """
    outputs, labelled = list(map(str, logits.columns)), list(map(str, labels.columns))
    for name in outputs:
        if name not in labelled and not softmax:
            yield f"labels has no column for the class {name!r} of logits{_nearest(name, labelled)}"
    for name in labelled:
        if name not in outputs:
            yield f"logits has no column for the class {name!r} of labels{_nearest(name, outputs)}"


def number_faults(name: str, frame: pd.DataFrame) -> Iterator[str]:
    """Yield a message if values are NaN, infinite or too large for float32, the store's type."""
    values = _numbers(frame)
    bad = ~(np.abs(values) <= _LARGEST)
    if bad.any():
        yield f"{name} has {count(bad.sum(), 'NaN or infinite value')}, {_first(frame, bad)}"


def size_faults(scores: pd.DataFrame) -> Iterator[str]:
    """Yield a message if finite scores are larger than 1e15, which is too large for the solver."""
    values = np.abs(_numbers(scores))
    bad = (values > _LARGEST_SCORE) & (values <= _LARGEST)
    if bad.any():
        yield (
            f"scores has {count(bad.sum(), 'value')} beyond ±{_LARGEST_SCORE:.0e}, "
            f"{_first(scores, bad)}; divide the column by its standard deviation"
        )


def logit_faults(logits: pd.DataFrame, outputs: str | None, softmax: bool) -> Iterator[str]:
    """Yield a message if ``logits`` contradict ``outputs``: "logits" or "probabilities".

    If ``outputs`` is None, they must be logits that do not look like probabilities or labels.
    """
    values = _numbers(logits)
    if outputs == "probabilities":
        fault = probabilities_fault(values, softmax)
        if fault:
            yield f"logits {fault}"
    elif outputs is None and (fault := logits_fault(values, softmax)):
        yield f'logits {fault}; set outputs to "probabilities", or to "logits" for true logits'


def word_faults(**given: tuple[str | None, Sequence[str | None]]) -> Iterator[str]:
    """Yield a message per argument whose value is not allowed. Each argument is passed by its name
    as the pair (value, allowed values)."""
    for name, (word, words) in given.items():
        if word not in words:
            yield f"{name} is {word!r}, expected one of {', '.join(repr(each) for each in words)}"


def task_faults(labels: pd.DataFrame, task: str, softmax: bool) -> Iterator[str]:
    """Yield a message if the labels, or a softmax teacher, contradict the task."""
    if task == SINGLE_LABEL:
        values = _numbers(labels)
        label = np.where(np.isnan(values), -1, values).astype(np.int8)
        images, classes = list(map(str, labels.index)), list(map(str, labels.columns))
        if fault := single_label_fault(label, images, classes):
            yield fault.removesuffix(".")
    elif softmax:
        yield 'a softmax needs one class per image: set task="single_label" or activation="sigmoid"'


def label_faults(labels: pd.DataFrame) -> Iterator[str]:
    """Yield a message if a label is not 1 (present), 0 (absent) or missing (unknown)."""
    values = _numbers(labels)
    bad = ~(np.isnan(values) | (values == 0) | (values == 1))
    if bad.any():
        yield (
            f"labels has {count(bad.sum(), 'value')} other than 0, 1 and missing (unknown), "
            f"{_first(labels, bad)}"
        )


def _numbers(frame: pd.DataFrame) -> np.ndarray:
    """Return the frame's values as float64; missing values, also of nullable types, become NaN."""
    return frame.astype(np.float64).to_numpy()


def _first(frame: pd.DataFrame, bad: np.ndarray) -> str:
    row, column = np.argwhere(bad)[0]
    image, name = str(frame.index[row]), str(frame.columns[column])
    return f"the first is {frame.iat[row, column]!s} in {name!r} of the image {image!r}"


def _repeated(names: Sequence[str]) -> str:
    index = pd.Index(names, dtype=object)
    return quoted(list(index[index.duplicated()].unique()), _NAMED)


def _nearest(word: str, words: Sequence[str]) -> str:
    return "".join(f" (nearest: {word_near!r})" for word_near in nearest(word, words))
