"""Pictures that the texts of a study show: files in its folder, of few kinds and a bounded size."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from inficond_panel.common.reading import PICTURE_BYTES, read_bytes
from inficond_panel.errors import StudyError

_MAGIC = {
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF87a", b"GIF89a"),
}


def parse(text: str) -> list[Token]:
    """Markdown as tokens. HTML in it stays text."""
    return MarkdownIt("commonmark", {"html": False}).enable("table").parse(text)


def picture_faults(text: str, folder: Path) -> Iterator[str]:
    """Faults of the pictures of a text, one message each."""
    for token in parse(text):
        for child in token.children or []:
            if child.type == "image":
                try:
                    picture_uri(str(child.attrGet("src") or ""), folder)
                except StudyError as error:
                    yield error.message


def picture_uri(source: str, folder: Path) -> str:
    """A picture as a data URI; ``StudyError`` where there is none that can be shown."""
    try:
        file = (folder / source).resolve()
        inside = file.is_relative_to(folder.resolve()) and file.is_file()
        status = file.stat() if inside else None
    except (OSError, ValueError):  # a name that no file can have
        status = None
    if status is None:
        raise StudyError(f"There is no picture {source!r} in the folder of the study.")
    try:
        return _data_uri(file, status.st_mtime_ns, status.st_size)
    except OSError as error:
        raise StudyError(f"The picture {source!r} cannot be read: {error}.") from error


@lru_cache(32)
def _data_uri(file: Path, _changed: int, _size: int) -> str:
    """Read once as long as the file is as it was."""
    content = read_bytes(file, PICTURE_BYTES)
    kind = _kind(content)
    if not kind:
        raise StudyError(f"{file.name!r} is no PNG, JPEG, GIF, WebP or SVG.")
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _kind(content: bytes) -> str:
    """The type of a picture by what it holds, not by its name; empty: another type."""
    for kind, begins in _MAGIC.items():
        if content.startswith(begins):
            return kind
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    begin = content[:1000].lstrip(b"\xef\xbb\xbf \t\r\n")
    return "image/svg+xml" if begin.startswith(b"<") and b"<svg" in begin else ""
