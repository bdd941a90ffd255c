"""Folder that holds the tables of a study: it says whose records they are, and whether people are
simulated, so that tables of other records never replace them."""

from __future__ import annotations

import os
from pathlib import Path

from inficond_panel.common.files import write_whole
from inficond_panel.errors import StudyError
from inficond_panel.study.run.study import Study
from inficond_panel.wording.things import with_word

README = "README.txt"
_RECORDS = "Records: "
_PEOPLE = "The codebook (codebook.csv) has the meaning of each column."
_SIMULATED = (
    "No person took part: this is a pilot, and all answers, times and actions are made up by a "
    "program.\nParticipants S01, S02, ... are simulated, in each table.\n"
    "Answers are drawn at random, also those to scored questions and attention checks: these are "
    "right as often as chance has it.\n"
    "Not at random: after a wrong attempt at a check that must be passed (comprehension without "
    "attempts), all its answers are right; and what is answered about an image in a task is its "
    "label."
)


def check_output(folder: Path, records: Path) -> None:
    """Raise ``StudyError`` if ``folder`` holds tables of other records than those in the folder
    ``records``, or tables that do not say of which."""
    held = _held(folder)
    if not held and not (folder / README).is_file() and not any(folder.glob("participants.*")):
        return
    if held != _named(records, folder):
        whose = f"the records in {held}" if held else "records that it does not name"
        raise StudyError(
            f"{folder} holds tables of {whose}, and is left as it is.",
            "Name another folder with --output, or remove this one.",
        )


def _held(folder: Path) -> str:
    """Return the path of the records whose tables ``folder`` holds, as it names them; "" if it
    names none."""
    readme = folder / README
    if not readme.is_file():
        return ""
    lines = readme.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line[len(_RECORDS) :] for line in lines if line.startswith(_RECORDS)), "")


def folders_of(records: Path) -> list[Path]:
    """Return the folders that hold tables of the ``records``, of those in the current folder and
    beside the records."""
    near = dict.fromkeys(folder.resolve() for folder in (Path.cwd(), records.parent))
    folders = [file.parent for folder in near for file in sorted(folder.glob(f"*/{README}"))]
    return [folder for folder in folders if _held(folder) == _named(records, folder)]


def write_readme(study: Study, folder: Path) -> Path:
    """Write to ``folder`` whose records its tables are; return the file."""
    simulated = with_word(_SIMULATED, study.image_word) if study.log.simulated else ""
    text = [f"Tables of the study: {study.spec.title}", simulated]
    file, named = folder / README, f"{_RECORDS}{_named(study.folder, folder)}"
    write_whole(file, "\n".join([*filter(None, text), _PEOPLE, named, ""]).encode())
    return file


def _named(records: Path, folder: Path) -> str:
    """Return the path of ``records`` from ``folder``: it says nothing about the rest of a disk."""
    return Path(os.path.relpath(records.resolve(), folder.resolve())).as_posix()
