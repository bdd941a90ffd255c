"""A public data set in a folder: fetched, unpacked and prepared whole, or not there.

A download that broke off is resumed, and a file is taken only with the right hash.
"""

from __future__ import annotations

import hashlib
import http.client
import shutil
import tarfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path

from inficond_panel.errors import DataError
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


Progress = Callable[[float, str], None]

_BLOCK = 1 << 20
_SECONDS = 30  # without a byte


def fetch(archive: Archive, folder: Path, progress: Progress) -> Path:
    """The archive's file in ``folder``, fetched unless it is there; it goes on where it broke off.

    Raises ``DataError`` where the address cannot be reached, the disk has no room, or the file is
    another than the published one.
    """
    whole = folder / archive.name
    if not whole.is_file():
        part = folder / f"{archive.name}.part"
        _check_room(archive, part)
        try:
            _receive(archive, part, progress)
        except (OSError, http.client.HTTPException) as error:
            raise _broken(archive, whole, part, error) from error
        _check_size(archive, whole, part)
        part.rename(whole)
    _check_hash(archive, whole, progress)
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
                progress(0.99 * min(1, have / archive.size), f"{archive.name}: {_mb(have)} fetched")


def _check_room(archive: Archive, part: Path) -> None:
    free, needed = shutil.disk_usage(part.parent).free, archive.size - _size(part)
    if free < needed:
        raise DataError(
            f"{archive.name} needs {_mb(needed)}, and {part.parent} has {_mb(free)} free.",
            "Make room, or name another folder.",
        )


def _check_size(archive: Archive, whole: Path, part: Path) -> None:
    size = _size(part)
    if size < archive.size:
        raise _broken(archive, whole, part, "the connection was closed")
    if size > archive.size:
        part.unlink()
        raise _another(archive, f"it is larger than {archive.size:,} bytes")


def _check_hash(archive: Archive, whole: Path, progress: Progress) -> None:
    progress(0.99, f"{archive.name}: checking")
    with whole.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != archive.sha256:
        whole.unlink()
        raise _another(archive, f"its SHA-256 is {found}, not {archive.sha256}")
    progress(1, f"{archive.name}: {_mb(archive.size)}")


def _broken(archive: Archive, whole: Path, part: Path, why: object) -> DataError:
    reason = why.reason if isinstance(why, urllib.error.URLError) else why
    return DataError(
        f"{archive.url} could not be fetched: {str(reason).rstrip('.')}. {_mb(_size(part))} of "
        f"{_mb(archive.size)} are there.",
        f"Run the command again: it goes on from there. Or fetch the file otherwise, to {whole}.",
    )


def _another(archive: Archive, why: str) -> DataError:
    return DataError(
        f"{archive.url} is not the file that was published: {why}. It was removed.",
        "Try again later, or fetch the data set by hand and name its folder: inficond init FOLDER",
    )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _mb(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"
