"""Store from three tables of the user, made by ``inficond init``: scores, logits, labels."""

from __future__ import annotations

import argparse
import csv
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from inficond_panel.commands.init.init_sources import CaptionTable, source_of
from inficond_panel.commands.shared.output import note as warn
from inficond_panel.commands.shared.output import say
from inficond_panel.common.files import check_file, lines_of, separator_of
from inficond_panel.common.installation import path_word
from inficond_panel.common.names import equal_names, find_name, pair_text
from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import significant
from inficond_panel.errors import DataError, OrderError, change_of_outputs
from inficond_panel.vocabulary.splits import ERROR, SPLITS
from inficond_panel.vocabulary.tasks import MULTI_LABEL, SINGLE_LABEL, task_text

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from inficond_panel.store import Store

_FORM = "inficond init scores.csv logits.csv labels.csv --splits split.csv --output own.zarr"
_OF_ONE = (
    "A single table, of captions or photos, has its splits in a column called split: name it "
    "without --splits. "
)
_OF_FOLDER = ("download", "teacher", "encoder", "corpus")
_TABLES = ("scores", "logits", "labels")
_OF_TABLES = ("splits", "photos", "metadata")
#: Value of ``--near-duplicates``: each row is independent of all others.
_INDEPENDENT = "false"


def is_of_tables(args: argparse.Namespace) -> bool:
    """Return whether the arguments name tables, not a folder; raise ``DataError`` for a mixture."""
    _check_folder(args)
    tables = len(args.place) > 1 or any(getattr(args, name) for name in _OF_TABLES)
    values = {"class": args.classes, **{name: getattr(args, name) for name in _OF_FOLDER}}
    of_folder = [name for name, value in values.items() if value]
    if not tables:
        return False
    missing = ["--captions is for a table of captions alone."] if args.captions else []
    if len(args.place) != len(_TABLES):
        missing.append(f"Three tables are needed ({', '.join(_TABLES)}), got {len(args.place)}.")
    if args.splits is None:
        missing.append("--splits TABLE is missing.")
    if not (args.output or "").endswith(".zarr"):
        missing.append("--output must name a store, such as own.zarr.")
    if args.near_duplicates not in (None, _INDEPENDENT) and not args.metadata:
        missing.append("--metadata TABLE is missing, with the column of --near-duplicates.")
    missing += [f"--{name} is only for a folder of photos." for name in of_folder]
    if missing:
        one = len(args.place) == 1 and args.splits is not None
        raise DataError(" ".join(missing), f"{_OF_ONE if one else ''}Run, for example: {_FORM}")
    return True


def _check_folder(args: argparse.Namespace) -> None:
    """Raise ``DataError`` for flags of tables beside a folder of photos."""
    given = [f"--{name}" for name in _OF_TABLES if getattr(args, name)]
    if given and len(args.place) == 1 and Path(args.place[0]).is_dir():
        folder = Path(args.place[0])
        beside = args.metadata and Path(args.metadata).resolve().parent == folder.resolve()
        where = "table in the folder" if beside else "table if it lies in the folder"
        raise DataError(
            f"{', '.join(given)}: only for the three tables {', '.join(_TABLES)}; {folder} is a "
            "folder of photos.",
            f"Leave it out: init finds a {where}, with image_id (or file, path, ...) and a row for "
            "each image.",
        )


def check_captions(args: argparse.Namespace) -> None:
    """Raise ``DataError`` for flags that a table of captions, or a folder, has no use for."""
    if args.near_duplicates == _INDEPENDENT:
        raise DataError(
            "--near-duplicates false is only for the three tables of scores, logits and labels.",
            "Leave it out. If copies may lie in different splits: --across-splits allow",
        )
    of_table = bool(args.place) and isinstance(source_of(Path(args.place[0])), CaptionTable)
    if args.captions and not of_table:
        raise DataError(
            "--captions is for a table of captions.", "Name the table: inficond init captions.csv"
        )
    unused = [name for name in ("download", "encoder", "concepts", "device") if getattr(args, name)]
    if of_table and unused:
        raise DataError(
            f"--{unused[0]} is not used with a table of captions.",
            f"Leave it out. With tables of scores: {_FORM}",
        )


