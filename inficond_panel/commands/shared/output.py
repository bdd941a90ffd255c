"""Output of the commands: results on standard output, everything else on standard error."""

from __future__ import annotations

import argparse
import codecs
import io
import json
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, TextIO

from inficond_panel.errors import InficondError

if TYPE_CHECKING:
    import pandas as pd

    from inficond_panel.store import Store

# Characters that a terminal obeys or cannot show: control characters, overrides of the writing
# direction, and lone surrogates.
_COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

#: Start of a text cell in a table, not of a number, of ``undefined`` or of ``yes``.
_TEXT = re.compile(r"(?!undefined|yes$)([^\W\d_]|['\"(/])")

#: Heading of the limits of an estimate: the level of the interval.
_LIMITS = re.compile(r"[\d.]+ %")


def take_all_characters() -> None:
    """Let standard output and standard error accept characters that their encoding lacks.

    Windows' encoding of files lacks many characters. A file or a pipe gets UTF-8, which readers of
    our files expect; a terminal, or a user who sets ``PYTHONIOENCODING``, gets an escape in place
    of the character.
    """
    for stream in (sys.stdout, sys.stderr):
        if (
            not isinstance(stream, io.TextIOWrapper)
            or codecs.lookup(stream.encoding).name == "utf-8"
        ):
            continue
        chosen = stream.isatty() or "PYTHONIOENCODING" in os.environ
        encoding = stream.encoding if chosen else "utf-8"
        stream.reconfigure(encoding=encoding, errors="backslashreplace")


def say(text: str = "") -> None:
    """Print a line of the result, to standard output."""
    if sys.stdout is None:
        raise InficondError("Standard output is closed.", "Send it to a file, or to /dev/null.")
    _write(sys.stdout, shown(text))


def note(text: str) -> None:
    """Print a line that is not part of the result, to standard error."""
    _write(sys.stderr, shown(text))


def shown(text: str) -> str:
    """Return the text with control characters escaped (``\\x1b``), except newline and tab."""
    return _COMMANDS.sub(lambda match: _escape(match[0]), text)


