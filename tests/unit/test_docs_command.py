"""``inficond docs``: pages and their list; messages name pages, and pages quote messages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest
from documented import ROOT

from inficond_panel.cli import main

PAGES = {page.stem: page for page in (ROOT / "docs").glob("*.md")}
_NAMED = re.compile(r"inficond docs ([a-z-]+)")
_LITERAL = 6  #: shortest part of a message that is looked for; what is shorter is in any code


def test_the_list_has_each_page_with_its_title(capsys):
    assert main(["docs"]) == 0
    listed = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert set(listed) == set(PAGES)
    assert listed["metrics"] == "Metrics and their noise"


@pytest.mark.parametrize("word", ["tuning", "tuning.md", "docs/tuning.md"])
def test_a_page_is_printed_as_it_is(word, capsys):
    assert main(["docs", word]) == 0
    assert capsys.readouterr().out.rstrip() == PAGES["tuning"].read_text("utf-8").rstrip()


def test_pictures_are_left_out_and_docstrings_named(capsys):
    assert main(["docs", "index"]) == 0
    shown = capsys.readouterr().out
    assert "](images/" in PAGES["index"].read_text("utf-8")
    assert "](images/" not in shown
    assert shown.startswith("# InFiConD Panel\n\nInFiConD Panel turns")
    assert main(["docs", "api"]) == 0
    shown = capsys.readouterr().out
    assert "    help(inficond_panel.open_students)\n" in shown
    assert "<!--" not in shown


def test_a_page_that_is_not_there_is_told_with_a_near_one(capsys):
    assert main(["docs", "metric"]) == 1
    assert capsys.readouterr().err == (
        "There is no page 'metric'. Did you mean 'metrics'?\n`inficond docs` lists the pages.\n"
    )


def _part(node: ast.expr) -> str:
    """Part of an f-string: a value is a hole, in quotes where its ``repr`` is written."""
    if isinstance(node, ast.FormattedValue):
        return "'…'" if node.conversion == ord("r") else "…"
    return str(node.value) if isinstance(node, ast.Constant) else ""


def _texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and text of each string but docstrings; an f-string has a hole for each value."""
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield node.lineno, "".join(map(_part, node.values))
        elif isinstance(node, ast.Constant) and id(node) not in docstrings:
            yield node.lineno, str(node.value)


@cache
def said() -> list[tuple[str, str]]:
    """Place and text of all texts of the code, Python's and the browser's."""
    files = [*ROOT.glob("inficond_panel/**/*"), *ROOT.glob("precompute/**/*")]
    python = {file.relative_to(ROOT): file.read_text("utf-8") for file in files
              if file.suffix == ".py"}  # fmt: skip
    texts = [(f"{file}:{line}", text) for file, code in python.items()
             for line, text in _texts(ast.parse(code))]  # fmt: skip
    return texts + [(str(file), file.read_text("utf-8")) for file in files if file.suffix == ".js"]


def test_messages_name_pages_by_the_command_that_prints_them():
    assert [place for place, text in said() if re.search(r"docs/[\w-]+\.md", text)] == []
    named = {(place, page) for place, text in said() for page in _NAMED.findall(text)}
    assert len(named) > 20
    assert {(place, page) for place, page in named if page not in PAGES} == set()


def test_messages_that_a_page_explains_are_ones_that_there_are():
    """Between the holes of each, all parts are in one text or another of the code."""
    page = PAGES["troubleshooting"].read_text("utf-8")
    explained = re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)
    assert len(explained) > 25
    texts = "\n".join(text for _, text in said())
    for message in explained:
        parts = [part for part in message.split("…") if len(part) >= _LITERAL]
        assert parts, message
        assert [part for part in parts if part not in texts] == [], message
