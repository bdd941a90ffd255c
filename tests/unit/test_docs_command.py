"""``inficond docs``: pages and their list, and no message that names a file in their place."""

import ast
import re

import pytest
from documented import ROOT

from inficond_panel.cli import main

PAGES = {page.stem: page for page in (ROOT / "docs").glob("*.md")}
_NAMED = re.compile(r"inficond docs ([a-z-]+)")


def messages():
    """Strings of both packages but docstrings: file, line, text."""
    for package in ("inficond_panel", "precompute"):
        for file in sorted((ROOT / package).rglob("*.py")):
            tree = ast.parse(file.read_text(encoding="utf-8"))
            docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
            for node in ast.walk(tree):
                if isinstance(node, ast.Constant) and id(node) not in docstrings:
                    yield f"{file.relative_to(ROOT)}:{node.lineno}", str(node.value)


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


def test_messages_name_pages_by_the_command_that_prints_them():
    texts = list(messages())
    assert [place for place, text in texts if re.search(r"docs/[\w-]+\.md", text)] == []
    named = {(place, page) for place, text in texts for page in _NAMED.findall(text)}
    assert len(named) > 20
    assert {(place, page) for place, page in named if page not in PAGES} == set()
