"""Images for the browser: thumbnails, patches, galleries with facts, and files to save.

The worker makes images when the browser requests them. Photos are read from the paths in the spec,
if they still exist.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from contourpy import contour_generator
from panel.custom import JSComponent
from PIL import Image
from scipy.ndimage import uniform_filter

from inficond_panel.common.files import File
from inficond_panel.common.numbers import number, signed
from inficond_panel.results.gallery import Gallery
from inficond_panel.results.picked_images import BAR_PARTS
from inficond_panel.spec import Spec
from inficond_panel.state import AppState, Job
from inficond_panel.store import Store
from inficond_panel.store.images import SUFFIXES, UnreadableImage, decode, photo_digest, thumbnail
from inficond_panel.store.more_photos import PATHS, AllImages

LONGEST = 1600  #: longer side in pixels of a photo that is sent
#: Largest mean difference per pixel (of 255) between a photo and its thumbnail.
ALIKE = 16.0


def find_photo(folders: Iterable[Path], image: str) -> Path | None:
    """Return the file named like an image; None if there is none or it links out of its folder."""
    suffixes = ["", *SUFFIXES, *(suffix.upper() for suffix in SUFFIXES)]
    for folder in folders:
        for suffix in suffixes:
            file = folder / f"{image}{suffix}"
            try:
                if file.is_file() and file.resolve().is_relative_to(folder.resolve()):
                    return file
            except OSError:  # not a possible file name
                return None
    return None


def load_photo(spec: Spec, store: Store, row: int) -> dict[str, Any] | None:
    """Return the photo of the image at ``row`` as ``{source, width, height}``: data URI of a JPEG
    of at most ``LONGEST`` pixels wide and high, and its size.

    None if the file is missing or unreadable, or does not look like the thumbnail.
    """
    folders = spec.dataset.photo_folders() if spec.dataset else ()
    added = PATHS in store.attrs
    file = _added_photo(store, row) if added else find_photo(folders, store.images[row])
    if file is None or not store.holds("photos"):
        return None
    try:
        photo = decode(file, getattr(spec.dataset, "grey", None))
    except UnreadableImage:
        return None
    if not _alike(photo, store.picture(row)):
        return None
    jpeg, (height, width) = thumbnail(photo, LONGEST, 88)
    return {"source": data_uri(jpeg), "width": width, "height": height}


def _added_photo(store: Store, row: int) -> Path | None:
    """Return the file of a photo added later; None if it is missing or its content has changed.

    These files may be anywhere, so the digest of the content must match: a part written by hand
    cannot show a file whose content its author does not have.
    """
    file, digest = Path(store.attrs[PATHS][row]), str(store.image_digest[row])
    return file if file.is_file() and digest.startswith(photo_digest(file)) else None


def _alike(photo: Image.Image, small: Image.Image) -> bool:
    """Return True if the thumbnail ``small`` has the photo's aspect ratio and nearly its pixels."""
    if abs(photo.width * small.height - photo.height * small.width) > max(photo.size):
        return False
    pixels = np.asarray(photo.resize(small.size, Image.Resampling.LANCZOS), float)
    return bool(np.abs(pixels - np.asarray(small, float)).mean() <= ALIKE)


_REQUESTS = count()

#: Longest side of a patch in pixels: twice its size in a row.
PATCH_SIZE = 112
#: Longest side in pixels of a gallery image in a saved page, which has many of them.
TILE_SIZE = 128


def data_uri(content: bytes, kind: str = "jpeg") -> str:
    """Return the data URI of a picture's bytes; ``kind`` is its format, as in ``image/jpeg``."""
    return f"data:image/{kind};base64," + base64.b64encode(content).decode("ascii")


