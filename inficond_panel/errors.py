"""Every error that a user can cause: what happened, and what to do about it.

One hierarchy, so that the command line and the page can show any of them in the same way.
Each leaf is also the fitting builtin (a missing store is a ``FileNotFoundError``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

#: Folders of an absolute path, up to its last name; between quotes they may hold blanks.
_FOLDERS = re.compile(
    r"""(?<=['"])(?:[A-Za-z]:[\\/]|/)[^'"\n]*[\\/]"""
    r"""|(?<![\w:/.~\\-])(?:[A-Za-z]:[\\/]|/)(?:[^\s'"<>:;,()\\/]+[\\/])+"""
)

#: Commands, flags and keys of the spec that remedies name, and what stands for them in a script.
_IN_PYTHON = {
    r"`inficond check SPEC`": "open_students(SPEC)",
    r"inficond info SPEC(?: --json)?": "students.classes, students.concepts",
    r"inficond history list \S+ --others": "students.others",
    r"inficond history list \S+": "students.history",
    r"inficond history backup SPEC FILE": "students.back_up(FILE)",
    r"inficond explain SPEC --node ID": "students.jump(ID).report()",
    r"inficond export SPEC": "students.export(FOLDER)",
    r"inficond distill": "students.fit()",
    r"inficond precompute --store": "build(..., path=FOLDER)",
    r"(inficond precompute \S+)": r"build(...) or from_frames(...); from a spec: \1",
    r"inficond extend SPEC FOLDER": "students.extend(FOLDER)",
    r"--logits TABLE\.csv": 'logits="TABLE.csv"',
    r"Leave out --logits": "Leave out logits",
    r"in the spec \(dataset\.metadata\)": "(from_frames(..., metadata=FRAME))",
    r"(say so) in the spec": r'\1 (task="single_label")',
    r"students\.(\w+): (\w+) in the spec": r'students.with_settings(\1="\2")',
    r"--allow-python": "spec.allow_python(), or build(..., teacher=FUNCTION)",
    r"--force": "force=True",
    r"--format ([\w-]+)": r'formats="\1"',
    r"--groups (\w+)": r'groups="\1"',
    r"--encoder (\S+)": r"encoder=\1",
    r"--device": "device=NAME",
    r"--history": "history=FILE",
    r"--store": "path=FOLDER",
}


def in_python(text: str) -> str:
    """Replace commands and flags of a shell in a text by calls of Python."""
    for shell, script in _IN_PYTHON.items():
        text = re.sub(shell, script, text)
    return text


def without_folders(text: str) -> str:
    """Cut absolute paths of a text to their last names."""
    return _FOLDERS.sub("", text)


class InficondError(Exception):
    """Base of all errors shown to a user: a message and a remedy, never a traceback.

    The remedy names commands, as the command line shows it; as text, which scripts and notebooks
    show, an error names what a script does.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    @property
    def for_page(self) -> str:
        """The message for people who do not know the server's folders."""
        return without_folders(self.message)

    @property
    def remedy_for_page(self) -> str:
        """The remedy, for them too."""
        return without_folders(self.remedy)

    @property
    def whole_for_page(self) -> str:
        """Message and remedy on one line, for them too."""
        return f"{self.for_page} {self.remedy_for_page}".strip()

    @property
    def for_shell(self) -> str:
        """Message and remedy on separate lines, for a terminal."""
        return f"{self.message}\n{self.remedy}" if self.remedy else self.message

    def __str__(self) -> str:
        return f"{self.message}\n{in_python(self.remedy)}" if self.remedy else self.message


@dataclass(frozen=True)
class Problem:
    """One fault in a file, at a 1-based line and column."""

    file: Path
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class FileProblemsError(InficondError, ValueError):
    """All faults of one file a user wrote, reported together."""

    def __init__(self, problems: list[Problem], remedy: str = "") -> None:
        super().__init__("\n".join(str(problem) for problem in problems), remedy)
        self.problems = problems

    @property
    def for_page(self) -> str:
        """The message, with files by their names alone."""
        return "\n".join(self.problems_for_page)

    @property
    def problems_for_page(self) -> list[str]:
        """A line for each problem, with files by their names alone."""
        named = (replace(each, file=Path(each.file.name)) for each in self.problems)
        return [without_folders(str(each)) for each in named]


class SpecError(FileProblemsError):
    """Spec with faults, each at its line and column."""


class EditsError(FileProblemsError):
    """An edits file that does not fit the store."""


class AnswersError(FileProblemsError):
    """A file of answers on photos that does not fit the store."""


class DataError(InficondError, ValueError):
    """Images, labels, logits or word lists that cannot be used."""


class OrderError(DataError):
    """A teacher's outputs in an order that the labels speak against.

    ``right_names`` has the class that an output fits, by the class that the output is taken for;
    the message is a ``sentence``, after its ``place`` in a file.
    """

    def __init__(
        self,
        sentence: str,
        remedy: str = "",
        right_names: Mapping[str, str] | None = None,
        place: str = "",
    ) -> None:
        super().__init__(place + sentence, remedy)
        self.sentence = sentence
        self.right_names = dict(right_names or {})


class OrderWarning(UserWarning):
    """Warning that the outputs of a store's teacher fit the labels in another order."""


class StoreError(InficondError):
    """A store that cannot be used."""


class StoreMissingError(StoreError, FileNotFoundError):
    """No store where one is expected."""


class StoreFormatError(StoreError, ValueError):
    """A store of another format version, or with parts that are damaged or missing."""


class SolverError(InficondError, ValueError):
    """A distillation problem without a solution, such as an empty box."""


class TuningError(InficondError, ValueError):
    """An intent that names something unknown, or cannot be carried out."""


class HistoryError(InficondError, OSError):
    """A history file that cannot be read or written."""


class StudyError(InficondError, OSError):
    """A study that cannot be read or written, or a participant that it does not have."""


class StudyLinkError(StudyError):
    """Link of a study that is unknown, deleted, or opened in another window."""


class ExportError(InficondError, OSError):
    """An export that cannot be written there, or a file that holds none."""


class DifferenceWarning(UserWarning):
    """Exported students are used with other data or another version than they were made with."""


class OptimumWarning(UserWarning):
    """Students ended farther from their optimum than the spec asks for."""


class CancelledError(InficondError):
    """Work stopped because the user asked for it."""


class MissingExtraError(InficondError, ImportError):
    """Part of the product that needs packages of ``extras``, which the base install leaves out."""

    def __init__(self, message: str, remedy: str = "", extras: tuple[str, ...] = ()) -> None:
        super().__init__(message, remedy)
        self.extras = extras

    @property
    def remedy_for_page(self) -> str:
        """The command without the place of this installation, which pip knows."""
        if not self.extras:
            return super().remedy_for_page
        return f"Where the page is served: pip install 'inficond-panel[{','.join(self.extras)}]'"


class BrokenExtraError(MissingExtraError):
    """A part whose packages are installed, one of which cannot be loaded."""

    @property
    def remedy_for_page(self) -> str:
        """The remedy without the place of this installation."""
        return "Where the page is served: remove the package, and install it again."
