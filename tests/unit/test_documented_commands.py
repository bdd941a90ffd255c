"""Commands of README and docs: each parses, and those on the demo do what the text says."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from documented import PAGES, PRINTED, commands, refusal, write_shown

from inficond_panel.cli import main, make_parser

#: They serve until they are stopped, train networks, need an encoder or the network, or take
#: long: other tests run them, ``tests/packaging/test_documented.py`` all of them.
ELSEWHERE = ("serve", "study", "concept", "quantify", "page", "doctor")
SHOWN = {page: found for page in PAGES if (found := list(commands(page)))}
#: Without the pages whose commands ``test_documented_messages.py`` runs.
RUN = [page for page in SHOWN if page not in PRINTED]


def name(page: Path) -> str:
    return page.stem


def test_there_are_commands():
    assert sum(map(len, SHOWN.values())) > 60


@pytest.mark.parametrize("page", SHOWN, ids=name)
def test_each_command_is_one_that_there_is(page, capsys):
    faults = []
    for number, text in SHOWN[page]:
        try:
            make_parser().parse_args(shlex.split(text)[1:])
        except SystemExit:
            faults.append(f"{page.name}:{number}: {text}: {capsys.readouterr().err}")
    assert faults == []


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN, ids=name)
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
