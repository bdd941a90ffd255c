"""Read TorchScript files: check all that torch would load, and pack it into a new archive.

A TorchScript file is a program, which runs in part when it is loaded. So torch never gets the file
itself, but an archive that is written here from the entries that were read and checked: torch and
this module cannot read one file in two ways. Code is parsed, checked against a list of operators
(``torchscript_code``), and written anew from its parsed form. Pickles may hold only tensors, plain
values and objects of the file's own classes.
"""

from __future__ import annotations

import io
import os
import pickletools
import re
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from inficond_panel.common.files import open_file
from inficond_panel.errors import DataError
from precompute.teachers.torchscript_code import NotAllowedError, check_native, rewritten

_AGAIN = "Export the network again, as ONNX or by torch.jit.trace."
_WRITE = "Write it with torch.jit.trace(model.eval(), example).save(path)."
#: Entries that torch needs, below the archive's one folder. Other entries are left out: sources for
#: error messages, example inputs, and files that the exporter added.
_PICKLES = {"data.pkl": "data", "constants.pkl": "constants"}
_LOADED = re.compile(
    r"code/(?:\w+/)*\w+\.py|(?:data|constants)(?:\.pkl|/\d+)|(?:\.data/)?version|byteorder|"
    r"\.format_version|\.storage_alignment",
    re.ASCII,
)
#: Most bytes of all entries beyond the size of the file: code is compressed, tensors are not.
_MOST_UNPACKED = 100_000_000
_UNREADABLE = (
    OSError, ValueError, EOFError, NotImplementedError, RuntimeError, SyntaxError, RecursionError,
    MemoryError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def checked_archive(path: Path) -> io.BytesIO:
    """Return the TorchScript file ``path`` as a new archive of its checked entries.

    Raises ``DataError`` for a file that is not TorchScript, and for code or pickles that do more
    than the networks in ``OPERATORS``.
    """
    try:
        entries = _read(path, lambda name: _LOADED.fullmatch(name) is not None)
        if "data.pkl" not in entries:
            raise ValueError("it has no entry data.pkl")
        _check_pickles(entries)
        return _packed(entries)
    except NotAllowedError as error:
        raise DataError(f"{path} is refused: {error}.", _AGAIN) from error
    except _UNREADABLE as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:200].rstrip(".")
        raise DataError(f"{path} is not TorchScript: {reason}.", _WRITE) from error


def extra_texts(path: Path, names: Collection[str], most: int) -> Mapping[str, str]:
    """Return the texts ``names`` that the exporter added to a TorchScript file (``_extra_files``),
    each of at most ``most`` bytes; {} if the file is unreadable, which loading it reports."""
    wanted = {f"extra/{name}": name for name in names}
    try:
        entries = _read(path, wanted.__contains__, most)
        return {wanted[entry]: content.decode() for entry, content in entries.items()}
    except _UNREADABLE:
        return {}


def entries_of(path: Path) -> dict[str, bytes]:
    """Return all entries of a TorchScript file, by their names below its one folder; raises
    ``DataError`` for a file that cannot be read."""
    try:
        return _read(path, lambda _: True)
    except _UNREADABLE as error:
        raise DataError(f"{path} cannot be read: {error}.", _WRITE) from error


def _read(path: Path, wanted: Callable[[str], bool], most: int | None = None) -> dict[str, bytes]:
    """Return the wanted entries of an archive, by their names below its one folder; without entries
    of more than ``most`` bytes.

    Raises ``ValueError`` if two entries have one name, and for an archive that is much larger
    unpacked.
    """
    with open_file(path) as file, zipfile.ZipFile(file) as archive:
        named = {entry.filename: entry for entry in archive.infolist()}
        if len(named) < len(archive.infolist()):
            raise ValueError("several of its entries have the same name")
        if len({name.partition("/")[0] for name in named}) != 1:
            raise ValueError("its entries are not in one folder")
        short_of = {name: name.partition("/")[2] for name in named}
        chosen = [named[name] for name, short in short_of.items() if wanted(short)]
        chosen = [entry for entry in chosen if most is None or entry.file_size <= most]
        room = os.fstat(file.fileno()).st_size + _MOST_UNPACKED
        if sum(entry.file_size for entry in chosen) > room:
            raise ValueError(f"it has more than {room:,} bytes unpacked")
        return {short_of[entry.filename]: archive.read(entry) for entry in chosen}


