"""Students in a folder that ``inficond export --format python-pixels`` wrote; they take photos.

Neither spec nor store is needed: ``precompute.pipeline.carried`` has what leads to scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inficond_panel.concepts.photo_scores import PhotoScores
from inficond_panel.errors import ExportError
from inficond_panel.export.loading import load_export
from inficond_panel.export.predictions import COLUMNS, Prediction, predict
from inficond_panel.store.images import UnreadableImage

if TYPE_CHECKING:
    from PIL import Image


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
        """Predictions of the photos that can be read, and of the others the reason, by file."""
        from precompute.pipeline.apply import read_photo  # noqa: PLC0415 - an extra

        found: list[Prediction] = []
        faults: dict[str, str] = {}
        for file in map(Path, photos):
            try:
                image = read_photo(file, self.way.settings.segments)
            except UnreadableImage as fault:
                faults[str(file)] = str(fault) or "unreadable"
                continue
            found += predict(self.students, self._scores(file, image))
        return found, faults

    def rows(self, photos: Sequence[str | Path]) -> tuple[list[dict[str, Any]], dict[str, str]]:
        """As ``predict``, with the columns of ``inficond predict --csv``."""
        found, faults = self.predict(photos)
        return [dict(zip(COLUMNS, one.row(), strict=True)) for one in found], faults

    def table(self, photos: Sequence[str | Path]) -> list[dict[str, Any]]:
        """A row for each class of each photo that can be read, see ``rows``."""
        return self.rows(photos)[0]

    def _scores(self, file: Path, image: Image.Image) -> PhotoScores:
        return PhotoScores(
            photos=(str(file),),
            fault=("",),
            concepts=self.students.concepts,
            classes=self.students.classes,
            score=self.way.score([image], [file.stem])[0],
        )


def _checked(file: Path, wanted: dict[str, str]) -> bytes:
    from precompute.pipeline.carried import sha256  # noqa: PLC0415 - an extra

    try:
        content = file.read_bytes()
    except OSError as error:
        raise ExportError(f"{file} cannot be read: {error.strerror}.", "Export again.") from error
    if sha256(content) != wanted.get(file.name):
        raise ExportError(f"{file} is not the file that was exported.", "Export again.")
    return content
