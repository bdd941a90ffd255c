"""Convert a teacher's outputs to logits, check them, and read them from tables.

A table is a file: CSV, Parquet or npz.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from inficond_panel.common.names import equal_names, name_key, name_text, pair_text, positions
from inficond_panel.common.near_words import first_of, listed, nearest
from inficond_panel.common.npz import NPZ_FAULTS, open_npz
from inficond_panel.common.teacher_outputs import logits_fault, logits_of, probabilities_fault
from inficond_panel.errors import DataError
from inficond_panel.spec.faults import Faults
from inficond_panel.spec.sections.teacher import LogitsTeacher, Teacher
from precompute.datasets.photo_files import id_finder
from precompute.datasets.table_files import Table, read_table

#: Largest absolute logit in a file, so that it stays finite in the store's float32.
_LARGEST = float(np.finfo(np.float32).max) / 2
#: Largest number of left-out classes to name.
_SHOWN = 10
_ARRAYS = ("image_id", "class_name", "logit")
Shape = tuple[int, ...]


class TableColumns(NamedTuple):
    """Logits ``own`` ``(N, K)`` of the data set's classes, ``other`` ``(N, M)`` of other classes.

    ``other_classes`` are their names; ``left_out`` are classes of a table that are not used at all.
    """

    own: np.ndarray
    other: np.ndarray
    other_classes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def from_probabilities(values: np.ndarray, softmax: bool = False) -> np.ndarray:
    """Return logits float32 of probabilities ``(N, K)``; raise ``DataError`` if they are none."""
    return logits_of(check_probabilities(values, softmax), softmax).astype(np.float32)


def check_probabilities(values: np.ndarray, softmax: bool = False) -> np.ndarray:
    """Return ``values`` unchanged; raise ``DataError`` if they are not probabilities. With
    ``softmax`` each row must sum to 1."""
    if fault := probabilities_fault(values, softmax):
        raise DataError(
            f"The teacher's outputs {fault}.",
            "Set teacher.outputs: logits; with a softmax include all classes of the teacher, also "
            "classes that the data set lacks.",
        )
    return values


def check_logits(logit: np.ndarray, teacher: Teacher) -> None:
    """Raise ``DataError`` for logits that look like probabilities, percentages or labels.

    Rows with NaN (unreadable photos) are ignored. Nothing is raised if the spec sets ``outputs``.
    """
    fault = logits_fault(logit[np.isfinite(logit).all(axis=1)], teacher.softmax)
    if fault and teacher.outputs is None:
        raise DataError(
            f"The teacher's logits {fault}.",
            "Set outputs (in a spec teacher.outputs: probabilities, or logits); give no labels and "
            "no percentages.",
        )


def split_columns(values: np.ndarray, classes: int, names: Sequence[str] = ()) -> TableColumns:
    """Split values: the first ``classes`` columns are the data set's classes, then ``names``."""
    return TableColumns(values[:, :classes], values[:, classes:], tuple(names))


def other_classes(classes: Sequence[str], outputs: Sequence[str]) -> list[str]:
    """Return the names of ``outputs`` that are not classes of the data set, in order."""
    known = set(map(name_key, classes))
    return [name for name in outputs if name_key(name) not in known]


def read_logits(teacher: LogitsTeacher, ids: Sequence[str], classes: Sequence[str]) -> TableColumns:
    """Read logits float32 from the file that a spec names, a row per image of ``ids``.

    Columns of other classes are kept for a softmax, else left out. Raises ``DataError`` for images
    or classes without logits, images listed twice, and values that are not finite or contradict
    ``teacher.outputs`` of the spec.
    """
    values, others = read_outputs(Path(teacher.path), ids, classes)
    names = others if teacher.softmax else []
    values = values[:, : len(classes) + len(names)]
    if teacher.outputs == "probabilities":
        values = from_probabilities(values, teacher.softmax)
    check_logits(values, teacher)
    split = split_columns(values, len(classes), names)
    return split._replace(left_out=() if teacher.softmax else tuple(others))


def left_out_text(teacher: LogitsTeacher, columns: TableColumns) -> list[str]:
    """Return a note on the classes of a table that are not used; [] if all are used."""
    if not columns.left_out:
        return []
    shown = listed(columns.left_out, _SHOWN)
    return [f"{teacher.path.name} has classes that the data set lacks, left out: {shown}"]


