"""Checks of the tables that a store is made from; each yields messages on faults."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

import numpy as np
import pandas as pd

from inficond_panel.common import tables
from inficond_panel.common.captions import caption_fault
from inficond_panel.common.names import equal_names, name_key, name_text, pair_text
from inficond_panel.common.near_words import listed, near, nearest
from inficond_panel.common.numbers import count, significant
from inficond_panel.common.teacher_outputs import logits_fault, probabilities_fault
from inficond_panel.errors import DataError
from inficond_panel.store.checks import quoted, single_label_fault
from inficond_panel.vocabulary.splits import FIT, IMAGES_OF, SPLITS, TUNE
from inficond_panel.vocabulary.tasks import SINGLE_LABEL, UNLIKE_SCALES

#: Largest absolute value in a frame: the store holds float32, where larger values become infinite.
_LARGEST = float(np.finfo(np.float32).max) / 2
#: Largest absolute score: the solver's Gram matrix, in float32, cannot hold larger squares.
LARGEST_SCORE = 1e15
#: Largest error of rounding to float32 in a column, in standard deviations of the column.
_MOST_ROUNDED = 1e-3
#: Ratio of two columns' standard deviations, and of their ranges, from which they are unlike.
_UNLIKE = 10.0
_NAMED = 5  #: most names that a message lists


Pandas = TypeVar("Pandas", pd.DataFrame, pd.Series)


def keyed(data: Pandas) -> Pandas:
    """Return a copy of a frame or series by the keys of its names: its index, the image ids, and
    its columns (see ``common.names``)."""
    named = data.copy(deep=False)
    named.index = pd.Index(list(map(name_key, data.index)), dtype=object)
    if isinstance(named, pd.DataFrame):
        named.columns = pd.Index(list(map(name_key, data.columns)), dtype=object)
    return named


def frame_faults(name: str, given: object, table: pd.DataFrame | None) -> Iterator[str]:
    """Yield messages if ``given``, the argument ``name``, is not a numeric table with a row per
    image and named columns; ``table`` is ``tables.as_table(given)``."""
    yield from table_faults(name, given, table)
    if table is None:
        return
    kinds = zip(map(name_text, table.columns), table.dtypes, strict=True)
    text = [c for c, kind in kinds if kind.kind not in "fiub" and name_key(c) != tables.IDS]
    if text:
        yield f"{name} has columns that are not numeric: {quoted(text, _NAMED)}"


def table_faults(name: str, given: object, table: pd.DataFrame | None) -> Iterator[str]:
    """Yield messages as ``frame_faults``, for a table whose cells may have any type."""
    if table is None:
        yield tables.kind_fault(name, given)
        return
    if fault := tables.id_fault(name, given, table):
        yield fault
    else:
        yield from id_faults(name, table)
    if not table.shape[1]:
        yield f"{name} has no column"
    if not all(map(name_key, table.columns)):
        yield f"{name} has a column without a name"
    if twice := _repeated(table.columns):
        yield f"{name} has duplicate column names: {twice}"


def id_faults(name: str, data: pd.DataFrame | pd.Series) -> Iterator[str]:
    """Yield messages on missing or repeated image ids, which are the index of ``data``."""
    if not len(data):
        yield f"{name} has no row"
    if data.index.nlevels > 1:
        yield f"{name} has an index of {data.index.nlevels} levels, expected one level of image ids"
        return
    if data.index.hasnans or not all(map(name_key, data.index)):
        yield f"{name} has a row without an image id"
    if twice := _repeated(data.index):
        yield f"{name} has duplicate image ids: {twice}"


def split_faults(given: object, split: object) -> Iterator[str]:
    """Yield messages if ``given``, the argument ``split``, is not a column with the split of each
    image; ``split`` is ``tables.as_column(given)``."""
    if not isinstance(split, pd.Series):
        yield column_fault("split", given, "fit, tune or holdout")
        return
    yield from id_faults("split", split)
    image_of: dict[str, object] = {}  # the first image with each word that is no split
    for image, word in zip(split.index, map(name_text, split), strict=True):
        if name_key(word) not in SPLITS:
            image_of.setdefault(word, image)
    for word, image in islice(image_of.items(), _NAMED):
        hint = near(word, SPLITS) or " There are fit (training), tune (validation), holdout."
        yield f"split is {word!r} for the image {str(image)!r}.{hint.removesuffix('.')}"
    if (rest := len(image_of) - _NAMED) > 0:
        yield f"split has {rest:,} more values that are no splits"
    assigned = set(map(name_key, split))
    for needed in (FIT, TUNE):
        if needed not in assigned:
            yield (
                f"split has no image with the value {needed!r}, {IMAGES_OF[needed]}: of one data "
                "set, give a random part this value, as 60 % fit, 20 % tune and 20 % holdout "
                "(inficond docs data, One data set only)"
            )


def column_fault(name: str, given: object, values: str) -> str:
    """Return a message that the argument ``name`` is no column of ``values`` by image id."""
    table = tables.as_table(given)
    kind = f"{name} is {tables.type_name(given)}"
    wanted = f"expected pandas.Series: {values} by image id"
    if table is None:
        return f"{kind}, {wanted}; convert it: pandas.Series({name}, index=IMAGE_IDS)"
    if fault := tables.id_fault(name, given, table):
        return fault
    call = "[[COLUMN]]" if tables.has_index(given) else f'.select(["{tables.IDS}", COLUMN])'
    many = count(table.shape[1], "column")
    return f"{kind}, with {many}, {wanted}; take one column: {name}{call}"


def caption_faults(captions: pd.Series) -> Iterator[str]:
    """Yield a message on the first images whose caption is no caption; a missing one is none."""
    faults = {image: caption_fault(text) for image, text in captions.dropna().items()}
    wrong = {image: fault for image, fault in faults.items() if fault}
    if wrong:
        first = next(iter(wrong))
        yield (
            f"captions has {count(len(wrong), 'text')} that cannot be used: "
            f"{quoted(list(wrong), _NAMED)}; the caption of {first!r} {wrong[first]}"
        )


def row_faults(
    name: str, frame: pd.DataFrame, images: Sequence[str], needed: Sequence[str], of: str = "split"
) -> Iterator[str]:
    """Yield messages on ``needed`` image ids that have no row in ``frame``, the argument ``name``,
    and on rows with an id that is not in ``images``, the ids of ``of``."""
    in_frame, known = set(frame.index), set(images)
    if missing := [image for image in needed if image not in in_frame]:
        some = count(len(missing), "image")
        short = {image.lstrip("0") or "0" for image in missing}
        lost = short <= in_frame and not short & set(missing)
        zeros = f"; the ids of {name} lost their leading zeros: read them as text" if lost else ""
        yield f"{name} has no row for {some} of {of}: {quoted(missing, _NAMED)}{zeros}"
    if more := [image for image in frame.index if image not in known]:
        yield f"{name} has {count(len(more), 'image')} not in {of}: {quoted(more, _NAMED)}"


def class_faults(logits: pd.DataFrame, labels: pd.DataFrame, softmax: bool) -> Iterator[str]:
    """Yield a message per class that is a column of only one of ``logits`` and ``labels``.

    With ``softmax``, ``logits`` may have classes that ``labels`` lacks.
    """
    outputs, labelled = list(logits.columns), list(labels.columns)
    for name in outputs:
        if name not in labelled and not softmax:
            yield f"labels has no column for the class {name!r} of logits{_nearest(name, labelled)}"
    for name in labelled:
        if name not in outputs:
            yield f"logits has no column for the class {name!r} of labels{_nearest(name, outputs)}"


def check_labels_kept(labels: pd.DataFrame, label: np.ndarray, classes: Sequence[str]) -> None:
    """Raise ``DataError`` unless ``label`` ``(n, K)`` has as many known labels of each of the
    ``classes`` as the frame ``labels``."""
    before = (~np.isnan(_numbers(labels))).sum(axis=0)
    now = dict(zip(classes, (label >= 0).sum(axis=0), strict=True))
    lost = [str(c) for c, known in zip(labels.columns, before, strict=True) if now.get(c) != known]
    if lost:
        raise DataError(
            f"Labels were lost when names were matched, of the classes {quoted(lost, _NAMED)}.",
            "Name classes and images alike in labels, logits and split, as text.",
        )


def number_faults(name: str, frame: pd.DataFrame) -> Iterator[str]:
    """Yield a message if values are NaN, infinite or too large for float32, the store's type."""
    values = _numbers(frame)
    bad = ~(np.abs(values) <= _LARGEST)
    if bad.any():
        yield f"{name} has {count(bad.sum(), 'NaN or infinite value')}, {_first(frame, bad)}"


