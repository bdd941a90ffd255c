"""Files of photos with outlines of the segments of their strongest concepts."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from itertools import chain, count
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import binary_dilation

from inficond_panel.common.files import write_whole
from inficond_panel.concepts.photo_scores import PhotoScores, PhotoSegments
from inficond_panel.errors import DataError
from inficond_panel.export.predictions import Prediction
from inficond_panel.store import Store
from inficond_panel.store.images import UnreadableImage, decode

#: Most concepts to outline per photo.
OUTLINED = 3
_WIDTH = 400  #: pixels of the photo's longer side per pixel of line width


def outline_files(folder: Path, photos: Sequence[str]) -> dict[str, Path]:
    """Return the path of a PNG in ``folder`` for each photo; equal names are numbered.

    Raises ``DataError`` for a file that already exists.
    """
    files: dict[str, Path] = {}
    for photo in dict.fromkeys(str(Path(photo)) for photo in photos):  # as PhotoScores names them
        stem = Path(photo).stem
        names = chain([stem], (f"{stem}-{number}" for number in count(2)))
        taken = set(files.values())
        files[photo] = next(file for name in names if (file := folder / f"{name}.png") not in taken)
    for file in files.values():
        if file.exists():
            raise DataError(f"{file} already exists.", "Name a new folder: --outlines FOLDER.")
    return files


def write_outlined(
    files: Mapping[str, Path], store: Store, scores: PhotoScores, predictions: Sequence[Prediction]
) -> list[Path]:
    """Write each photo as PNG, with the strongest concepts of its surest class outlined.

    Returns the files of the readable photos. Raises ``ExportError`` if one cannot be written.
    """
    written = []
    text = dict(zip(store.concepts, store.concept_text_embedding, strict=True))
    for photo, file in files.items():
        mine = [one for one in predictions if one.photo == photo]
        segments = scores.segments[scores.photos.index(photo)]
        if not mine or segments is None:
            continue
        surest = min(mine, key=lambda one: one.cutoff - one.logit)
        names = [part.concept for part in surest.parts[:OUTLINED]]
        try:
            image = decode(Path(photo))
        except UnreadableImage as error:  # changed since it was scored
            raise DataError(f"{photo} cannot be read: {error}.", "Restore the photo.") from error
        buffer = io.BytesIO()
        outlined(image, segments, {name: text[name] for name in names}).save(buffer, "PNG")
        write_whole(file, buffer.getvalue())
        written.append(file)
    return written


def outlined(
    image: Image.Image, segments: PhotoSegments, text: dict[str, np.ndarray]
) -> Image.Image:
    """Return a copy of the image with the segment nearest to each concept outlined and named.

    ``text`` has text vectors by concept. Concepts whose nearest segment is the same share an
    outline.
    """
    named: dict[bytes, list[str]] = {}
    for name, vector in text.items():
        named.setdefault(segments.nearest(vector).tobytes(), []).append(name)
    pixels, places = np.array(image.convert("RGB")), []
    line = max(1, round(max(image.size) / _WIDTH))
    for content, names in named.items():
        mask = np.frombuffer(content, dtype=bool).reshape(segments.mask.shape)
        whole = np.array(Image.fromarray(mask).resize(image.size, Image.Resampling.NEAREST))
        inner, outer = (binary_dilation(whole, iterations=k * line) for k in (1, 2))
        pixels[outer & ~whole] = 0
        pixels[inner & ~whole] = 255
        rows, columns = np.nonzero(whole)
        places.append(((int(columns.min()), int(rows.min())), ", ".join(names)))
    drawn = Image.fromarray(pixels)
    draw, font = ImageDraw.Draw(drawn), ImageFont.load_default(12 * line)
    for (x, y), words in places:
        draw.text((x + 2, y + 2), words, "white", font, stroke_width=2, stroke_fill="black")
    return drawn
