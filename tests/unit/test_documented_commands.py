"""Commands of README and docs: each parses, does what the text says, and prints what it shows.

``inficond docs``: messages name pages by it, and pages quote messages.
"""

import ast
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from documented import PAGES, PRINTED, ROOT, code_lines, commands, refusal, write_shown

from inficond_panel.cli import main, make_parser

pytestmark = pytest.mark.commands

#: They serve until they are stopped, train networks, need an encoder or the network, or take
#: long: other tests run them, ``tests/packaging/test_documented.py`` all of them.
ELSEWHERE = ("serve", "study", "concept", "quantify", "page", "doctor")
SHOWN = {page: found for page in PAGES if (found := list(commands(page)))}


def name(page: Path) -> str:
    return page.stem


def test_each_command_is_one_that_there_is(capsys):
    assert sum(map(len, SHOWN.values())) > 60
    faults = []
    for page, found in SHOWN.items():
        for number, text in found:
            try:
                make_parser().parse_args(shlex.split(text)[1:])
            except SystemExit:
                faults.append(f"{page.name}:{number}: {text}: {capsys.readouterr().err}")
    assert faults == []


def in_order(page: Path) -> object:
    """A page whose commands run in each run; those of the demo's page take a minute."""
    dear = [pytest.mark.more] if page.stem == "demo" else []
    return pytest.param(page, marks=dear, id=name(page))


@pytest.mark.slow
@pytest.mark.parametrize("page", [in_order(page) for page in SHOWN if page not in PRINTED])
def test_commands_run_one_after_the_other_in_an_empty_folder(page, tmp_path, monkeypatch, capsys):
    """Those on files of the reader's own name what is not there."""
    monkeypatch.chdir(tmp_path)
    write_shown(page, tmp_path)
    faults = []
    for number, text in SHOWN[page]:
        words = shlex.split(text)[1:]
        if words[0].startswith(ELSEWHERE) or {"--download", "onnx-pixels"} & {*words}:
            continue
        said, status = refusal(text), main(words)
        told = capsys.readouterr().err
        if bool(said) == (status == 0) or said not in told:
            faults.append(f"{page.name}:{number}: {text}: {status} {told}")
    assert faults == []


def outputs(page: Path) -> list[tuple[str, list[str]]]:
    """Each command of a page that runs, and the lines that it is said to print."""
    found: list[tuple[str, list[str]]] = []
    for _, language, line in code_lines(page):
        if language == "sh" and line.startswith("inficond "):
            found.append((line, []))
        elif language == "text":
            found[-1][1].append(line)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("page", PRINTED, ids=name)
def test_a_page_shows_what_its_commands_print(page, tmp_path, monkeypatch, capsys):
    """Commands in one block share what is shown below the last; … stands for anything."""
    monkeypatch.chdir(tmp_path)
    write_shown(page, tmp_path)
    faults, printed = [], ""
    for command, lines in outputs(page):
        said, status = refusal(command), main(shlex.split(command)[1:])
        told = capsys.readouterr()
        assert bool(said) == (status != 0), command
        assert said in told.err, command
        printed += told.out
        patterns = [".*".join(re.escape(part.strip()) for part in x.split("…")) for x in lines]
        faults += [each for each in patterns if not re.search(each, printed)]
        printed = "" if lines else printed
    assert faults == []


BY_NAME = {page.stem: page for page in PAGES[1:]}
_NAMED = re.compile(r"inficond docs ([a-z-]+)")
_LITERAL = 6  #: shortest part of a message that is looked for; what is shorter is in any code


def test_docs_lists_pages_with_their_titles(capsys):
    assert main(["docs"]) == 0
    listed = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert set(listed) == set(BY_NAME)
    assert listed["metrics"] == "Metrics and their noise"


def test_docs_names_the_nearest_page(capsys):
    assert main(["docs", "metric"]) == 1
    near = "There is no page 'metric'. Did you mean 'metrics'?\n`inficond docs` lists the pages.\n"
    assert capsys.readouterr().err == near


@pytest.mark.parametrize("word", ["teachers", "teachers.md", "docs/teachers.md"])
def test_docs_prints_a_page_as_it_is(capsys, word):
    assert main(["docs", word]) == 0
    assert capsys.readouterr().out.rstrip() == BY_NAME["teachers"].read_text("utf-8").rstrip()


def test_docs_prints_a_page_without_pictures(capsys):
    assert main(["docs", "index"]) == 0
    shown = capsys.readouterr().out
    assert "](images/" in BY_NAME["index"].read_text("utf-8")
    assert "](images/" not in shown
    assert shown.startswith("# InFiConD Panel\n\nInFiConD Panel turns")


def test_docs_prints_the_schema_of_a_page(capsys):
    assert main(["docs", "spec", "--schema"]) == 0
    assert "dataset" in json.loads(capsys.readouterr().out)["$defs"]["Spec"]["properties"]


def test_docs_names_the_pages_with_a_schema(capsys):
    assert main(["docs", "data", "--schema"]) == 1
    assert "Name one of: quantify-spec, spec, study-spec." in capsys.readouterr().err


def test_docs_prints_where_help_on_an_object_is(capsys):
    assert main(["docs", "api"]) == 0
    shown = capsys.readouterr().out
    assert "    help(inficond_panel.open_students)\n" in shown
    assert "<!--" not in shown


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


def said() -> list[tuple[str, str]]:
    """Place and text of all texts of the code, Python's and the browser's."""
    files = [*ROOT.glob("inficond_panel/**/*"), *ROOT.glob("precompute/**/*")]
    python = {file.relative_to(ROOT): file.read_text("utf-8") for file in files
              if file.suffix == ".py"}  # fmt: skip
    texts = [(f"{file}:{line}", text) for file, code in python.items()
             for line, text in _texts(ast.parse(code))]  # fmt: skip
    return texts + [(str(file), file.read_text("utf-8")) for file in files if file.suffix == ".js"]


def test_messages_name_pages_by_command_and_those_that_a_page_explains_are_in_the_code():
    """By the parts between their holes."""
    all_said = said()
    assert [place for place, text in all_said if re.search(r"docs/[\w-]+\.md", text)] == []
    named = {(place, page) for place, text in all_said for page in _NAMED.findall(text)}
    assert len(named) > 20
    assert {(place, page) for place, page in named if page not in BY_NAME} == set()
    page = BY_NAME["troubleshooting"].read_text("utf-8")
    explained = re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)
    assert len(explained) > 25
    texts = "\n".join(text for _, text in all_said)
    for message in explained:
        parts = [part for part in message.split("…") if len(part) >= _LITERAL]
        assert parts, message
        assert [part for part in parts if part not in texts] == [], message