@lru_cache(maxsize=8192)
def patch_uri(store: Store, segment: int) -> str:
    """Return the data URI of a segment's patch, scaled down to at most ``PATCH_SIZE``.

    It is WebP, since a click on a class sends fifty patches: a JPEG's tables alone are 600 bytes.
    """
    image = Image.open(io.BytesIO(store.patch(segment, quality=95)), formats=("JPEG",))
    image.thumbnail((PATCH_SIZE, PATCH_SIZE))
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=80)
    return data_uri(buffer.getvalue(), "webp")


def thumbnail_uri(store: Store, row: int) -> str:
    """Return the data URI of an image's thumbnail; empty if the store has no photos."""
    return data_uri(store.thumbnail(row)) if store.holds("photos") else ""


@lru_cache(maxsize=2048)
def tile_uri(store: Store, row: int) -> str:
    """Return the data URI of a thumbnail of at most ``TILE_SIZE``; empty if there are no photos."""
    if not store.holds("photos"):
        return ""
    jpeg = store.thumbnail(row)
    image = Image.open(io.BytesIO(jpeg), formats=("JPEG",))
    if max(image.size) > TILE_SIZE:
        image.thumbnail((TILE_SIZE, TILE_SIZE))
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=80)
        jpeg = buffer.getvalue()
    return data_uri(jpeg)


def send_pictures(
    app: AppState,
    component: JSComponent,
    keys: Iterable[int],
    make: Callable[[int], Any],
    **message: Any,
) -> None:
    """Make a picture per key on the session's worker; send ``message`` with ``pictures`` by key."""
    wanted = list(keys)

    def work(job: Job) -> dict[str, Any]:
        return {str(key): make(key) for key in wanted if not job.cancelled()}

    def done(pictures: dict[str, Any]) -> None:
        component._send_msg({**message, "pictures": pictures})

    # A different key per request, so that no request cancels another.
    app.jobs.submit(Job(f"pictures {next(_REQUESTS)}", work, done, app.tuning.tell))


def send_photo(app: AppState, component: JSComponent, row: int, *, or_small: bool = False) -> None:
    """Send ``{photo: {row, source, width, height}}`` for a row of ``AllImages``.

    If the photo is missing, send its thumbnail (``or_small``), or its caption if there is none, or
    only ``row``. The session's worker reads the photo; only the newest request is answered.
    """

    def work(_: Job) -> dict[str, Any]:
        place = AllImages(app.store).place(row)
        photo = load_photo(app.spec, *place)
        if photo is None and or_small:
            small, (store, image) = thumbnail_uri(*place), place
            photo = {"source": small} if small else {"caption": store.caption(image)}
        return {"row": row, **(photo or {})}

    def done(photo: dict[str, Any]) -> None:
        component._send_msg({"photo": photo})

    app.jobs.submit(Job("photo", work, done, app.tuning.tell))


#: Names of the four fills of agreement, by (teacher is right, student is right).
FILL_NAMES = {(part.teacher_right, part.student_right): key for key, part in BAR_PARTS.items()}
PRESENCE = {1: "present", 0: "absent", -1: "not labelled"}
_SMOOTH = 3  #: width in pixels of the filter that smooths a mask's edge
_TOLERANCE = 0.7  #: largest error in pixels of an outline with left-out points


def make_gallery(gallery: Gallery) -> dict[str, list[Any]]:
    """Return the data that the browser filters a gallery by, as lists with a value per image.

    The lists are ``rows``, ``labels``, ``fills`` (agreement), and ``assigned``, 1 if a segment of
    the image is assigned to the concept. ``fills`` are indices into ``names``, the last for an
    ignored label.
    """
    right = np.column_stack([gallery.teacher_right, gallery.student_right])
    fills = np.full(len(gallery.rows), len(FILL_NAMES))
    for code, pair in enumerate(FILL_NAMES):
        fills[(right == pair).all(axis=1) & (gallery.label >= 0)] = code
    return {
        "rows": gallery.rows.tolist(),
        "labels": gallery.label.tolist(),
        "fills": fills.tolist(),
        "names": [*FILL_NAMES.values(), ""],
        "assigned": gallery.assigned.astype(int).tolist(),
    }


