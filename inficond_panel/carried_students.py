"""Students in a folder that ``inficond export --format python-pixels`` wrote; they take photos.

Neither spec nor store is needed: ``precompute.pipeline.carried`` has what leads to scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from inficond_panel.concepts.photo_scores import PhotoScores
from inficond_panel.errors import ExportError
from inficond_panel.export.loading import load_export
from inficond_panel.export.predictions import COLUMNS, Prediction, predict


class CarriedStudents:
    """Students of a folder that ``--format python-pixels`` wrote; they take photos.

    Raises ``ExportError`` where a file is missing or is not the one that was written. ``masks`` is
    the folder of label maps, where the segments come from files.
    """

    def __init__(self, folder: str | Path, masks: str = "") -> None:
        from precompute.pipeline.carried import ENCODER, FRONT, HEAD, STUDENTS, carried  # noqa: PLC0415

        place = Path(folder)
        self.students = load_export(place / STUDENTS)
        wanted = self.students.card.get("python_pixels", {}).get("sha256", {})
        front, encoder = (_checked(place / name, wanted) for name in (FRONT, ENCODER))
        head = place / HEAD if HEAD in wanted else None
        if head:
            _checked(head, wanted)
        self.way = carried(front, encoder, head, masks)

    def predict(self, photos: Sequence[str | Path]) -> tuple[list[Prediction], dict[str, str]]:
        """Predictions of the photos that can be read, and of the others the reason, by file.

        Photos go through the encoder in the batches of ``inficond predict``.
        """
        from precompute.pipeline.apply import batches  # noqa: PLC0415 - an extra

        files = [Path(photo) for photo in photos]
        parts = [self._batch(batch) for batch in batches(files, self.way.size)]
        if not parts:
            return [], {}
        fault, score = zip(*parts, strict=True)
        scores = PhotoScores(
            photos=tuple(map(str, files)),
            fault=tuple(reason for part in fault for reason in part),
            concepts=self.students.concepts,
            classes=self.students.classes,
            score=np.concatenate(score),
        )
        faults = zip(scores.photos, scores.fault, strict=True)
        return predict(self.students, scores), {file: why for file, why in faults if why}

    def rows(self, photos: Sequence[str | Path]) -> tuple[list[dict[str, Any]], dict[str, str]]:
        """As ``predict``, with the columns of ``inficond predict --csv``."""
        found, faults = self.predict(photos)
        return [dict(zip(COLUMNS, one.row(), strict=True)) for one in found], faults

    def table(self, photos: Sequence[str | Path]) -> list[dict[str, Any]]:
        """A row for each class of each photo that can be read, see ``rows``."""
        return self.rows(photos)[0]

    def _batch(self, files: Sequence[Path]) -> tuple[list[str], np.ndarray]:
        """Faults and scores ``(n, C)`` of photos; nan in the rows of those with a fault."""
        from precompute.pipeline.apply import read_photos  # noqa: PLC0415 - an extra

        images, faults = read_photos(files, self.way.settings.segments)
        read = [i for i, fault in enumerate(faults) if not fault]
        score = np.full((len(files), len(self.students.concepts)), np.nan, np.float32)
        if read:
            score[read] = self.way.score(images, [files[i].stem for i in read])[0]
        return faults, score


def _checked(file: Path, wanted: dict[str, str]) -> bytes:
    from precompute.pipeline.carried import sha256  # noqa: PLC0415 - an extra

    try:
        content = file.read_bytes()
    except OSError as error:
        raise ExportError(f"{file} cannot be read: {error.strerror}.", "Export again.") from error
    if sha256(content) != wanted.get(file.name):
        raise ExportError(f"{file} is not the file that was exported.", "Export again.")
    return content
