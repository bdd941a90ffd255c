"""Pockets of several sizes of input, made in one run: a folder each, and a table of all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from inficond_panel.common.files import write_folders
from inficond_panel.common.progress import Progress, no_progress, part_of
from inficond_panel.errors import ExportError
from inficond_panel.export.network.folder import CARD, CARD_JSON, check_folder, markdown_table
from inficond_panel.export.pocket.certificate import (
    COST_HEADINGS,
    COST_TITLE,
    POCKET_ROW,
    STUDENTS_ROW,
    TEACHER_ROW,
)
from inficond_panel.export.pocket.folder import PocketFiles, fill_folder, make_files
from inficond_panel.export.pocket.learn import learn_pocket
from inficond_panel.results.frame import document, make_frame
from inficond_panel.tuning import Node, Tuner
from inficond_panel.vocabulary.splits import HOLDOUT, TUNE

if TYPE_CHECKING:
    from precompute.teachers.trunk import TrunkName


def make_pockets(
    tuner: Tuner,
    node: Node,
    names: Sequence[TrunkName],
    split: str = TUNE,
    *,
    epochs: int = 0,
    seed: int = 0,
    progress: Progress = no_progress,
) -> list[PocketFiles]:
    """Learn a pocket of ``node`` with each trunk, and measure all of them on a split; nothing is
    written. Raises the errors of ``learn_pocket`` and ``make_files``."""
    share = 0.7 / len(names)
    pockets = [
        learn_pocket(
            tuner, node, name, holdout=split == HOLDOUT, epochs=epochs, seed=seed,
            progress=part_of(progress, share * n, share * (n + 1)),
        )
        for n, name in enumerate(names)
    ]  # fmt: skip
    return make_files(pockets, split, part_of(progress, 0.7, 1.0))


def side_of(files: PocketFiles) -> int:
    """Return the width of a pocket's input in pixels."""
    return int(files.certificate.pocket.network.trunk.preprocessing.size[0])


def cost_of_all(files: Sequence[PocketFiles]) -> pd.DataFrame:
    """Return a frame of what teacher, students and pockets cost on this machine, beside their AP;
    a pocket's rows have the side of its input in their names."""
    rows: dict[str, dict[str, Any]] = {}
    for each in files:
        for row in each.certificate.cost_rows():
            name = row["model"]
            if name not in (TEACHER_ROW, STUDENTS_ROW):
                name = name.replace(POCKET_ROW, f"{POCKET_ROW}, {side_of(each)} pixels")
            rows.setdefault(name, {**row, "model": name})
    return make_frame([*rows.values()], "model", COST_HEADINGS, title=COST_TITLE)


def write_pockets(files: Sequence[PocketFiles], folder: str | Path) -> dict[str, Path]:
    """Write pockets to a new folder: one straight, several to a folder each, named by the side of
    the input, with a card of all. Return the files by name. Raises ``ExportError`` for a folder
    that exists; nothing is written then."""
    target = check_folder(folder)
    with write_folders(target) as writing:
        if len(files) == 1:
            names = fill_folder(files[0], writing)
        else:
            names = [
                f"{side_of(each)}/{name}"
                for each in files
                for name in fill_folder(each, writing / str(side_of(each)))
            ]
            names += _card_of_all(files, writing)
    return {name: target / name for name in names}


def _card_of_all(files: Sequence[PocketFiles], folder: Path) -> list[str]:
    frame = cost_of_all(files)
    card = {"split": files[0].certificate.split, "cost": document(frame)}
    text = json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / CARD_JSON).write_text(text, encoding="utf-8")
    lines = [f"# Pockets of {len(files)} sizes", f"{COST_TITLE}.", markdown_table(frame)]
    (folder / CARD).write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    return [CARD, CARD_JSON]


def costs_in(
    folders: Sequence[str | Path], names: Sequence[str] = ()
) -> tuple[list[dict[str, Any]], str]:
    """Return the rows of the tables of costs in the cards of pockets' folders, and the split of
    their AP. Rows of pockets have the ``names``, if there are any, and without them of several
    folders the folder's name. Raises ``ExportError`` for a folder without such a card, and for
    cards of different splits."""
    rows: dict[str, dict[str, Any]] = {}
    splits = set()
    several = [f"{Path(folder).name}: {POCKET_ROW}" for folder in folders if len(folders) > 1]
    for at, folder in enumerate(map(Path, folders)):
        try:
            card = json.loads((folder / CARD_JSON).read_text(encoding="utf-8"))
            splits.add(card["split"])
            for row in card["cost"]["rows"]:
                name = row["model"]
                if (named := names or several) and name not in (TEACHER_ROW, STUDENTS_ROW):
                    name = name.replace(POCKET_ROW, named[at], 1)
                rows.setdefault(name, {**row, "model": name})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ExportError(
                f"{folder} has no card of a pocket.", "Name folders of pockets."
            ) from error
    if len(splits) != 1:
        raise ExportError(
            "The cards have figures of different splits, or no folder is named.",
            "Name folders of pockets that were measured on the same split.",
        )
    return [*rows.values()], splits.pop()