def size_faults(scores: pd.DataFrame) -> Iterator[str]:
    """Yield a message if finite scores are larger than 1e15, which is too large for the solver."""
    values = np.abs(_numbers(scores))
    bad = (values > LARGEST_SCORE) & (values <= _LARGEST)
    if bad.any():
        yield (
            f"scores has {count(bad.sum(), 'value')} beyond ±{LARGEST_SCORE:.0e}, "
            f"{_first(scores, bad)}; divide the column by its standard deviation"
        )


def digit_faults(scores: pd.DataFrame) -> Iterator[str]:
    """Yield a message if columns of scores lose digits as float32, in which a store keeps them.

    A column loses them if rounding moves a value by more than ``_MOST_ROUNDED`` of the column's
    standard deviation, as in a column of times: large numbers that differ by little."""
    values = _numbers(scores)
    with np.errstate(over="ignore", invalid="ignore"):
        moved = np.abs(values - values.astype(np.float32)).max(axis=0, initial=0.0)
        bad = (moved > _MOST_ROUNDED * values.std(axis=0)) & (np.ptp(values, axis=0) > 0)
        bad &= np.abs(values).max(axis=0, initial=0.0) <= LARGEST_SCORE
    if bad.any():
        name = scores.columns[int(bad.argmax())]
        yield (
            f"scores has {count(bad.sum(), 'column')} of large numbers that differ by little, "
            f"first {name!r}: as 32-bit numbers, which a store keeps, they lose digits; subtract "
            "the mean"
        )


