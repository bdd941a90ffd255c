"""All errors that a user can cause, each with a message and a remedy.

One class hierarchy, so that the command line and the page show all errors in the same way.
Most leaves also inherit from a builtin error (a missing store is a ``FileNotFoundError``);
``CancelledError`` and ``StoreReplacedError`` have no fitting one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Self

#: Folders of an absolute path, up to its last name; within quotes they may contain spaces.
_FOLDERS = re.compile(
    r"""(?<=['"])(?:[A-Za-z]:[\\/]|/)[^'"\n]*[\\/]"""
    r"""|(?<![\w:/.~\\-])(?:[A-Za-z]:[\\/]|/)(?:[^\s'"<>:;,()\\/]+[\\/])+"""
)


class Remedy(str):
    """What to do about an error: a text with shell commands, and the same text with Python calls.

    The string itself is for the shell; ``python`` is for scripts. ``+`` joins a remedy and a text,
    or two remedies, in both forms. An f-string, and every other method of ``str``, takes only the
    text for the shell.

    >>> fit = "Distill first: " + Remedy("inficond distill SPEC", "students.fit()") + "."
    >>> fit, fit.python
    ('Distill first: inficond distill SPEC.', 'Distill first: students.fit().')
    """

    python: str

    def __new__(cls, shell: str, python: str | None = None) -> Self:
        """Return the remedy; without ``python`` the text for scripts is the same."""
        remedy = super().__new__(cls, shell)
        remedy.python = shell if python is None else python
        return remedy

    def __add__(self, end: str) -> Remedy:
        return Remedy(str(self) + str(end), self.python + for_scripts(end))

    def __radd__(self, start: str) -> Remedy:
        return Remedy(start + str(self), start + self.python)


def for_scripts(text: str) -> str:
    """Return a remedy's text with Python calls; a plain text as it is."""
    return text.python if isinstance(text, Remedy) else text


def precompute_command(spec: str = "SPEC") -> Remedy:
    """Return how to make a store: a command with the spec's path as a word, and Python calls."""
    return Remedy(
        f"inficond precompute {spec}",
        f"build(...) or from_frames(...); from a spec: inficond precompute {spec}",
    )


#: What to do where a network that is to be repaired, or its photos, are missing.
REPAIR_ELSEWHERE = "Restore them, or run this where they are: " + Remedy(
    "inficond repair-network SPEC --node N --output FOLDER",
    'students.repair_network("FOLDER", node=N)',
)

#: The same for a small network.
POCKET_ELSEWHERE = "Restore them, or run this where they are: " + Remedy(
    "inficond pocket SPEC --node N --output FOLDER", 'students.pocket("FOLDER", node=N)'
)


def without_folders(text: str) -> str:
    """Return a text with absolute paths shortened to their last names."""
    return _FOLDERS.sub("", text)


class InficondError(Exception):
    """Base of all errors shown to a user: a message and a remedy, never a traceback.

    A remedy that names shell commands or flags is a ``Remedy``: the command line and the page show
    its text for the shell, and ``str`` of an error, for scripts and notebooks, the one for Python.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    @property
    def for_page(self) -> str:
        """Message for the page, without the server's folders."""
        return without_folders(self.message)

    @property
    def remedy_for_page(self) -> str:
        """Remedy for the page, without the server's folders."""
        return without_folders(self.remedy)

    @property
    def whole_for_page(self) -> str:
        """Message and remedy on one line, for the page."""
        return f"{self.for_page} {self.remedy_for_page}".strip()

    @property
    def for_shell(self) -> str:
        """Message and remedy on separate lines, for a terminal."""
        return f"{self.message}\n{self.remedy}" if self.remedy else self.message

    def __str__(self) -> str:
        return f"{self.message}\n{for_scripts(self.remedy)}" if self.remedy else self.message


@dataclass(frozen=True)
class FileProblem:
    """One fault in a file, at a 1-based line and column."""

    file: Path
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class FileProblemsError(InficondError, ValueError):
    """All faults of a user's file, reported together: ``LISTED`` of them, and how many more."""

    LISTED: ClassVar[int] = 20

    def __init__(self, problems: list[FileProblem], remedy: str = "") -> None:
        super().__init__("\n".join(self._lines(problems)), remedy)
        self.problems = problems

    def _lines(self, problems: Sequence[FileProblem]) -> list[str]:
        more = len(problems) - self.LISTED
        lines = [str(problem) for problem in problems[: self.LISTED]]
        return [*lines, f"and {more:,} more"] if more > 0 else lines

    @property
    def for_page(self) -> str:
        """Message with file names instead of paths."""
        return "\n".join(self.problems_for_page)

    @property
    def problems_for_page(self) -> list[str]:
        """One line per problem, with file names instead of paths."""
        named = [replace(each, file=Path(each.file.name)) for each in self.problems]
        return [without_folders(line) for line in self._lines(named)]


class SpecError(FileProblemsError):
    """Faults of a spec, each at its line and column."""


class EditsError(FileProblemsError):
    """Faults of an edits file, or names that are not in the store."""


class AnswersError(FileProblemsError):
    """Faults of a file of answers, or names that are not in the store."""

    LISTED = 5


class DataError(InficondError, ValueError):
    """Unusable images, labels, logits or word lists.

    ``key`` is the key of the spec that is at fault, such as ``dataset.splits.tune``; "": none.
    """

    def __init__(self, message: str, remedy: str = "", key: str = "") -> None:
        super().__init__(message, remedy)
        self.key = key


class DataFaultsError(DataError):
    """Several faults of a spec's data, reported together, each with its remedy."""

    def __init__(self, faults: Sequence[DataError]) -> None:
        *others, last = faults
        lines = [each.for_shell for each in others]
        super().__init__("\n".join([*lines, last.message]), last.remedy)
        self.faults = tuple(faults)


def change_of_outputs(right_names: Mapping[str, str], table: str) -> str:
    """Return what to do with the outputs in a ``table`` that fit the labels under ``right_names``,
    by present name; without these they fit with the opposite sign."""
    if not right_names:
        return f"Change the sign of the outputs in {table}; of a probability p give 1 - p."
    renamed = ", ".join(f"{old!r} to {new!r}" for old, new in right_names.items())
    return f"Rename columns of {table}: {renamed}."


class OrderError(DataError):
    """A teacher's outputs that match the labels in another order of the classes, or with the
    opposite sign.

    ``right_names`` maps the assumed class of an output to the class that the output matches; it is
    empty if only the sign is opposite. The message is ``place`` (path and line in a file) and
    ``sentence``.
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
    """Warning that the outputs of a store's teacher match the labels in another order."""


class StoreError(InficondError):
    """An unusable store."""


class StoreMissingError(StoreError, FileNotFoundError):
    """No store at the expected path."""


class StoreFormatError(StoreError, ValueError):
    """A store of another format version, or with damaged or missing parts."""


class StoreReplacedError(StoreError):
    """A store that was replaced or removed since it was opened."""


class SolverError(InficondError, ValueError):
    """A distillation problem without a solution, such as bounds that exclude each other."""


class TuningError(InficondError, ValueError):
    """An edit with unknown names, or an impossible action on students or history."""


class HistoryError(InficondError, OSError):
    """A history file that cannot be read or written."""


class StudyError(InficondError, OSError):
    """A study that cannot be read or written, or an unknown participant."""


class StudyLinkError(StudyError):
    """A participant's link that is unknown, deleted, or open in another window."""


class ExportError(InficondError, OSError):
    """A file or folder that cannot be written, or a path without a readable export."""


class DifferenceWarning(UserWarning):
    """Warning that exported students are used with other data or another version."""


class UnitsWarning(UserWarning):
    """Warning that new rows seem to be in other units than the store's scores."""


class OptimumWarning(UserWarning):
    """Warning that students ended farther from their optimum than the spec allows."""


class CancelledError(InficondError):
    """Work that the user cancelled."""


class MissingExtraError(InficondError, ImportError):
    """Error for a feature whose packages are not installed; installing ``extras`` adds them."""

    def __init__(self, message: str, remedy: str = "", extras: tuple[str, ...] = ()) -> None:
        super().__init__(message, remedy)
        self.extras = extras

    @property
    def remedy_for_page(self) -> str:
        """Install command for the page, without the path of this installation."""
        if not self.extras:
            return super().remedy_for_page
        return f"On the page's server, run: pip install 'inficond-panel[{','.join(self.extras)}]'"


class BrokenExtraError(MissingExtraError):
    """Error for a feature whose package is installed but cannot be loaded."""

    @property
    def remedy_for_page(self) -> str:
        """Remedy for the page, without the path of this installation."""
        return "On the page's server, remove the package and install it again."
