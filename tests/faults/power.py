"""Power cuts: what a disk may hold after one, from a record of what a program did to its files."""

from __future__ import annotations

import os
import random
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

#: A disk writes this many bytes whole, or not at all.
SECTOR = 512
_HEAD = struct.Struct("<cIQQ")
_SOURCE = Path(__file__).with_name("recorder.c")


@dataclass(frozen=True)
class Operation:
    """A write, truncation, sync or removal (``w``, ``t``, ``s``, ``u``) of one file."""

    kind: str
    path: str
    offset: int
    content: bytes


def record(code: str, below: Path, work: Path, *arguments: str) -> list[Operation]:
    """Run Python ``code``; give what it did to the files below a folder, in order."""
    library, log = work / "recorder.so", work / "operations"
    _compile(library)
    told = {"LD_PRELOAD": str(library), "RECORD_BELOW": f"{below}/", "RECORD_TO": str(log)}
    # The module's static copy of SQLite calls libc as any other.
    subprocess.run([sys.executable, "-c", code, *arguments], env={**os.environ, **told}, check=True)
    return list(_read(log.read_bytes()))


def _compile(library: Path) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("needs a C compiler on Linux, to record what is written")
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", library, _SOURCE, "-ldl", "-lpthread"]
    subprocess.run(command, check=True)


def _read(log: bytes) -> Iterator[Operation]:
    at = 0
    while at < len(log):
        kind, length, offset, size = _HEAD.unpack_from(log, at)
        at += _HEAD.size
        path = log[at : at + length].decode()
        at += length
        holds = size if kind == b"w" else 0
        yield Operation(kind.decode(), path, offset, log[at : at + holds])
        at += holds


def cut(
    operations: list[Operation], moment: int, how: str, generator: random.Random
) -> Mapping[str, bytes]:
    """The files after a power cut before operation ``moment``.

    What was synced is there. Of the rest: nothing (``synced``), everything (``all``), any of the
    writes (``some``), or any sectors of them (``torn``).
    """
    safe: dict[str, bytes] = {}
    since: dict[str, list[Operation]] = {}
    for operation in operations[:moment]:
        path = operation.path
        if operation.kind == "u":
            safe.pop(path, None)
            since.pop(path, None)
            continue
        safe.setdefault(path, b"")
        if operation.kind == "s":
            safe[path] = _applied(safe[path], since.pop(path, []))
        else:
            since.setdefault(path, []).append(operation)
    return {
        path: _applied(content, _kept(since.get(path, []), how, generator))
        for path, content in safe.items()
    }


def _kept(since: list[Operation], how: str, generator: random.Random) -> Iterator[Operation]:
    for operation in since if how != "synced" else []:
        for part in _sectors(operation) if how == "torn" else [operation]:
            if how == "all" or generator.random() < 0.5:
                yield part


def _sectors(operation: Operation) -> Iterator[Operation]:
    if operation.kind != "w":
        yield operation
        return
    start, end = operation.offset, operation.offset + len(operation.content)
    while start < end:
        stop = min(end, (start // SECTOR + 1) * SECTOR)
        part = operation.content[start - operation.offset : stop - operation.offset]
        yield Operation("w", operation.path, start, part)
        start = stop


def _applied(before: bytes, operations: Iterable[Operation]) -> bytes:
    content = bytearray(before)
    for operation in operations:
        end = operation.offset + len(operation.content)  # a truncation has no content
        content.extend(bytes(max(0, end - len(content))))
        if operation.kind == "t":
            del content[end:]
        else:
            content[operation.offset : end] = operation.content
    return bytes(content)
