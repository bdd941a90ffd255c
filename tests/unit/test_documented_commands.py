"""Commands of README and docs: each parses, does what the text says, and prints what it shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from documented import PAGES, PRINTED, code_lines, commands, refusal, write_shown

from inficond_panel.cli import main, make_parser

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


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in SHOWN if page not in PRINTED], ids=name)
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
