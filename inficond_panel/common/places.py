"""Places of stores: folders on disk, or addresses of object storage such as ``s3://bucket/name``.

An address is a ``UPath`` of universal_pathlib (extra ``cloud``), which has the methods of ``Path``
and reads through fsspec. Credentials are those of fsspec: the environment, or the provider's files.
A server that breaks connections is asked again a few times; one that sends nothing is given up.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, TypeVar, cast

from inficond_panel.common.installation import needs
from inficond_panel.errors import DataError, InficondError, StoreError

#: Protocols of addresses. Others of fsspec run programs or read any file.
PROTOCOLS = ("s3", "gs", "https", "http")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.:-]+://")  # not C://
_HERE = re.compile(r"(localhost|127\.0\.0\.1)(:\d+)?")
_REMEDY = "Write an address such as s3://BUCKET/NAME.zarr"
#: Modules of errors of network clients that are no ``OSError``.
_CLIENTS = ("botocore.", "aiobotocore.", "aiohttp.", "google.", "gcsfs.")
#: Seconds until a server is given up that does not accept a connection, or sends no byte.
_SILENT = 5
#: Seconds to wait before each further try.
_WAITS = (0.2, 1.0)
#: Times that a server may send nothing until there is no further try.
_SILENCES = 2
_T = TypeVar("_T")


def is_remote(place: str | Path) -> bool:
    """Return True if ``place`` is an address, or a path made of one, and not a path on disk."""
    return not isinstance(place, Path) and _ADDRESS.match(str(place)) is not None


def place_of(place: str | Path) -> Path:
    """Return the path of a folder on disk, or of an address of object storage.

    Raises ``DataError`` for an address that ``address_fault`` refuses, and ``MissingExtraError``
    without the packages of the extra ``cloud``.
    """
    if not is_remote(place):
        return Path(place)
    protocol, _, rest = str(place).partition("://")
    if fault := address_fault(str(place)):
        raise DataError(f"{protocol}://... cannot be used: {fault}.", _REMEDY)
    with needs(f"Reading {place}", "cloud"):
        from upath import UPath  # noqa: PLC0415 - an extra

        rest = "/".join(filter(None, rest.split("/")))
        options = {"use_listings_cache": False, **_limits(protocol.lower())}
        remote = UPath(f"{protocol.lower()}://{rest}", **options)
        cast("Any", remote.fs).retries = 1  # of s3fs; ``tried`` asks again
    return cast("Path", remote)


def _limits(protocol: str) -> dict[str, Any]:
    """Return the options of fsspec by which a server that sends nothing is given up."""
    if protocol == "s3":
        limits = {"connect_timeout": _SILENT, "read_timeout": _SILENT}
        return {"config_kwargs": {**limits, "retries": {"total_max_attempts": 1}}}
    if protocol.startswith("http"):
        from aiohttp import ClientTimeout  # noqa: PLC0415 - an extra

        limit = ClientTimeout(total=None, sock_connect=_SILENT, sock_read=_SILENT)
        return {"client_kwargs": {"timeout": limit}}
    return {}


def address_fault(address: str) -> str:
    """Return the fault of an address, as the end of a sentence; "" if it can be used."""
    protocol, _, rest = address.partition("://")
    first, _, name = rest.partition("/")
    if protocol.lower() not in PROTOCOLS:
        return f"an address begins with {', '.join(f'{each}://' for each in PROTOCOLS[:3])}"
    if "@" in rest or re.search(r":(?!\d+$)", first):
        return "passwords do not belong in an address; set them in the environment"
    if set(rest) & set("?#*["):
        return "an address has no query and no pattern"
    if protocol.lower() == "http" and not _HERE.fullmatch(first):
        return "http:// is for this machine alone; write https://"
    return "" if first and name.strip("/") else "a name is missing after the bucket or server"


def for_zarr(place: Path) -> Any:
    """Return ``place`` in the form that zarr and xarray open: a path, or zarr's store that reads
    from an address."""
    if not is_remote(place):
        return place
    from zarr.storage import FsspecStore  # noqa: PLC0415 - slow to import

    limits = _limits(cast("Any", place).protocol)
    store = FsspecStore.from_url(str(place), limits, read_only=True)
    cast("Any", store.fs).retries = 1  # of s3fs; ``tried`` asks again
    return store


def tried(place: Path, read: Callable[[], _T]) -> _T:
    """Return ``read()``. At an address it is called again, soon and at most twice, after an error
    of the network, and at most once if the server sends nothing; the last error is raised.

    How long a read took before its error does not matter: large pieces take long on a slow link.
    """
    silences = 0
    for wait in _WAITS:
        try:
            return read()
        except Exception as error:
            silences += _timed_out(error)
            denied = isinstance(error, PermissionError)
            if denied or silences == _SILENCES or unreachable(place, error) is None:
                raise
        time.sleep(wait)
    return read()


def _timed_out(error: Exception) -> bool:
    return (
        isinstance(error, TimeoutError) or "Timeout" in type(error).__name__
    )  # botocore's is none


def beside(store: Path) -> Path:
    """Return the path on disk next to which files of a store lie: the store's own; for an address a
    path in the current folder, with the name and a mark of the address."""
    if not is_remote(store):
        return store
    mark = hashlib.sha256(str(store).encode()).hexdigest()[:8]
    return Path.cwd() / f"{store.stem}-{mark}{store.suffix}"


def unreachable(place: Path, error: Exception) -> StoreError | None:
    """Return the error for an address that cannot be used for a reason outside of it, as ``error``
    states: rights, network, server; None for a path on disk, damaged data, and files that are
    missing or exist."""
    network = isinstance(error, OSError) or type(error).__module__.startswith(_CLIENTS)
    told = isinstance(error, FileNotFoundError | FileExistsError)
    if not is_remote(place) or not network or told:
        return None
    why = f"{place} cannot be reached: {str(error) or type(error).__name__}"
    return StoreError(why, "Check the address, your rights, and the connection, then try again.")


@contextmanager
def reaching(place: Path) -> Iterator[None]:
    """Turn errors of network clients in the block into ``StoreError``; files that exist or are
    missing, and errors on disk, stay."""
    try:
        yield
    except (InficondError, FileExistsError):
        raise
    except Exception as error:
        if found := unreachable(place, error):
            raise found from error
        raise


def size_of(folder: Path) -> int | None:
    """Return the total size of all files in a folder in bytes, 0 if it does not exist; None at an
    address that does not list its files."""
    if not is_remote(folder):
        return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    remote = cast("Any", folder)
    if remote.protocol.startswith("http"):
        return None
    with reaching(folder):
        try:
            return int(tried(folder, lambda: remote.fs.du(remote.path)))
        except FileNotFoundError:
            return 0
        except PermissionError:
            return None


def stores_in(folder: Path) -> list[Path]:
    """Return the complete stores ``*.zarr`` in a folder or at an address, sorted; [] at an address
    that does not list its files (``https://``)."""
    if not is_remote(folder):
        return sorted(folder.glob("*.zarr"))
    if cast("Any", folder).protocol.startswith("http"):
        return []
    with reaching(folder):
        try:
            found = tried(folder, lambda: list(folder.glob("*.zarr/zarr.json")))
        except PermissionError:
            return []
    return sorted((marker.parent for marker in found), key=str)


def has_store(place: Path) -> bool:
    """Return True if there is a store, or at least a folder, at ``place``; an address needs the
    file that makes a store complete."""
    if not is_remote(place):
        return place.exists()
    remote = cast("Any", place / "zarr.json")
    with reaching(place):
        try:  # fsspec's ``exists`` takes some files that may not be read as missing
            tried(place, lambda: remote.fs.cat_file(remote.path, start=0, end=1))
        except FileNotFoundError:
            return False
    return True


def written_at(place: Path) -> tuple[int, ...]:
    """Return numbers that change when the store at ``place`` is written anew: inode and time of its
    last file. () without a store, and at an address, where a store is written once."""
    if is_remote(place):
        return ()
    try:
        status = (place / "zarr.json").stat()
    except OSError:
        return ()
    return (status.st_ino, status.st_mtime_ns)


def create(place: Path, content: bytes) -> None:
    """Write a new object at an address; raise ``FileExistsError`` if another process did before."""
    remote, tries = cast("Any", place), count(1)

    def put() -> None:  # one request, of which one of many succeeds
        again = next(tries) > 1
        try:
            remote.fs.pipe_file(remote.path, content, mode="create")
        except FileExistsError:
            if not again or remote.fs.cat_file(remote.path) != content:
                raise  # else the answer to our first request was lost

    with reaching(place):
        tried(place, put)


def upload(folder: Path, place: Path, last: str, names: Collection[str]) -> None:
    """Copy all files of ``folder`` to an address; its file ``last`` comes last, so that a reader
    sees that the copy is complete.

    What an earlier copy left below ``names`` is removed first. Raises ``FileExistsError`` if
    another process completed a copy, and ``StoreError`` if a file cannot be written.
    """
    remote = cast("Any", place)
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / last)
    targets = [f"{remote.path}/{path.relative_to(folder).as_posix()}" for path in files]
    remote.fs.retries = 5  # of s3fs, as it has it: many requests, and nobody waits at a page
    with reaching(place):
        old = remote.fs.find(remote.path)
        before = [name for name in old if name.removeprefix(remote.path).split("/")[1] in names]
        if before:
            remote.fs.rm(before)
        remote.fs.put(list(map(str, files)), targets)
    remote.fs.retries = 1  # ``create`` has to know of each try
    create(place / last, (folder / last).read_bytes())