def make_facts(gallery: Gallery, row: int) -> list[tuple[str, str]]:
    """Return facts (name, text) on one image, such as its label, logits and concept score."""
    at = gallery.position[row]
    facts = [
        (f"Class {gallery.class_name}", PRESENCE[int(gallery.label[at])]),
        ("Student logit", signed(float(gallery.student[at]))),
        ("Teacher logit", signed(float(gallery.teacher[at]))),
    ]
    if not gallery.concept:
        return facts
    score = float(gallery.score[at])
    return [
        *facts,
        (f"Score of {gallery.concept}", number(score)),
        ("Influence", signed(gallery.influence)),
        ("Adds to the student's logit", signed(gallery.influence * score)),
    ]


def make_picture(
    store: Store, row: int, segment: int, source: Callable[[Store, int], str] = thumbnail_uri
) -> dict[str, Any]:
    """Return an image's name, data URI, size, and outline of ``segment`` (-1: no outline).

    ``source`` makes the data URI, which is empty if the store has no photos.
    """
    height, width = (int(side) for side in store.thumbnail_shape[row])
    path = outline(store.segment_mask(segment)) if segment >= 0 else ""
    return {
        "image": store.images[row],
        "source": source(store, row),
        "width": width,
        "height": height,
        "outline": path,
        **({"caption": caption} if (caption := store.caption(row)) else {}),
    }


def outline(mask: np.ndarray) -> str:
    """Return the boundary of a mask ``(height, width)`` as ``d`` of an SVG path, in pixels."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return ""
    top, left = rows[0], columns[0]
    part = mask[top : rows[-1] + 1, left : columns[-1] + 1]
    area = np.pad(part.astype(np.float32), 2)
    smooth = uniform_filter(area, _SMOOTH)
    lines = contour_generator(z=smooth if smooth.max() > 0.5 else area).lines(0.5)
    limit = np.array(mask.shape[::-1])
    shift = np.array([left, top]) - 1.5
    rings = [_simplify(np.clip(np.asarray(line) + shift, 0, limit)) for line in lines]
    return "".join(_path(ring) for ring in rings if len(ring) > 3)


def _path(ring: np.ndarray) -> str:
    return "M" + "L".join(f"{x:.4g} {y:.4g}" for x, y in ring[:-1]) + "Z"


def _simplify(line: np.ndarray) -> np.ndarray:
    """Return a line without points within ``_TOLERANCE`` of a chord (Ramer, Douglas, Peucker)."""
    keep = np.zeros(len(line), bool)
    keep[[0, -1]] = True
    spans = [(0, len(line) - 1)]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        away = _distance(line[first + 1 : last], line[first], line[last])
        worst = int(away.argmax())
        if away[worst] > _TOLERANCE:
            split = first + 1 + worst
            keep[split] = True
            spans += [(first, split), (split, last)]
    return line[keep]


def _distance(points: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return distances of points ``(n, 2)`` from a chord; from ``start`` if its length is 0."""
    chord, away = end - start, points - start
    length = float(np.hypot(*chord))
    if length == 0:
        return np.hypot(away[:, 0], away[:, 1])
    return np.abs(away[:, 0] * chord[1] - away[:, 1] * chord[0]) / length


def send_file(component: JSComponent, file: File) -> None:
    """Send a file to a component; its JS module saves the file by ``save_file.js``."""
    content = base64.b64encode(file.content).decode("ascii")
    component._send_msg({"save": {"name": file.name, "content": content}})


def make_and_send(app: AppState, component: JSComponent, make: Callable[[], File]) -> None:
    """Make a file on the session's worker and send it. ``TuningError`` if that is not allowed."""
    app.rights.require("export")

    def done(file: File) -> None:
        send_file(component, file)

    app.jobs.submit(Job(f"file of {component.name}", lambda _: make(), done, app.tuning.tell))
