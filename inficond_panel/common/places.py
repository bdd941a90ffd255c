"""Places of stores: folders on disk, or addresses of object storage such as ``s3://bucket/name``.

An address is a ``UPath`` of universal_pathlib (extra ``cloud``), which has the methods of ``Path``
and reads through fsspec. Credentials are those of fsspec: the environment, or the provider's files.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

from inficond_panel.common.installation import missing_extra
from inficond_panel.errors import DataError

#: Protocols of addresses. Those of fsspec that run programs or read other files are left out.
PROTOCOLS = ("s3", "gs", "az", "https", "http", "memory")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.:-]+://")  # not C://
_REMEDY = "Write an address such as s3://BUCKET/NAME.zarr"


def is_remote(place: str | Path) -> bool:
    """Return True if ``place`` is an address, or a path made of one, and not a path on disk."""
    return not isinstance(place, Path) and _ADDRESS.match(str(place)) is not None


def place_of(place: str | Path) -> Path:
    """Return the path of a folder on disk, or of an address of object storage.

    Raises ``DataError`` for an address of another protocol, or with a password or query, and
    ``MissingExtraError`` without the packages of the extra ``cloud``.
    """
    if not is_remote(place):
        return Path(place)
    if fault := address_fault(str(place)):
        raise DataError(f"{_without_password(str(place))}: {fault}.", _REMEDY)
    try:
        from upath import UPath  # noqa: PLC0415 - an extra

        protocol, _, rest = str(place).partition("://")
        remote = UPath(f"{protocol.lower()}://{'/'.join(filter(None, rest.split('/')))}")
        remote.fs  # noqa: B018 - loads the package of the protocol
    except ImportError as error:
        raise missing_extra(f"Reading {place}", error, "cloud") from error
    return cast("Path", remote)


def address_fault(address: str) -> str:
    """Return what is wrong with an address, as the end of a sentence; "" if it can be used."""
    protocol, _, rest = address.partition("://")
    if protocol.lower() not in PROTOCOLS:
        return f"an address begins with {', '.join(f'{each}://' for each in PROTOCOLS[:-1])}"
    if "@" in rest.partition("/")[0]:
        return "passwords do not belong in an address; set them in the environment"
    if "?" in rest or "#" in rest:
        return "an address has no query"
    return "" if rest.strip("/") else "the name of a bucket or server is missing"


def _without_password(address: str) -> str:
    return re.sub(r"://[^/@]*@", "://...@", address)


def stores_in(folder: Path) -> list[Path]:
    """Return the complete stores ``*.zarr`` in a folder or at an address, sorted; [] at an address
    whose server does not list what it has (``https://``)."""
    if not is_remote(folder):
        return sorted(folder.glob("*.zarr"))
    if cast("Any", folder).protocol.startswith("http"):
        return []
    return sorted((marker.parent for marker in folder.glob("*.zarr/zarr.json")), key=str)


def has_store(place: Path) -> bool:
    """Return True if there is a store, or at least a folder, at ``place``; an address needs the
    file that makes a store complete."""
    return (place / "zarr.json").exists() if is_remote(place) else place.exists()


def check_readable(file: Path) -> None:
    """Read a byte of a file at an address; raise ``FileNotFoundError``, or the client's error."""
    remote = cast("Any", file)  # fsspec's ``info`` takes some files that may not be read as missing
    remote.fs.cat_file(remote.path, start=0, end=1)


def for_zarr(place: Path) -> Any:
    """Return a place in the form that zarr and xarray open: a path, or the text of an address."""
    return str(place) if is_remote(place) else place


def size_of(folder: Path) -> int | None:
    """Return the total size of all files in a folder in bytes, 0 if it does not exist; None at an
    address whose server does not list its files."""
    if not is_remote(folder):
        return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    remote = cast("Any", folder)
    if remote.protocol.startswith("http"):
        return None
    try:
        return int(remote.fs.du(remote.path))
    except FileNotFoundError:
        return 0


def create(place: Path, content: bytes) -> None:
    """Write a new object at an address; raise ``FileExistsError`` if another process did before."""
    remote = cast("Any", place)
    if remote.protocol in ("s3", "gs"):  # one request, of which one of many succeeds
        remote.fs.pipe_file(remote.path, content, mode="create")
    elif place.exists():
        raise FileExistsError(str(place))
    else:
        place.write_bytes(content)


def upload(folder: Path, place: Path, last: str) -> None:
    """Copy all files of ``folder`` to an address; its file ``last`` comes last, so that a reader
    sees that the copy is complete. Raises ``OSError`` if a file cannot be written."""
    remote = cast("Any", place)
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / last)
    names = [path.relative_to(folder).as_posix() for path in files]
    remote.fs.put(list(map(str, files)), [f"{remote.path}/{name}" for name in names])
    remote.fs.put_file(str(folder / last), f"{remote.path}/{last}")
