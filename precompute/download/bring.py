"""A public data set in a folder: fetched, unpacked and prepared whole, or not there."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from pathlib import Path

from inficond_panel.errors import DataError
from precompute.download.fetch import Progress, fetch
from precompute.download.public import Archive, PublicData

_MARK = ".fetched"  #: file in a folder that is whole


def bring(data: PublicData, place: Path, progress: Progress) -> Path:
    """Folder in ``place`` with the data set's layout; what is there already is not fetched again.

    The archives are in ``PLACE.archives`` until all is unpacked. Raises ``DataError`` for a place
    that holds something else, and as ``fetch`` does.
    """
    root = place / data.root
    if place.exists():
        if _is_of(data, place / _MARK):
            return root
        raise DataError(
            f"{place} is there already, and is no {data.title} that was fetched.",
            f"Name another folder, or take it as it is: inficond init {place}",
        )
    archives = place.with_name(f"{place.name}.archives")
    archives.mkdir(parents=True, exist_ok=True)
    files = [(archive, fetch(archive, archives, progress)) for archive in data.archives]
    partial = place.with_name(f".{place.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        for archive, file in files:
            progress(0, f"{archive.name}: unpacking")
            _unpack(archive, file, partial)
        if data.prepare:
            data.prepare(partial)
        (partial / _MARK).write_text(f"{data.title}: {data.terms}\n", encoding="utf-8")
        partial.rename(place)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    shutil.rmtree(archives)
    return root


def _is_of(data: PublicData, mark: Path) -> bool:
    """True if the mark is there and names this data set, not another one."""
    return mark.is_file() and mark.read_text("utf-8", "replace").startswith(f"{data.title}: ")


def _unpack(archive: Archive, file: Path, folder: Path) -> None:
    try:
        (_unzip if file.suffix == ".zip" else _untar)(archive, file, folder)
    except (OSError, tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        raise DataError(
            f"{file} cannot be unpacked: {str(error).rstrip('.')}.",
            "Make room, or remove the file and run the command again.",
        ) from error


def _untar(archive: Archive, file: Path, folder: Path) -> None:
    with tarfile.open(file) as tar:
        for member in tar:
            name = member.name.removeprefix("./")
            if member.isreg() and name.startswith(archive.members):
                tar.extract(member, folder, filter="data")


def _unzip(archive: Archive, file: Path, folder: Path) -> None:
    with zipfile.ZipFile(file) as packed:
        for name in packed.namelist():
            if name.startswith(archive.members):
                packed.extract(name, folder)  # which leaves no folder
