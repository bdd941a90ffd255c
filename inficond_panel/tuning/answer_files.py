"""Files of answers: drafts next to the history, and the CSV table that a person fills in.

A draft holds the answers and skips of a person, by iteration and class, until the student is
refitted with them; the history then holds the answers.
The table:

class,rank,image,path,why,answer
bicycle,1,000123.jpg,answers/001.jpg,the student disagrees with 'bicycle',1
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from inficond_panel.common.files import lines_of, named, write_whole
from inficond_panel.common.names import by_key, name_key
from inficond_panel.common.near_words import missing
from inficond_panel.errors import AnswersError, FileProblem, TuningError
from inficond_panel.store import Store
from inficond_panel.store.more_photos import AllImages
from inficond_panel.tuning.answers import Answers, AskedPhotos
from inficond_panel.tuning.history.history import folder_beside
from inficond_panel.vocabulary.presence import ABSENT, PRESENT
from inficond_panel.vocabulary.things import ROWS

#: Least number of a person's answers, and least agreement, before the teacher may answer.
LEAST_ANSWERS, LEAST_AGREEMENT = 10, 0.9


@dataclass(frozen=True)
class Reply:
    """Answer on one photo: class present (1), absent (0), or photo skipped (None)."""

    value: int | None
    by_teacher: bool = False


@dataclass(frozen=True)
class Draft:
    """Photos of one questionnaire on a student, with the replies so far.

    ``replies`` belong to the first ``images``; ``node`` is the id of the student's iteration.
    """

    node: str
    class_name: str
    why: str
    images: tuple[str, ...]
    replies: tuple[Reply, ...] = ()

    @property
    def complete(self) -> bool:
        """True if each photo has a reply."""
        return len(self.replies) == len(self.images)

    @property
    def answers(self) -> Answers:
        """Replies as ``Answers``; ``why`` marks the replies of the teacher."""
        replied = list(zip(self.images, self.replies, strict=False))
        by_teacher = f"{self.why}; answered by the teacher"
        why = {image: by_teacher if one.by_teacher else self.why for image, one in replied}
        return Answers(self.class_name, {image: one.value for image, one in replied}, why)

    @property
    def by_teacher(self) -> int:
        """Number of replies by the teacher."""
        return sum(reply.by_teacher for reply in self.replies)

    def trusts(self, teacher: Mapping[str, bool]) -> bool:
        """Return True if the decisions of ``teacher``, by image, agree with 90 % of at least ten
        answers of the person."""
        agree = [
            teacher[image] == bool(reply.value)
            for image, reply in zip(self.images, self.replies, strict=False)
            if reply.value is not None and not reply.by_teacher
        ]
        return len(agree) >= LEAST_ANSWERS and sum(agree) >= LEAST_AGREEMENT * len(agree)


class Drafts:
    """The saved drafts of a history, a file each; a history in memory (``":memory:"``) saves none.

    Raises ``TuningError`` for a damaged file, ``ExportError`` if a file cannot be written.
    """

    def __init__(self, history: str) -> None:
        self._folder = folder_beside(history, "answers")

    def find(self, node: str, class_name: str) -> Draft | None:
        """Return the draft on the student of a class at ``node`` (an id); None without a draft."""
        return self._read(_file_name(node, class_name))

    def skipped(self, class_name: str) -> set[str]:
        """Return the images that a person skipped for a class, in all drafts."""
        names = self._folder.names() if self._folder else []
        drafts = [self._read(name) for name in names if name.endswith(".json")]
        of_class = [draft.answers for draft in drafts if draft and draft.class_name == class_name]
        pairs = (pair for answers in of_class for pair in answers.values.items())
        return {image for image, value in pairs if value is None}

    def keep(self, draft: Draft) -> None:
        """Save ``draft`` in place of its earlier state; a draft without replies is deleted."""
        if self._folder is None:
            return
        name = _file_name(draft.node, draft.class_name)
        if draft.replies:
            self._folder.write(name, json.dumps(asdict(draft), ensure_ascii=False).encode())
        else:
            self._folder.remove(name)

    def _read(self, name: str) -> Draft | None:
        content = self._folder.read(name) if self._folder else None
        try:
            return None if content is None else _draft(**json.loads(content))
        except (ValueError, TypeError) as error:
            raise TuningError(
                f"{self._folder.path if self._folder else ''}/{name} cannot be read: {error}.",
                "Delete this file; it holds only answers that no student was refitted with yet.",
            ) from error


def _file_name(node: str, class_name: str) -> str:
    return f"{node}-{hashlib.sha256(class_name.encode()).hexdigest()[:12]}.json"


def _draft(images: list[str], replies: list[dict[str, Any]], **facts: str) -> Draft:
    return Draft(**facts, images=tuple(images), replies=tuple(Reply(**one) for one in replies))


COLUMNS = ("class", "rank", "image", "path", "why", "answer")
_NEEDED = ("image", "answer")
_MOST_HINTS = 100  # suggestions for thousands of unknown names would take minutes
#: Value of each accepted word of an answer; upper and lower case are equal.
ANSWER_WORDS: Mapping[str, int | None] = {
    **dict.fromkeys(PRESENT, 1),
    **dict.fromkeys(ABSENT, 0),
    **dict.fromkeys(("", "skip", "nan", "none", "<na>"), None),
}
REMEDY = "Write 1 or yes, 0 or no, or leave the answer empty; keep all other columns as they are."


def asked_columns(store: Store, photos: AskedPhotos) -> tuple[str, ...]:
    """Return ``COLUMNS``, with what a person answers by without photos before the reason:
    ``caption`` if the store has captions, or of a table the names of its ``valued_concepts``."""
    caption = ("caption",) if store.has("caption") else ()
    values = (store.concepts[at] for at in valued_concepts(store, photos))
    return (*COLUMNS[:-2], *caption, *values, *COLUMNS[-2:])


def valued_concepts(store: Store, photos: AskedPhotos) -> list[int]:
    """Return the concepts (indices) of a table whose values are told of each row; none of photos
    and captions, and none that is called like a column of ``COLUMNS``."""
    if store.shown or store.things != ROWS:
        return []
    return [at for at in photos.concepts if name_key(store.concepts[at]).lower() not in COLUMNS]


def asked_rows(
    store: Store, class_name: str, photos: AskedPhotos, pictures: Path | None = None
) -> list[tuple[str | float, ...]]:
    """Return a row of ``asked_columns`` for each of the ``photos`` to label, with an empty answer.

    Thumbnails, if the store has any, are written to the folder ``pictures`` (None: not written).
    Raises ``ExportError`` if a thumbnail cannot be written.
    """
    rows, images = list[tuple[str | float, ...]](), AllImages(store)
    values = images.scores(photos.rows)[:, valued_concepts(store, photos)]
    for rank, row in enumerate(photos.rows.tolist(), start=1):
        owner, index = images.place(row)
        path = ""
        if pictures is not None and owner.holds("photos"):
            with named(pictures):
                pictures.mkdir(parents=True, exist_ok=True)
            path = str(pictures / f"{rank:03d}.jpg")
            write_whole(Path(path), owner.thumbnail(index))
        caption = [owner.caption(index)] if store.has("caption") else []
        told: list[str | float] = [*caption]
        told += [float(f"{value:.4g}") for value in values[rank - 1]]
        rows.append((class_name, rank, images.names[row], path, *told, photos.why, ""))
    return rows


def read_answers(file: str | Path, class_name: str, store: Store) -> Answers:
    """Return the answers on ``class_name`` in a CSV file.

    Raises ``AnswersError`` with all problems of the file at once, each at its line and column.
    """
    reader = _Reader(Path(file), class_name, store)
    reader.read()
    if reader.problems:
        raise AnswersError(reader.problems, REMEDY)
    return Answers(class_name, reader.values, reader.why)


def answer_of(given: object) -> int | None:
    """Return an answer (word, number or bool) as 1, 0 or None; ``KeyError`` for other values."""
    return ANSWER_WORDS[str(given).strip().lower()]


class _Reader:
    """Reader of one answers file, which collects all problems."""

    def __init__(self, path: Path, class_name: str, store: Store) -> None:
        self._path, self._class, self._store = path, class_name, store
        self._images = by_key(AllImages(store).names)
        self.values: dict[str, int | None] = {}
        self.why: dict[str, str] = {}
        self.problems: list[FileProblem] = []
        self._header: list[str] = []

    def read(self) -> None:
        """Read all rows into ``values``, ``why`` and ``problems``."""
        try:
            table = csv.reader(lines_of(self._path))
            self._header = [cell.strip() for cell in next(table, [])]
            if absent := [name for name in _NEEDED if name not in self._header]:
                self._note(1, f"the column {' and the column '.join(map(repr, absent))} is missing")
                return
            if twice := [name for name in COLUMNS if self._header.count(name) > 1]:
                self._note(1, f"two columns are named {twice[0]!r}", twice[0])
                return
            for cells in table:
                if any(cells):
                    self._row(table.line_num, dict(zip(self._header, cells, strict=False)))
        except FileNotFoundError:
            self._note(1, "the file does not exist")
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            self._note(1, f"the file is not a CSV table: {error}")

    def _row(self, line: int, cells: dict[str, str]) -> None:
        image, answer = _name(cells.get("image", ""), self._images), cells.get("answer", "")
        name = _name(cells.get("class", self._class), by_key([self._class]))
        if name_key(image) not in self._images:
            known = self._images.values() if len(self.problems) < _MOST_HINTS else ()
            self._note(line, missing("image", image, known, "in the store"), "image")
        elif image in self.values:
            self._note(line, f"{image!r} has an answer in an earlier row", "image")
        if name != self._class:
            self._note(line, f"expected the class {self._class!r}, got {name!r}", "class")
        try:
            self.values[image] = answer_of(answer)
        except KeyError:
            self._note(line, f"expected 1, 0 or nothing, got {answer!r}", "answer")
        self.why[image] = cells.get("why", "").strip()

    def _note(self, line: int, text: str, key: str = "") -> None:
        column = self._header.index(key) + 1 if key and key in self._header else 1
        self.problems.append(FileProblem(self._path, line, column, text))


def _name(cell: str, known: Mapping[str, str]) -> str:
    """Return the name in a cell as it is in ``known``, the names by key; an unknown name unchanged.
    An apostrophe may precede the name, to keep it from being a formula."""
    name = name_key(cell)
    return known.get(name) or known.get(name[1:]) or name
