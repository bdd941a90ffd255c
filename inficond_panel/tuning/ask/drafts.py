"""Photos that a person has begun to answer: kept in a JSON file beside the history, never hashed.

The file holds answers that are not taught yet, and skips, by iteration and class, so that
a person goes on with them later. What is taught is in the history.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from inficond_panel.common.whole_file import write_whole
from inficond_panel.errors import TuningError
from inficond_panel.tuning.ask.answers import Answers

#: Answers of a person that the teacher has to agree with before it may answer, and the share.
LEAST_ANSWERS, LEAST_AGREEMENT = 10, 0.9
_WRITING = Lock()  # of the drafts of all histories: one thread reads and writes a file at a time


@dataclass(frozen=True)
class Reply:
    """Answer on one photo: 1 present, 0 absent, None skipped."""

    value: int | None
    by_teacher: bool = False


@dataclass(frozen=True)
class Draft:
    """Photos that are asked about one student, and the replies on the first of them, in order.

    ``node`` is the iteration of the student.
    """

    node: str
    class_name: str
    why: str
    images: tuple[str, ...]
    replies: tuple[Reply, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """Iteration and class: no two drafts of a history are alike in both."""
        return self.node, self.class_name

    @property
    def complete(self) -> bool:
        """True if each photo has a reply."""
        return len(self.replies) == len(self.images)

    @property
    def answers(self) -> Answers:
        """Replies as answers; the reason of one by the teacher says so."""
        replied = list(zip(self.images, self.replies, strict=False))
        by_teacher = f"{self.why}; answered by the teacher"
        why = {image: by_teacher if one.by_teacher else self.why for image, one in replied}
        return Answers(self.class_name, {image: one.value for image, one in replied}, why)

    @property
    def by_teacher(self) -> int:
        """Number of replies by the teacher."""
        return sum(reply.by_teacher for reply in self.replies)

    def trusts(self, teacher: Mapping[str, bool]) -> bool:
        """True if the teacher's decisions agree with ten answers of the person or more, 90 %."""
        agree = [
            teacher[image] == bool(reply.value)
            for image, reply in zip(self.images, self.replies, strict=False)
            if reply.value is not None and not reply.by_teacher
        ]
        return len(agree) >= LEAST_ANSWERS and sum(agree) >= LEAST_AGREEMENT * len(agree)


class Drafts:
    """Drafts beside the history at a path; a history in memory (``":memory:"``) has none.

    Raises ``TuningError`` for a file that is damaged, ``ExportError`` where it cannot be written.
    """

    def __init__(self, history: str) -> None:
        self._file = None if history == ":memory:" else Path(f"{history}.answers.json")

    def find(self, node: str, class_name: str) -> Draft | None:
        """Return the draft on a student; None where nothing was begun."""
        return self._read().get((node, class_name))

    def skipped(self, class_name: str) -> set[str]:
        """Return the images that a person could not answer for a class, in any draft."""
        drafts = (draft for draft in self._read().values() if draft.class_name == class_name)
        replied = (pair for one in drafts for pair in zip(one.images, one.replies, strict=False))
        return {image for image, reply in replied if reply.value is None}

    def keep(self, draft: Draft) -> None:
        """Write a draft in the place of the one before; one without a reply is taken out."""
        if self._file is None:
            return
        with _WRITING:
            drafts = self._read()
            drafts.pop(draft.key, None)
            if draft.replies:
                drafts[draft.key] = draft
            text = json.dumps([asdict(one) for one in drafts.values()], ensure_ascii=False)
            write_whole(self._file, text.encode())

    def _read(self) -> dict[tuple[str, str], Draft]:
        if self._file is None or not self._file.exists():
            return {}
        try:
            drafts = [_draft(**one) for one in json.loads(self._file.read_text("utf-8"))]
        except (OSError, ValueError, TypeError) as error:
            raise TuningError(
                f"{self._file} cannot be read: {error}.",
                "Delete it: it holds answers that were not taught yet, and nothing else.",
            ) from error
        return {draft.key: draft for draft in drafts}


def _draft(images: list[str], replies: list[dict[str, Any]], **facts: str) -> Draft:
    return Draft(**facts, images=tuple(images), replies=tuple(Reply(**one) for one in replies))