def write_tables(args: argparse.Namespace) -> None:
    """Write the store of the tables, and print a summary and the next command."""
    from inficond_panel.store.checks import is_single_label, one_class_note
    from inficond_panel.store.frames import store_frames
    from inficond_panel.store.teacher_outputs import store_activation_text
    from inficond_panel.wording.things import errors_with_word, image_word, in_words_of

    output = Path(args.output)
    if output.exists():
        raise DataError(f"{output} already exists.", "Name another store: --output STORE.zarr")
    scores, logits, labels = map(_frame, args.place)
    images = _column(args.photos, "path") if args.photos else None
    if images is not None:
        images = images.map(lambda name: Path(args.photos).parent / str(name))
    near = args.near_duplicates
    task = args.task or (SINGLE_LABEL if is_single_label(_matrix(labels)) else MULTI_LABEL)
    try:
        with errors_with_word("row" if images is None else "image"):
            store = store_frames(
                output,
                scores,
                logits,
                labels,
                _column(args.splits, "split"),
                images,
                _frame(args.metadata, text=True) if args.metadata else None,
                made_by="inficond init",
                title=args.title or "",
                task=task,
                activation=args.activation or ("softmax" if task == SINGLE_LABEL else "sigmoid"),
                outputs=args.outputs,
                order=args.order,
                near_duplicates=False if near == _INDEPENDENT else near,
                across_splits=args.across_splits or ERROR,
            )
    except OrderError as error:
        change = change_of_outputs(error.right_names, str(args.place[1]))
        remedy = f"{change} To keep them as they are: --order as_given"
        raise OrderError(error.sentence, remedy, error.right_names) from error
    counts = ", ".join(f"{len(store.rows(name))} {name}" for name in SPLITS)
    score = store.concept_score
    low, high = significant(score.min(), 3), significant(score.max(), 3)
    say(f"concepts  {len(store.concepts)}, scores from {low} to {high}")
    say(f"classes   {len(store.classes)}: {listed(store.classes, 8)}")
    say(f"{f'{image_word(store)}s':<9} {counts}")
    others = len(store.read("other_class"))
    outputs = others and others + len(store.classes)
    task_words = in_words_of(store, task_text(store.task, store.activation, outputs))
    say(f"task      {task_words}")
    if fit := store_activation_text(store):
        say(f"          {in_words_of(store, fit)}")
    if (
        task != SINGLE_LABEL
        and not args.task
        and (note := one_class_note(store.label, store.images))
    ):
        say(f"          {in_words_of(store, note)}")
    _say_lacks(store)
    say(f"Wrote {output}. Next:")
    say(f"  inficond serve {path_word(output)} --show")


def _say_lacks(store: Store) -> None:
    """Print the parts that the store lacks, and its warnings."""
    from inficond_panel.wording.things import in_words_of

    for part in ("photos", "segments", "maps"):
        if lacking := store.lacks(part):
            say(f"          {lacking}")
    for warning in store.attrs.get("warnings", []):
        warn(in_words_of(store, f"Warning: {warning}."))


def _matrix(labels: pd.DataFrame) -> np.ndarray:
    """Return labels as in the store: 1, 0, and -1 for any other value."""
    import numpy as np

    values = labels.to_numpy()
    return np.where(values == 1, 1, np.where(values == 0, 0, -1))


def _frame(name: str, text: bool = False) -> pd.DataFrame:
    """Read a CSV table indexed by its column ``image_id``, which is text.

    With ``text`` all columns are read as text (leading zeros stay).
    """
    import pandas as pd

    path = Path(name)
    try:
        check_file(path)
        separator, before = separator_of(path)
        header = next(csv.reader(islice(lines_of(path), before, None), delimiter=separator), [])
        ids = find_name("image_id", header)
        frame = pd.read_csv(
            path,
            sep=separator,
            skiprows=before,
            dtype=str if text else {ids: str},
            keep_default_na=False,
            na_values=[""],
            true_values=["yes", "Yes", "YES"],
            false_values=["no", "No", "NO"],
            encoding="utf-8",
        )
    except FileNotFoundError:
        raise DataError(f"There is no file {path}.", f"Run, for example: {_FORM}") from None
    except (OSError, ValueError, csv.Error) as error:  # pandas' own errors are a ValueError
        lacking = f"{path} cannot be read as CSV: {error}."
        raise DataError(lacking, "Save the table as CSV in UTF-8.") from error
    if twice := equal_names(filter(None, header)):
        raise DataError(
            f"{path}:1: two columns have one name: {pair_text(*twice[0])}.",
            "Give each column a unique name.",
        )
    if ids is None:
        there = ", ".join(map(str, frame.columns[:5]))
        raise DataError(
            f"{path} has no column image_id; its first columns are: {there}.",
            "Write the names of the columns, one of them image_id, into the first row.",
        )
    return frame.set_index(ids)


def _column(name: str, column: str) -> pd.Series:
    frame = _frame(name)
    found = find_name(column, frame.columns)
    if found is None:
        raise DataError(
            f"{name} has no column {column}; available: image_id, {', '.join(frame.columns)}.",
            f"Write a table with the columns image_id, {column}.",
        )
    return frame[found]
