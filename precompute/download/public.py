"""Public data sets: the archives of their publishers, and the layout that these unpack to."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from inficond_panel.common.reading import read_lines
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


@dataclass(frozen=True)
class Archive:
    """An archive: its address, SHA-256, size in bytes, and the beginnings of the names of the
    members that are unpacked."""

    url: str
    sha256: str
    size: int
    members: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True)
class PublicData:
    """A data set: what it is called, its archives, the folder in them that holds the layout, the
    page with the publisher's terms, a list of words that is made for it, and what makes it."""

    title: str
    archives: tuple[Archive, ...]
    root: str
    terms: str
    words: str = ""
    prepare: Callable[[Path], None] | None = None


def _voc(name: str, sha256: str, size: int) -> Archive:
    members = ("Annotations/", "ImageSets/Main/", "JPEGImages/")
    return Archive(
        f"http://host.robots.ox.ac.uk/pascal/VOC/voc2007/{name}_06-Nov-2007.tar",
        sha256,
        size,
        tuple(f"VOCdevkit/VOC2007/{member}" for member in members),
    )


def _coco(path: str, sha256: str, size: int, member: str) -> Archive:
    return Archive(f"http://images.cocodataset.org/{path}", sha256, size, (member,))


#: By name. The sizes and hashes are those that others who fetched these archives have noted.
PUBLIC = {
    "voc2007": PublicData(
        "PASCAL VOC 2007",
        (
            _voc(
                "VOCtrainval",
                "7d8cd951101b0957ddfd7a530bdc8a94f06121cfc1e511bb5937e973020c7508",
                460_032_000,
            ),
            _voc(
                "VOCtest",
                "6836888e2e01dca84577a849d339fa4f73e1e4f135d312430c4856b5609b4892",
                451_020_800,
            ),
        ),
        "VOCdevkit/VOC2007",
        "http://host.robots.ox.ac.uk/pascal/VOC/voc2007/",
    ),
    "coco-val2017": PublicData(
        "COCO val2017",
        (
            _coco(
                "zips/val2017.zip",
                "4f7e2ccb2866ec5041993c9cf2a952bbed69647b115d0f74da7ce8f4bef82f05",
                815_585_330,
                "val2017/",
            ),
            _coco(
                "annotations/annotations_trainval2017.zip",
                "113a836d90195ee1f884e704da6304dfaaecff1f023f49b6ca93c4aaae470268",
                252_907_541,
                "annotations/instances_val2017.json",
            ),
        ),
        "",
        "https://cocodataset.org/#termsofuse",
    ),
    "cub200": PublicData(
        "CUB-200-2011",
        (
            Archive(
                "https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz",
                "0c685df5597a8b24909f6a7c9db6d11e008733779a671760afef78feb49bf081",
                1_150_585_339,
                (
                    "attributes.txt",
                    "CUB_200_2011/attributes/attributes.txt",
                    "CUB_200_2011/classes.txt",
                    "CUB_200_2011/image_class_labels.txt",
                    "CUB_200_2011/images",
                    "CUB_200_2011/train_test_split.txt",
                ),
            ),
        ),
        "",
        "https://data.caltech.edu/records/65de6-vp158",
        WORDS,
        write_tables,
    ),
}
