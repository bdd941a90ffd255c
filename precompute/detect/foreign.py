"""Recognize layouts of other tools that are not read, to name them and a way to convert them."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePath

from inficond_panel.common.files import open_file
from inficond_panel.common.installation import shipped_folder
from inficond_panel.errors import DataError
from precompute.datasets.photo_files import is_skipped

SAMPLES = "samples.json"
#: Files that a library writes, a description of the folder, and the function that reads it.
LIBRARIES = {
    SAMPLES: ("an export of FiftyOne (import it, and set root to its name)", "from_fiftyone"),
    "*.tar": ("shards of WebDataset", "from_webdataset"),
    "*.arrow": ("a folder of the package datasets", "from_datasets"),
    "*-of-*.parquet": ("Parquet files of the package datasets", "from_datasets"),
    "cifar-10-batches-py/batches.meta": ("CIFAR-10", "from_torchvision"),
    "cifar-100-python/meta": ("CIFAR-100", "from_torchvision"),
}
#: Number of bytes of a file, and of files of a folder, that are looked at.
_HEAD, _MOST = 1 << 16, 20
_BOX = re.compile(r"\s*\d+(\s+-?[\d.eE+-]+){4,}\s*")


@dataclass(frozen=True)
class _Text:
    """Layout that is recognized by the head of a text file: all ``signs`` (regular expressions)
    occur in a file with the ``suffix``."""

    what: str
    suffix: str
    signs: tuple[str, ...]
    remedy: str


def _converted(kind: str) -> str:
    return (
        "Convert it to JSON of COCO, for example by FiftyOne: fiftyone convert --input-type "
        f"fiftyone.types.{kind} --output-type fiftyone.types.COCODetectionDataset "
        "--input-dir FOLDER --output-dir NEW"
    )


_RECORDS = (".tfrecord", ".tfrecords", ".record")
_EXPORT = "Export it from there as COCO, or as PASCAL VOC."
_YOLO, _YOLO_REMEDY = "a data set of YOLO", _converted("YOLOv5Dataset")
_TEXTS = (
    _Text(_YOLO, ".yaml", (r"(?m)^names\s*:", r"(?m)^(train|val|nc)\s*:"), _YOLO_REMEDY),
    _Text(_YOLO, ".yml", (r"(?m)^names\s*:", r"(?m)^(train|val|nc)\s*:"), _YOLO_REMEDY),
    _Text("an export of CVAT", ".xml", (r"<annotations>", r"<(version|meta|image)\b"), _EXPORT),
    _Text(
        "PASCAL VOC in other folders",
        ".xml",
        (r"<annotation\b", r"<(filename|object|size)>"),
        "Put the XML files into a folder Annotations, the photos into JPEGImages beside it.",
    ),
    _Text("an export of Label Studio", ".json", (r'"data"\s*:', r'"(from_name|result)"'), _EXPORT),
    _Text(
        "an export of Label Studio", ".json", (r'"annotation_id"\s*:', r'"lead_time"\s*:'), _EXPORT
    ),
    _Text("a project of VIA", ".json", (r'"(region_attributes|_via_\w+)"\s*:',), _EXPORT),
    _Text("a table of VIA", ".csv", (r"\A.*region_shape_attributes",), _EXPORT),
    _Text(
        "files of LabelMe",
        ".json",
        (r'"shapes"\s*:', r'"imagePath"\s*:'),
        "Convert them to JSON of COCO: pip install labelme2coco, then labelme2coco FOLDER",
    ),
    _Text("a file of CreateML", ".json", (r'"annotations?"\s*:', r'"coordinates"\s*:'), _EXPORT),
    _Text("a project of Supervisely", ".json", (r'"classTitle"\s*:',), _EXPORT),
)


def check_foreign(folder: Path) -> None:
    """Raise ``DataError`` if a folder has the layout of another tool that is not read."""
    for place in (folder, *islice(below(folder, 2), 100)):
        files = _by_suffix(place)
        _check_texts(files, folder)
        texts = files.get(".txt", [])
        photos = {*files.get(".jpg", ()), *files.get(".png", ()), *files.get(".jpeg", ())}
        stems = {photo.stem for photo in photos}
        twins = [text for text in texts[:_MOST] if text.stem in stems]
        in_labels = [*texts, *_texts_below(place)] if place.name.lower() == "labels" else []
        if _have_boxes(in_labels):
            raise _foreign(_YOLO, place, _YOLO_REMEDY)
        names = {path.name for each in (".names", ".labels") for path in files.get(each, ())}
        if _have_boxes(twins) or names & {"obj.names", "_darknet.labels"}:
            raise _foreign(_YOLO, place, _converted("YOLOv4Dataset"))
        for record in (path for each in _RECORDS for path in files.get(each, ())):
            raise _foreign("records of TensorFlow", record, _converted("TFObjectDetectionDataset"))


def _by_suffix(place: Path) -> dict[str, list[Path]]:
    """Return the visible files of a folder by suffix, sorted; the folder is listed once."""
    files: dict[str, list[Path]] = {}
    with os.scandir(place) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if not is_skipped(entry.name) and entry.is_file():
                path = place / entry.name
                files.setdefault(path.suffix.lower(), []).append(path)
    return files


def _check_texts(files: Mapping[str, Sequence[Path]], folder: Path) -> None:
    for suffix in {text.suffix for text in _TEXTS}:
        for path in files.get(suffix, ())[:_MOST]:
            head = _head(path)
            for text in _TEXTS:
                if text.suffix == suffix and all(re.search(sign, head) for sign in text.signs):
                    raise _foreign(text.what, path, text.remedy)
            if path.name == "labels.json" and re.search(r'"classes"\s*:', head):
                raise by_function(folder, *LIBRARIES[SAMPLES])


def _texts_below(place: Path) -> Iterator[Path]:
    """Yield the texts in the sub-folders of a folder: ``labels/train/1.txt``."""
    for each in islice(below(place, 1), 10):
        yield from _by_suffix(each).get(".txt", [])


def _have_boxes(texts: Sequence[Path]) -> bool:
    """Return True if the first texts hold boxes of YOLO: a class and four or more numbers."""
    heads = [_head(text) for text in texts[:_MOST]]
    lines = [line for head in heads for line in head.splitlines()[:3] if line.strip()]
    return bool(lines) and all(map(_BOX.fullmatch, lines))


def _head(path: Path) -> str:
    try:
        with open_file(path) as file:
            return file.read(_HEAD).decode("utf-8-sig", errors="replace")
    except OSError:
        return ""


def _foreign(what: str, path: Path, remedy: str) -> DataError:
    return DataError(f"{path} looks like {what}, which is not read.", remedy)


def by_function(folder: Path, what: str, file: str) -> DataError:
    """Return the error that a folder needs a Python function to be read, with one that the project
    ships; ``what`` describes the folder, ``file`` names the function's file."""
    function = shipped_folder("specs") / "functions" / f"{file}.py"
    return DataError(
        f"{folder} looks like {what}, which a Python function of ten lines reads.",
        f"Take {function}, and write dataset: {{kind: python, function: {file}.py:images, root: "
        f"{folder}, ...}} in a spec: `inficond docs data`.",
    )


def check_libraries(folder: Path) -> None:
    """Raise ``DataError`` if a folder holds files of a library that a shipped function reads."""
    there: set[str] = set()
    for place, _, names in os.walk(folder):
        inner = PurePath(place).name if place != os.fspath(folder) else ""
        for pattern in LIBRARIES.keys() - there:
            within, _, last = pattern.rpartition("/")
            if within in ("", inner) and fnmatch.filter(names, last):
                there.add(pattern)
    for pattern, library in LIBRARIES.items():
        if pattern in there:
            raise by_function(folder, *library)


def below(folder: Path, depth: int) -> Iterator[Path]:
    """Yield the visible folders below a folder, down to ``depth`` levels."""
    for child in sorted(folder.iterdir()):
        if child.is_dir() and not is_skipped(child.name):
            yield child
            if depth > 1:
                yield from below(child, depth - 1)
