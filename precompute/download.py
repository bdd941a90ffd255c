"""Download public data sets from their publishers, and unpack and prepare them.

An interrupted download is resumed; a file is used only if its SHA-256 is right.
"""

from __future__ import annotations

import csv
import hashlib
import http.client
import shutil
import tarfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from inficond_panel.common.files import read_lines
from inficond_panel.common.installation import path_word
from inficond_panel.errors import DataError

Progress = Callable[[float, str], None]

TABLE, WORDS = "birds.csv", "attributes.words.txt"
_FOLDER = "CUB_200_2011"
_SPLITS = {"1": "train", "0": "test"}
_REMEDY = "Download CUB-200-2011 again."


def write_tables(place: Path) -> None:
    """Write CUB-200-2011's table of photos and list of concepts into the folder ``place``. Raises
    ``DataError`` if one of the archive's lists is missing or contradicts the others."""
    home = place / _FOLDER
    paths, classes = _pairs(home / "images.txt"), _pairs(home / "classes.txt")
    label, split = _pairs(home / "image_class_labels.txt"), _pairs(home / "train_test_split.txt")
    # 001.Black_footed_Albatross is written as Black footed Albatross
    names = {n: name.partition(".")[2].replace("_", " ") for n, name in classes.items()}
    try:
        rows = [
            (f"{_FOLDER}/images/{path}", names[label[image]], _SPLITS[split[image]])
            for image, path in paths.items()
        ]
    except KeyError as error:
        raise DataError(
            f"A list in {home} lacks the entry {error}, which another list has.", _REMEDY
        ) from error
    with (place / TABLE).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("file", "label", "split"), *rows])
    listed = next(
        folder
        for folder in (place, home / "attributes")
        if (folder / "attributes.txt").is_file() or folder.name == "attributes"
    )
    words = []
    for name in _pairs(listed / "attributes.txt").values():
        part, _, value = name.removeprefix("has_").partition("::")
        words.append(f"{value} {part}".replace("_", " ").strip())  # has_size::small_(5-9_in)
    (place / WORDS).write_text("\n".join(dict.fromkeys(words)) + "\n", encoding="utf-8")
    (listed / "attributes.txt").unlink()


def _pairs(path: Path) -> dict[str, str]:
    """Return the lines of a file, each a number and a text, as a dict from number to text."""
    lines = read_lines(path, "list of CUB-200-2011", _REMEDY)
    return dict(line.split(maxsplit=1) for line in map(str.strip, lines) if " " in line)


@dataclass(frozen=True)
class Archive:
    """An archive to download: address, SHA-256, size in bytes, and ``members``, the prefixes of
    the file names to unpack."""

    url: str
    sha256: str
    size: int
    members: tuple[str, ...]

    @property
    def name(self) -> str:
        """File name of the archive."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True)
class PublicData:
    """A public data set. ``root`` is the folder that holds it after unpacking, ``terms`` the page
    with the publisher's terms, ``words`` a list of concepts that ``prepare`` writes."""

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


#: Public data sets by name. Sizes and hashes were published by others who downloaded the archives.
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


_MARK = ".fetched"  #: file that marks a complete folder


