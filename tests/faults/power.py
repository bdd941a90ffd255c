"""Power cuts: what a disk may hold after one, from a record of what a program did to its files."""

from __future__ import annotations

import os
import random
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
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


@dataclass
class _File:
    """Part of a file that is surely on disk, and all that was done to it since."""

    safe: bytearray = field(default_factory=bytearray)
    since: list[Operation] = field(default_factory=list)

    def sync(self) -> None:
        for operation in self.since:
            _apply(self.safe, operation)
        self.since = []


def cut(
    operations: list[Operation], moment: int, how: str, generator: random.Random
) -> Mapping[str, bytes]:
    """The files after a power cut before operation ``moment``.

    What was synced is there. Of the rest: nothing (``synced``), everything (``all``), any of the
    writes (``some``), or any sectors of them (``torn``).
    """
    files: dict[str, _File] = {}
    for operation in operations[:moment]:
        if operation.kind == "u":
            files.pop(operation.path, None)
            continue
        file = files.setdefault(operation.path, _File())
        if operation.kind == "s":
            file.sync()
        else:
            file.since.append(operation)
    return {path: _rest(file, how, generator) for path, file in files.items()}


def _rest(file: _File, how: str, generator: random.Random) -> bytes:
    content = bytearray(file.safe)
    for operation in file.since:
        if how == "all" or (how == "some" and generator.random() < 0.5):
            _apply(content, operation)
        elif how == "torn":
            for part in _sectors(operation):
                if generator.random() < 0.5:
                    _apply(content, part)
    return bytes(content)


def _sectors(operation: Operation) -> Iterator[Operation]:
    if operation.kind != "w":
        yield operation
        return
    end = operation.offset + len(operation.content)
    start = operation.offset
    while start < end:
        stop = min(end, (start // SECTOR + 1) * SECTOR)
        part = operation.content[start - operation.offset : stop - operation.offset]
        yield Operation("w", operation.path, start, part)
        start = stop


def _apply(content: bytearray, operation: Operation) -> None:
    if operation.kind == "t":
        del content[operation.offset :]
        content.extend(bytes(operation.offset - len(content)))
        return
    end = operation.offset + len(operation.content)
    content.extend(bytes(max(0, end - len(content))))
    content[operation.offset : end] = operation.content
