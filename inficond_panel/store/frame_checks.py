"""Faults of the frames that a store is made from, all of them at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np
import pandas as pd

from inficond_panel.common.near_words import near, nearest
from inficond_panel.common.teacher_outputs import logits_fault, probabilities_fault
from inficond_panel.store.checks import single_label_fault
from inficond_panel.vocabulary.splits import FIT, SPLITS, TUNE

#: What is finite in a frame must be so in the store, which holds float32.
_LARGEST = float(np.finfo(np.float32).max) / 2
#: Scores beyond it have squares that the solver's Gram matrix, in float32, cannot hold.
_LARGEST_SCORE = 1e15
_NAMED = 5  #: names of many that a message lists


Pandas = TypeVar("Pandas", pd.DataFrame, pd.Series)


def by_id(data: Pandas) -> Pandas:
    """Return the frame or series with its index, the image ids, as text."""
    named = data.copy(deep=False)
    named.index = pd.Index([str(name).strip() for name in data.index], dtype=object)
    return named


def frame_faults(name: str, frame: object) -> Iterator[str]:
    """Yield faults of a frame of numbers with a row per image and a column per name."""
    yield from table_faults(name, frame)
    if not isinstance(frame, pd.DataFrame):
        return
    columns = [str(column) for column in frame.columns]
    text = [c for c, kind in zip(columns, frame.dtypes, strict=True) if kind.kind not in "fiub"]
    if text:
        yield f"{name} has columns that hold no numbers: {_some(text)}"


def table_faults(name: str, frame: object) -> Iterator[str]:
    """Yield faults of a frame with a row per image and a column per name."""
    if not isinstance(frame, pd.DataFrame):
        yield f"{name} is {type(frame).__name__}, expected a pandas DataFrame"
        return
    yield from id_faults(name, frame)
    if not frame.shape[1]:
        yield f"{name} has no column"
    columns = [str(column) for column in frame.columns]
    if not all(column.strip() for column in columns):
        yield f"{name} has a column without a name"
    if twice := _repeated(columns):
        yield f"{name} has several columns of one name: {twice}"


def id_faults(name: str, data: pd.DataFrame | pd.Series) -> Iterator[str]:
    """Yield faults of the index, which holds the image ids."""
    if not len(data):
        yield f"{name} has no row"
    if data.index.nlevels > 1:
        yield f"{name} has an index of {data.index.nlevels} levels, expected one of image ids"
        return
    if data.index.hasnans or not all(str(image).strip() for image in data.index):
        yield f"{name} has a row without an image id"
    if twice := _repeated([str(image).strip() for image in data.index]):
        yield f"{name} has several rows of one image id: {twice}"


def split_faults(split: object) -> Iterator[str]:
    """Yield faults of the series that says for what each image is."""
    if not isinstance(split, pd.Series):
        yield f"split is {type(split).__name__}, expected a pandas Series"
        return
    yield from id_faults("split", split)
    for word in dict.fromkeys(map(str, split)):
        if word not in SPLITS:
            hint = near(word, SPLITS) or f" There are {', '.join(SPLITS)}."
            image = split.index[[str(value) == word for value in split]][0]
            yield f"split is {word!r} for the image {str(image)!r}.{hint.removesuffix('.')}"
    there = set(map(str, split))
    for needed in (FIT, TUNE):
        if needed not in there:
            yield f"split names no image {needed!r}"


def row_faults(
    name: str, frame: pd.DataFrame, images: Sequence[str], needed: Sequence[str]
) -> Iterator[str]:
    """Yield images of ``split`` that the table lacks, and images that only the table has."""
    there, known = set(frame.index), set(images)
    if missing := [image for image in needed if image not in there]:
        yield f"{name} has no row for {len(missing)} images of split: {_some(missing)}"
    if more := [image for image in frame.index if image not in known]:
        yield f"{name} has {len(more)} images that split does not name: {_some(more)}"


def class_faults(logits: pd.DataFrame, labels: pd.DataFrame, softmax: bool) -> Iterator[str]:
    """Yield classes that only the logits or only the labels have.

    A softmax may have more classes than the labels.
    """
    known, labelled = list(map(str, logits.columns)), list(map(str, labels.columns))
    for name in known:
        if name not in labelled and not softmax:
            yield f"labels has no column for the class {name!r} of logits{_nearest(name, labelled)}"
    for name in labelled:
        if name not in known:
            yield f"labels has a column {name!r} that logits has not{_nearest(name, known)}"


def number_faults(name: str, frame: pd.DataFrame) -> Iterator[str]:
    """Yield values that are NaN, infinite or too large for the store, which holds float32."""
    values = _numbers(frame)
    bad = ~(np.abs(values) <= _LARGEST)
    if bad.any():
        yield f"{name} has {bad.sum()} values that are NaN or infinite, {_first(frame, bad)}"


def size_faults(scores: pd.DataFrame) -> Iterator[str]:
    """Yield scores that are finite and too large to compute with."""
    values = np.abs(_numbers(scores))
    bad = (values > _LARGEST_SCORE) & (values <= _LARGEST)
    if bad.any():
        yield (
            f"scores has {bad.sum()} values beyond {_LARGEST_SCORE:.0e} in size, "
            f"{_first(scores, bad)}; divide the column by its spread"
        )


def logit_faults(logits: pd.DataFrame, outputs: str | None, softmax: bool) -> Iterator[str]:
    """Yield evidence that ``logits`` are not of the stated kind ``outputs``.

    Kinds are "logits" and "probabilities"; None means logits, which must not look like shares of 1,
    percentages or labels.
    """
    values = _numbers(logits)
    if outputs == "probabilities":
        fault = probabilities_fault(values, softmax)
        if fault:
            yield f"logits {fault}"
    elif outputs is None and (fault := logits_fault(values)):
        yield f'logits {fault}; give outputs="probabilities", or outputs="logits" if they are'
    elif outputs is None and values.size and values.min() >= 0 and not softmax:
        yield (
            "logits has no value below 0, so that the teacher would find every class in every "
            "image; give logits: log(p / (1 - p)) of probabilities"
        )


def word_faults(**given: tuple[str | None, Sequence[str | None]]) -> Iterator[str]:
    """Yield arguments that are none of their words: pairs of an argument and its words, by name."""
    for name, (word, words) in given.items():
        if word not in words:
            yield f"{name} is {word!r}; there are {', '.join(repr(each) for each in words)}"


def task_faults(labels: pd.DataFrame, task: str, softmax: bool) -> Iterator[str]:
    """Yield labels that do not go with the task, and a softmax over images of several classes."""
    if task == "single_label":
        values = _numbers(labels)
        label = np.where(np.isnan(values), -1, values).astype(np.int8)
        images, classes = list(map(str, labels.index)), list(map(str, labels.columns))
        if fault := single_label_fault(label, images, classes):
            yield fault.removesuffix(".")
    elif softmax:
        yield 'a softmax has one class an image; give task="single_label", or activation="sigmoid"'


def label_faults(labels: pd.DataFrame) -> Iterator[str]:
    """Yield labels other than 1 (present), 0 (absent) and missing (unknown)."""
    values = _numbers(labels)
    bad = ~(np.isnan(values) | (values == 0) | (values == 1))
    if bad.any():
        yield (
            f"labels has {bad.sum()} values other than 0, 1 and missing (not known), "
            f"{_first(labels, bad)}"
        )


def _numbers(frame: pd.DataFrame) -> np.ndarray:
    """Return values as float64; missing ones, also of nullable types, become nan."""
    return frame.astype(np.float64).to_numpy()


def _first(frame: pd.DataFrame, bad: np.ndarray) -> str:
    row, column = np.argwhere(bad)[0]
    image, name = str(frame.index[row]), str(frame.columns[column])
    return f"the first is {frame.iat[row, column]!s} in {name!r} of the image {image!r}"


def _repeated(names: Sequence[str]) -> str:
    index = pd.Index(names, dtype=object)
    return _some(list(index[index.duplicated()].unique()))


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(map(repr, names[:_NAMED])) + more


def _nearest(word: str, words: Sequence[str]) -> str:
    return "".join(f" (nearest: {word_near!r})" for word_near in nearest(word, words))
