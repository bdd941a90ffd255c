"""CUB-200-2011 as one table of paths, classes and splits, and its attributes as words."""

from __future__ import annotations

import csv
from pathlib import Path

from inficond_panel.common.text_lines import read_lines
from inficond_panel.errors import DataError

TABLE, WORDS = "birds.csv", "attributes.words.txt"
_FOLDER = "CUB_200_2011"
_SPLITS = {"1": "train", "0": "test"}
_REMEDY = "Fetch CUB-200-2011 anew."


def write_tables(place: Path) -> None:
    """Write the table and the words beside the photos in ``place``; ``DataError`` where a list of
    the archive is missing or does not fit the others."""
    home = place / _FOLDER
    paths, classes = _pairs(home / "images.txt"), _pairs(home / "classes.txt")
    label, split = _pairs(home / "image_class_labels.txt"), _pairs(home / "train_test_split.txt")
    try:
        rows = [
            (f"{_FOLDER}/images/{path}", _class_name(classes[label[image]]), _SPLITS[split[image]])
            for image, path in paths.items()
        ]
    except KeyError as error:
        raise DataError(f"The lists in {home} do not fit: {error} is missing.", _REMEDY) from error
    with (place / TABLE).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("file", "label", "split"), *rows])
    listed = next(folder for folder in (place, home / "attributes") if _has_attributes(folder))
    words = [_attribute(name) for name in _pairs(listed / "attributes.txt").values()]
    (place / WORDS).write_text("\n".join(dict.fromkeys(words)) + "\n", encoding="utf-8")
    (listed / "attributes.txt").unlink()


def _has_attributes(folder: Path) -> bool:
    return (folder / "attributes.txt").is_file() or folder.name == "attributes"


def _pairs(path: Path) -> dict[str, str]:
    """Lines of a number and a text."""
    lines = read_lines(path, "list of CUB-200-2011", _REMEDY)
    return dict(line.split(maxsplit=1) for line in map(str.strip, lines) if " " in line)


def _class_name(name: str) -> str:
    """``001.Black_footed_Albatross`` → ``Black footed Albatross``."""
    return name.partition(".")[2].replace("_", " ")


def _attribute(name: str) -> str:
    """``has_bill_shape::curved_(up_or_down)`` → ``curved (up or down) bill shape``."""
    part, _, value = name.removeprefix("has_").partition("::")
    return f"{value} {part}".replace("_", " ").strip()