def _escape(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"


class _ProgressLine:
    """Progress on one line of a terminal, until other output follows."""

    _unfinished = False

    def show(self, share: float, text: str) -> None:
        """Overwrite the line with the ``share`` that is done (0 to 1) and a text."""
        self._unfinished = share < 1
        end = "" if self._unfinished else "\n"
        sys.stderr.write(f"\r\033[K{100 * share:3.0f} % {shown(text)}{end}")
        sys.stderr.flush()

    def clear(self) -> None:
        """Erase the line, if it is not finished."""
        if self._unfinished:
            self._unfinished = False
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()


_progress_line = _ProgressLine()


def _write(stream: TextIO, text: str) -> None:
    _progress_line.clear()
    stream.write(text + "\n")
    stream.flush()


def progress(share: float, text: str) -> None:
    """Print the progress of a fit on one line of a terminal; print nothing elsewhere."""
    if sys.stderr.isatty():
        _progress_line.show(share, text)


def progress_by_steps(share: float, text: str) -> None:
    """Print the progress of work that takes minutes a step: on one line of a terminal, elsewhere a
    line per step, so that a log tells that the command is at work."""
    if sys.stderr.isatty():
        progress(share, text)
    else:
        note(text)


def say_json(document: dict[str, Any]) -> None:
    """Print the document as JSON; raise ``ValueError`` for nan."""
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    say(_COMMANDS.sub(lambda match: f"\\u{ord(match[0]):04x}", text))


def say_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: the first column and texts left-aligned, numbers right-aligned.

    On a terminal that is narrower than the table, texts and headings are wrapped. Columns for which
    there is still no room follow below, each time after those that name the row.
    """
    header, *rows = [[shown(cell) for cell in row] for row in [header, *rows]]
    columns = list(zip(header, *rows, strict=True))
    lefts = [i == 0 or any(map(_TEXT.match, column[1:])) for i, column in enumerate(columns)]
    for number, chosen in enumerate(_blocks(columns, lefts)):
        if number:
            say()
        _say_block([columns[at] for at in chosen], [lefts[at] for at in chosen])


def _say_block(columns: Sequence[Sequence[str]], lefts: Sequence[bool]) -> None:
    """Print some columns of a table, the first cell of each is its heading."""
    header, *rows = zip(*columns, strict=True)
    widths = _widths(columns, lefts)
    for row in [header, ["-" * width for width in widths], *rows]:
        cells = [
            [text] if len(text) <= width else textwrap.wrap(text, width, break_on_hyphens=False)
            for text, width in zip(row, widths, strict=True)
        ]
        for line in zip_longest(*cells, fillvalue=""):
            parts = zip(line, widths, lefts, strict=True)
            texts = [
                text.ljust(width) if left else text.rjust(width) for text, width, left in parts
            ]
            say("  ".join(texts).rstrip())


def _blocks(columns: Sequence[Sequence[str]], lefts: Sequence[bool]) -> list[list[int]]:
    """Return the indices of the columns that a terminal has room for beside each other, block by
    block; each block begins with the columns that name the row. Limits stay with their estimate.
    Where there is no room for all columns, those without any text are left out."""
    every = list(range(len(columns)))
    if sys.stdout is None or not sys.stdout.isatty():
        return [every]
    least = [_least(column, left) for column, left in zip(columns, lefts, strict=True)]
    room = shutil.get_terminal_size().columns

    def fits(block: Sequence[int]) -> bool:
        return sum(least[at] for at in block) + 2 * (len(block) - 1) <= room

    if fits(every):
        return [every]
    named = [0] if len(set(columns[0][1:])) == len(columns[0][1:]) else every[:2]
    blocks = [list(named)]
    for at in every[len(named) :]:
        if _LIMITS.fullmatch(columns[at][0]) or not any(columns[at][1:]):
            continue  # limits are taken with their estimate
        pair = [at, at + 1] if at + 1 in every and _LIMITS.fullmatch(columns[at + 1][0]) else [at]
        if len(blocks[-1]) == len(named) or fits([*blocks[-1], *pair]):
            blocks[-1] += pair
        else:
            blocks.append([*named, *pair])
    return blocks


def _widths(columns: Sequence[Sequence[str]], lefts: Sequence[bool]) -> list[int]:
    """Return the widths of the columns: their longest cells, reduced to fit a terminal."""
    widths = [max(map(len, column)) for column in columns]
    if sys.stdout is None or not sys.stdout.isatty():
        return widths
    room = shutil.get_terminal_size().columns - 2 * (len(widths) - 1)
    least = [_least(column, left) for column, left in zip(columns, lefts, strict=True)]
    while sum(widths) > max(room, sum(least)):
        wide = [width * (width > limit) for width, limit in zip(widths, least, strict=True)]
        widths[wide.index(max(wide))] -= 1
    return widths


def _least(column: Sequence[str], left: bool) -> int:
    """Return the width of a column's longest word; numbers and intervals are not divided."""
    head, *cells = column
    whole = [word for cell in cells for word in cell.split()] if left else cells
    return max(map(len, [*head.split(), *whole]), default=0)


def show(args: argparse.Namespace, frame: pd.DataFrame, store: Store | None = None) -> None:
    """Print a frame with its notes, as a table or in the requested format; as ``show_all``."""
    from inficond_panel.results.frame import document

    if args.json:
        say_json(document(frame))
    else:
        show_all(args, {"": frame}, store=store)


def show_lines(args: argparse.Namespace, document: dict[str, Any], lines: Iterable[str]) -> None:
    """Print ``lines``, or with ``--json`` the ``document``."""
    if args.json:
        say_json(document)
        return
    for line in lines:
        say(line)


def show_all(
    args: argparse.Namespace,
    frames: Mapping[str, pd.DataFrame],
    shown: Sequence[str] | None = None,
    *,
    title: str = "",
    store: Store | None = None,
) -> None:
    """Print several frames: those in ``shown`` (None: all) as tables, or as JSON, HTML or CSV.

    JSON is one document of all frames by name. HTML is one page of the ``shown`` frames, with its
    ``title`` and photos of the ``store``. CSV has all frames, each after a line ``# name`` if there
    are several; notes go to standard error. A table without rows is omitted, its notes are not.
    Tables and HTML call the images of the ``store`` what they are: images, captions or rows.
    """
    from inficond_panel.results.frame import csv_text, documents, frame_in_words
    from inficond_panel.wording.things import image_word

    thing = "image" if store is None else image_word(store)
    in_words = {name: frame_in_words(frame, thing) for name, frame in frames.items()}
    chosen = [in_words[name] for name in (frames if shown is None else shown)]
    if args.json:
        say_json(documents(frames))
    elif args.html:
        from inficond_panel.ui.reports import frames_page

        say(frames_page(chosen, title, store))
    elif args.csv:
        names = [f"# {name}\n" if len(frames) > 1 else "" for name in frames]
        texts = [csv_text(frame) for frame in frames.values()]
        say("\n".join(map("".join, zip(names, texts, strict=True))).rstrip("\n"))
        notes = [text for frame in in_words.values() for text in frame.attrs["notes"]]
        for text in dict.fromkeys(notes):
            note(text)
    else:
        _say_tables(chosen)


def _say_tables(frames: Sequence[pd.DataFrame]) -> None:
    from inficond_panel.results.frame import text_table

    printed = False
    for frame in frames:
        header, rows = text_table(frame)
        if not (rows or frame.attrs["notes"]):
            continue
        if printed:
            say()
        say(frame.attrs["title"])
        say()
        if rows:
            say_table(header, rows)
        if rows and frame.attrs["notes"]:
            say()
        for text in frame.attrs["notes"]:
            say(text)
        printed = True