def scale_warnings(scores: np.ndarray, concepts: Sequence[str]) -> Iterator[str]:
    """Yield a warning if columns of the scores ``(n, C)`` of ``fit`` have unlike scales.

    A weight is in logits per unit of score, so the order of concepts by weight, and the penalty on
    weights, then depend on units. Two columns are unlike if standard deviation and range both
    differ by more than ``_UNLIKE``: of columns of 0 and 1, rare ones have a small deviation only.
    """
    values = scores.astype(np.float64)
    spread, width = values.std(axis=0), np.ptp(values, axis=0)
    largest = int(spread.argmax())
    unlike = (spread * _UNLIKE < spread[largest]) & (width * _UNLIKE < width[largest]) & (width > 0)
    if unlike.any():
        least = int(np.where(unlike, spread, np.inf).argmin())
        sizes = [f"{concepts[c]!r} {significant(spread[c], 2)}" for c in (largest, least)]
        but = "" if spread.all() else ", without the columns that are constant on fit"
        yield (
            f"{UNLIKE_SCALES}: the standard deviation on fit is {' and '.join(sizes)}. Influences "
            "are per unit, so their order, their bars and the penalty say little about what a "
            "concept does. Make the store again with (scores - of_fit.mean()) / of_fit.std(), "
            f"where of_fit are the rows of fit{but}, or see students.scales(CLASS)['effect']"
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
        yield f"logits {fault}"


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


def _repeated(names: Iterable[Hashable]) -> str:
    pairs = dict.fromkeys(pair_text(*pair) for pair in equal_names(names))
    return listed(list(pairs), _NAMED) if pairs else ""


def _nearest(word: str, words: Sequence[str]) -> str:
    return "".join(f" (nearest: {word_near!r})" for word_near in nearest(word, words))
