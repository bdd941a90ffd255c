"""Outputs and messages of errors that the pages for beginners quote, as the program says them."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from documented import PRINTED, ROOT, code_lines, refusal

from inficond_panel.cli import main

ERRORS = ROOT / "docs" / "troubleshooting.md"
_LITERAL = 6  #: shortest part of a message that is looked for; what is shorter is in any code


def _part(node: ast.expr) -> str:
    """Part of an f-string: a value is a hole, in quotes where its ``repr`` is written."""
    if isinstance(node, ast.FormattedValue):
        return "'…'" if node.conversion == ord("r") else "…"
    return str(node.value) if isinstance(node, ast.Constant) else ""


def _texts(tree: ast.AST) -> Iterator[str]:
    """String literals, of f-strings with a hole for each value."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(map(_part, node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@cache
def said() -> str:
    """All texts of the code, Python's and the browser's."""
    files = [*ROOT.glob("inficond_panel/**/*"), *ROOT.glob("precompute/**/*")]
    python = [file.read_text("utf-8") for file in files if file.suffix == ".py"]
    texts = [text for code in python for text in _texts(ast.parse(code))]
    scripts = [file.read_text("utf-8") for file in files if file.suffix == ".js"]
    return "\n".join(texts + scripts)


def messages() -> list[str]:
    return re.findall(r"^\| `([^`]+)` \|", ERRORS.read_text("utf-8"), re.MULTILINE)


def missing(message: str) -> list[str]:
    """Parts between the holes of a message that no text of the code has."""
    return [part for part in message.split("…") if len(part) >= _LITERAL and part not in said()]


def test_there_are_messages():
    assert len(messages()) > 25


@pytest.mark.parametrize("message", messages())
def test_a_message_that_is_explained_is_one_that_there_is(message):
    assert max(map(len, message.split("…"))) >= _LITERAL
    assert missing(message) == []


def test_a_message_that_there_is_not_is_seen():
    assert missing("There is no store at the " + "bottom of …") != []


def outputs(page: Path) -> list[tuple[str, list[str]]]:
    """Each command of a page that runs, and the lines that it is said to print."""
    found: list[tuple[str, list[str]]] = []
    for _, language, line in code_lines(page):
        if language == "sh" and line.startswith("inficond "):
            found.append((line, []))
        elif language == "text":
            found[-1][1].append(line)
    return found


def pattern(line: str) -> str:
    """Regular expression of a line in which … stands for anything."""
    return ".*".join(re.escape(part.strip()) for part in line.split("…"))


@pytest.mark.slow
@pytest.mark.parametrize("page", PRINTED, ids=lambda page: page.stem)
def test_a_page_shows_what_its_commands_print(page, tmp_path, monkeypatch, capsys):
    """In an empty folder; commands in one block share what is shown below the last.

    Commands on files of the reader's own name what is not there.
    """
    monkeypatch.chdir(tmp_path)
    yaml = [line for _, language, line in code_lines(page) if language == "yaml"]
    (tmp_path / "edits.yaml").write_text("\n".join(yaml))
    faults, printed = [], ""
    for command, lines in outputs(page):
        said, status = refusal(command), main(shlex.split(command)[1:])
        told = capsys.readouterr()
        assert bool(said) == (status != 0), command
        assert said in told.err, command
        printed += told.out
        faults += [line for line in lines if not re.search(pattern(line), printed)]
        printed = "" if lines else printed
    assert faults == []