def read_outputs(
    path: Path, ids: Sequence[str], classes: Sequence[str]
) -> tuple[np.ndarray, list[str]]:
    """Read values ``(len(ids), K + M)`` float32 from a file, and the names of its M other classes.

    The suffix determines the format: CSV and Parquet have a column ``image_id`` and a column per
    class; an npz has the arrays ``image_id`` (n,), ``class_name`` (K,) and ``logit`` (n, K). Rows
    of other images are left out; classes may be in any order. Columns of other classes come last.
    Raises the errors of ``read_logits``.
    """
    npz = path.suffix.lower() == ".npz"
    table = _read_npz(path) if npz else read_table(path, _finite, "a finite number")
    more = other_classes(classes, table.columns)
    row = {name: position for position, name in enumerate(table.ids)}
    find = id_finder(row)
    faults = Faults()
    with faults.gather():
        _check_classes(table, classes, more)
    with faults.gather():
        _check_images(table, ids, row, find)
    faults.check()
    column = positions(table.columns)
    columns = [column[name_key(name)] for name in (*classes, *more)]
    rows = [row[find(name)] for name in ids]
    return table.values[np.ix_(rows, columns)].astype(np.float32), more


def _finite(cell: str) -> float:
    value = float(cell)
    if not math.isfinite(value) or abs(value) > _LARGEST:
        raise ValueError(cell)
    return value


def _read_npz(path: Path) -> Table:
    names, classes, values = read_arrays(path, _ARRAYS, _check_shapes)
    if values.dtype.kind not in "fiu":
        raise _wrong_logits(path, f"{values.dtype} {values.shape}", names.size, classes.size)
    ids, columns = (
        tuple(map(name_text, names.ravel().tolist())),
        tuple(map(name_text, classes.tolist())),
    )
    for what, named in (("image", ids), ("class", columns)):
        if twice := equal_names(named):
            raise DataError(
                f"{path} lists the {what} {pair_text(*twice[0])} twice.",
                f"Keep one entry per {what}.",
            )
    wrong = np.argwhere(~(np.abs(values) <= _LARGEST))
    if len(wrong):
        row, column = wrong[0]
        raise DataError(
            f"{path}: {columns[column]!r} of image {ids[row]!r} is {values[row, column]}; expected "
            f"a finite number ({len(wrong)} such values).",
            "Run the teacher on these images again.",
        )
    return Table(path, ids, columns, values)


def _check_shapes(path: Path, names: Shape, classes: Shape, logit: Shape) -> None:
    """Raise ``DataError`` unless the logits have a row per name and a column per class."""
    expected = math.prod(names), math.prod(classes)
    if logit != expected:
        raise _wrong_logits(path, str(logit), *expected)


def _wrong_logits(path: Path, what: str, rows: int, columns: int) -> DataError:
    return DataError(
        f"{path}: logit is {what}; expected numbers ({rows}, {columns}), a row per image and a "
        "column per class.",
        f"Save the arrays {', '.join(_ARRAYS)} with these shapes.",
    )


def read_arrays(
    path: Path, wanted: Sequence[str], check: Callable[..., None] = lambda *_: None
) -> list[np.ndarray]:
    """Read the ``wanted`` arrays of an npz file; ``DataError`` if one is missing or unreadable.

    ``check`` gets the path and the arrays' shapes, before any values are read."""
    try:
        with open_npz(path) as archive:
            there = archive.names
            missing = [name for name in wanted if name not in there]
            if not missing:
                check(path, *map(archive.shape, wanted))
                return [archive.read(name) for name in wanted]
    except FileNotFoundError:
        raise DataError(f"There is no file {path}.", "Correct the path in the spec.") from None
    except DataError:
        raise
    except NPZ_FAULTS as error:
        raise DataError(
            f"{path} cannot be read as npz without pickled objects: {error}.",
            "Write the file again, with texts as arrays of str, not of object.",
        ) from error
    raise DataError(
        f"{path} has no array {' and no array '.join(missing)}; it has {listed(there, 5)}.",
        f"Write the file with np.savez(path, {', '.join(f'{n}=...' for n in _ARRAYS)}).",
    )


def _check_images(
    table: Table, ids: Sequence[str], row: Mapping[str, int], find: Callable[[str], str]
) -> None:
    """Raise ``DataError`` if images ``ids``, as ``find`` names them, are in no ``row``."""
    missing = [name for name in ids if find(name) not in row]
    if missing:
        short = missing[0].lstrip("0")
        lost = f"There is {short}: the ids lost their leading zeros; write text."
        hint = lost if short in row else f"Its first image is {table.ids[0]}."
        raise DataError(
            f"{table.path} has no logits for {len(missing)} of {len(ids)} images, "
            f"{first_of(missing)}. {hint}",
            "Write the image_ids of the data set; run the teacher on images that are not there.",
        )


def _check_classes(table: Table, classes: Sequence[str], others: Sequence[str]) -> None:
    known = positions(table.columns)
    missing = [name for name in classes if name_key(name) not in known]
    faults = [f"no column for the class {name!r}{near_in_list(name, others)}" for name in missing]
    if faults:
        raise DataError(
            f"{table.path} has {'; '.join(faults)}.",
            "Name the columns like the classes of the data set.",
        )


def near_in_list(word: str, words: Sequence[str]) -> str:
    """Return " (nearest: 'x')", x the word of ``words`` nearest to ``word``; "" if none is near."""
    return "".join(f" (nearest: {near!r})" for near in nearest(word, words))