def bring(data: PublicData, path: Path, progress: Progress) -> Path:
    """Download a data set to ``path`` unless it is there; return the folder that holds it.

    Archives are kept in ``<path>.archives`` until all are unpacked. Raises ``DataError`` for a
    folder with other content, and the errors of ``fetch``.
    """
    root = path / data.root
    if path.exists():
        mark = path / _MARK
        if mark.is_file() and mark.read_text("utf-8", "replace").startswith(f"{data.title}: "):
            return root
        raise DataError(
            f"{path} already exists, and is not a download of {data.title}.",
            f"Choose another folder, or use this folder as it is: inficond init {path_word(path)}",
        )
    archives = path.with_name(f"{path.name}.archives")
    archives.mkdir(parents=True, exist_ok=True)
    files = [(archive, fetch(archive, archives, progress)) for archive in data.archives]
    partial = path.with_name(f".{path.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        for archive, file in files:
            progress(0, f"{archive.name}: unpacking")
            _unpack(archive, file, partial)
        if data.prepare:
            data.prepare(partial)
        (partial / _MARK).write_text(f"{data.title}: {data.terms}\n", encoding="utf-8")
        partial.rename(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    shutil.rmtree(archives)
    return root


def _unpack(archive: Archive, file: Path, folder: Path) -> None:
    """Unpack the archive's members into a folder, and nothing outside of it."""
    try:
        if file.suffix == ".zip":
            with zipfile.ZipFile(file) as packed:
                for name in packed.namelist():
                    if name.startswith(archive.members):
                        packed.extract(name, folder)  # extract never writes outside the folder
            return
        with tarfile.open(file) as tar:
            for member in tar:
                name = member.name.removeprefix("./")
                if member.isreg() and name.startswith(archive.members):
                    tar.extract(member, folder, filter="data")
    except (OSError, tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        raise DataError(
            f"{file} cannot be unpacked: {str(error).rstrip('.')}.",
            "Free some space, or remove the file and run the command again.",
        ) from error


_BLOCK = 1 << 20
_SECONDS = 30  # longest time without a byte


def fetch(archive: Archive, folder: Path, progress: Progress) -> Path:
    """Return the archive's path in ``folder``; download it if missing, resuming a partial file.

    Raises ``DataError`` if the address cannot be reached, the disk is full, or the file is wrong.
    """
    whole = folder / archive.name
    if not whole.is_file():
        part = folder / f"{archive.name}.part"
        _check_room(archive, part)
        try:
            _receive(archive, part, progress)
        except (OSError, http.client.HTTPException) as error:
            raise _broken(archive, whole, part, error) from error
        if _size(part) < archive.size:
            raise _broken(archive, whole, part, "the connection was closed")
        if _size(part) > archive.size:
            part.unlink()
            raise _another(archive, f"it is larger than {archive.size:,} bytes")
        part.rename(whole)
    progress(0.99, f"{archive.name}: checking")
    with whole.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != archive.sha256:
        whole.unlink()
        raise _another(archive, f"its SHA-256 is {digest}, not {archive.sha256}")
    progress(1, f"{archive.name}: {_mb(archive.size)}")
    return whole


def _receive(archive: Archive, part: Path, progress: Progress) -> None:
    have = _size(part)
    if have >= archive.size:
        return
    asked = {"User-Agent": "inficond", **({"Range": f"bytes={have}-"} if have else {})}
    request = urllib.request.Request(archive.url, headers=asked)  # noqa: S310 - a record's address
    with urllib.request.urlopen(request, timeout=_SECONDS) as reply:  # noqa: S310
        goes_on = reply.status == http.HTTPStatus.PARTIAL_CONTENT
        have = have if goes_on else 0
        with part.open("ab" if goes_on else "wb") as file:
            while have <= archive.size and (block := reply.read(_BLOCK)):
                file.write(block)
                have += len(block)
                progress(
                    0.99 * min(1, have / archive.size), f"{archive.name}: {_mb(have)} downloaded"
                )


def _check_room(archive: Archive, part: Path) -> None:
    free, needed = shutil.disk_usage(part.parent).free, archive.size - _size(part)
    if free < needed:
        raise DataError(
            f"{archive.name} needs {_mb(needed)}, but the disk of {part.parent} has {_mb(free)}.",
            "Free some space, or choose another folder.",
        )


def _broken(archive: Archive, whole: Path, part: Path, why: object) -> DataError:
    reason = why.reason if isinstance(why, urllib.error.URLError) else why
    return DataError(
        f"{archive.url} could not be downloaded: {str(reason).rstrip('.')}. {_mb(_size(part))} of "
        f"{_mb(archive.size)} were received.",
        f"Run the command again: it resumes. Or download the file yourself to {whole}.",
    )


def _another(archive: Archive, why: str) -> DataError:
    return DataError(
        f"{archive.url} differs from the published file: {why}. The download was removed.",
        "Try again later, or download the data set yourself, then run: inficond init FOLDER",
    )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _mb(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"
