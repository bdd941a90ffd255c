"""Commands of README and docs: each parses, and those on the demo do what the text says."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from documented import PAGES, ROOT, code_lines, commands

from inficond_panel.cli import main, make_parser

#: They serve until they are stopped, train networks, or need an encoder: other tests run them.
ELSEWHERE = ("serve", "study", "concept", "quantify")
SHOWN = {page: list(commands(page)) for page in PAGES}
ON_DEMO = [
    page
    for page, found in SHOWN.items()
    if any(
        "demo" in text.split() and not text.split()[1].startswith(ELSEWHERE) for _, text in found
    )
]


def name(page: Path) -> str:
    return page.stem


def test_there_are_commands():
    assert sum(map(len, SHOWN.values())) > 60


@pytest.mark.parametrize("page", [page for page in PAGES if SHOWN[page]], ids=name)
def test_each_command_is_one_that_there_is(page, capsys):
    faults = []
    for number, text in SHOWN[page]:
        try:
            make_parser().parse_args(shlex.split(text)[1:])
        except SystemExit:
            faults.append(f"{page.name}:{number}: {text}: {capsys.readouterr().err}")
    assert faults == []


@pytest.mark.slow
@pytest.mark.parametrize("page", ON_DEMO, ids=name)
def test_commands_on_the_demo_run_one_after_the_other(page, tmp_path, monkeypatch, capsys):
    """In an empty folder with what they name: the edits that the page shows, a list of images."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "specs").symlink_to(ROOT / "specs")
    yaml = [line for _, language, line in code_lines(page) if language == "yaml"]
    (tmp_path / "edits.yaml").write_text("\n".join(yaml) + "\n")
    odd = "".join(f"scene-{i:05d}\n" for i in range(1, 2000, 2))
    (tmp_path / "odd.txt").write_text(odd)
    if page.stem in {"history", "metrics"}:  # which begin with iterations that are there
        assert main(["tune", "demo", "--edits", "specs/demo/edits.yaml"]) == 0
    faults = []
    for number, text in SHOWN[page]:
        words = shlex.split(text)[1:]
        if "demo" in words and words[0] not in ELSEWHERE and main(words) != 0:
            faults.append(f"{page.name}:{number}: {text}: {capsys.readouterr().err}")
    assert faults == []