def _packed(entries: dict[str, bytes]) -> io.BytesIO:
    """Return an archive of entries, with code written anew. Empties ``entries``, since tensors may
    take much memory."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in list(entries):
            content = entries.pop(name)
            archive.writestr(
                f"archive/{name}", rewritten(content) if name.endswith(".py") else content
            )
    packed.seek(0)
    return packed


#: Instructions in pickles of TorchScript.
_INSTRUCTIONS = """
PROTO STOP MARK NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 LONG1 BINFLOAT BINUNICODE EMPTY_LIST
APPEND APPENDS EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_DICT SETITEM SETITEMS BINPUT
LONG_BINPUT BINGET LONG_BINGET GLOBAL NEWOBJ REDUCE BUILD BINPERSID
"""
#: Functions and classes in pickles of TorchScript, besides the file's own classes.
_KNOWN = re.compile(
    r"torch \w+Storage|torch per_\w+|torch device|collections OrderedDict|builtins complex|"
    r"torch\._utils _rebuild_(?:tensor_v2|qtensor|parameter)|"
    r"torch\.jit\._pickle (?:build_(?:int|double|bool|tensor)list|restore_type_tag)",
    re.ASCII,
)
_OWN = re.compile(r"__torch__(?:\.\w+)* \w+", re.ASCII)
#: Bytes of an element, by the name of a storage's class.
_WIDTHS = {
    "Double": 8, "Float": 4, "Half": 2, "BFloat16": 2, "Long": 8, "Int": 4, "Short": 2, "Char": 1,
    "Byte": 1, "Bool": 1, "ComplexDouble": 16, "ComplexFloat": 8, "ComplexHalf": 4, "QInt8": 1,
    "QUInt8": 1, "QInt32": 4,
}  # fmt: skip


def _check_pickles(entries: Mapping[str, bytes]) -> None:
    """Raise ``ValueError`` for pickles of other things than tensors, plain values and objects of
    the file's own classes, and for tensors that are larger than their entries: torch would read on
    beyond the end of an entry."""
    for name in _PICKLES.keys() & entries.keys():
        for kind, key, count in _storages(entries[name]):
            entry, width = f"{_PICKLES[name]}/{key}", _WIDTHS.get(kind)
            if width is None:
                raise NotAllowedError(f"its tensors have the unknown type {kind}")
            if not 0 <= count * width <= len(entries.get(entry, b"")):
                raise ValueError(f"its entry {entry} is smaller than the tensor in it")


def _storages(pickled: bytes) -> Iterator[tuple[str, str, int]]:
    """Yield the type, the key and the number of elements of each tensor's storage in a pickle.

    Instructions are read, not executed. Raises ``NotAllowedError`` for those that TorchScript does
    not write.
    """
    memo: dict[int, Any] = {}
    known = frozenset(_INSTRUCTIONS.split())
    pushed: list[Any] = []  # what each instruction put on the stack; the instruction's name if none
    for code, value, _ in pickletools.genops(pickled):
        if code.name not in known:
            raise NotAllowedError(f"its pickle has the instruction {code.name}")
        if code.name == "GLOBAL":
            _check_class(str(value))
        if code.name == "BINUNICODE":
            check_native(str(value))
        if code.name == "BINPERSID":
            yield _storage(pushed[-7:])
        if code.name in ("BINPUT", "LONG_BINPUT"):
            memo[cast(int, value)] = pushed[-1] if pushed else None
        elif code.name in ("BINGET", "LONG_BINGET"):
            pushed.append(memo.get(cast(int, value)))
        else:
            pushed.append((code.name,) if value is None else value)


def _storage(pushed: list[Any]) -> tuple[str, str, int]:
    """Return the type, the key and the number of elements of a storage, from the instructions that
    make its tuple: mark, "storage", class, key, device, number, tuple."""
    if len(pushed) == 7 and (pushed[0], pushed[1], pushed[-1]) == (
        ("MARK",),
        "storage",
        ("TUPLE",),
    ):
        kind, key, _, count = pushed[2:-1]
        if isinstance(kind, str) and isinstance(key, str) and isinstance(count, int):
            return kind.removeprefix("torch ").removesuffix("Storage"), key, count
    raise NotAllowedError("its pickle refers to something other than tensors")


def _check_class(name: str) -> None:
    """Raise ``NotAllowedError`` unless a pickle may name the class or function "MODULE NAME"."""
    if _OWN.fullmatch(name):
        check_native(name.replace(" ", "."))
    elif not _KNOWN.fullmatch(name):
        raise NotAllowedError(f"its pickle names {name.replace(' ', '.')[:80]}")
