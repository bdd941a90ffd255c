"""What Windows lacks, taken away here: fork, Unix's own modules, and letters of file names."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from factory import small_spec

from inficond_panel import cli
from inficond_panel.commands.serve.server import check_processes

ROOT = Path(__file__).parents[2]
#: Modules of the standard library that Windows does not have.
OF_UNIX = {"fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios"}
REFUSED = re.compile(r'[<>:"|?*\\]|[ .]$|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)', re.IGNORECASE)


def test_several_processes_are_refused_with_a_sentence(monkeypatch, tmp_path, capsys):
    monkeypatch.delattr(os, "fork")
    monkeypatch.setenv("INFICOND_HISTORY", str(tmp_path / "history.sqlite"))
    words = ["serve", str(small_spec(tmp_path)), "--num-procs", "2", "--port", "0"]
    assert cli.main(words) == 1
    told = capsys.readouterr().err
    assert "--num-procs" in told
    assert "WSL" in told


def test_with_fork_they_are_not_refused():
    check_processes()


def test_unix_modules_are_imported_where_their_lack_is_met():
    found = {}
    for file in [*ROOT.glob("inficond_panel/**/*.py"), *ROOT.glob("precompute/**/*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if OF_UNIX & set(names):
                found[file.relative_to(ROOT).as_posix()] = names
    assert found == {"precompute/pipeline/sampling.py": ["resource"]}


def test_without_resource_the_memory_is_not_told(monkeypatch):
    from precompute.pipeline.sampling import peak_memory

    assert peak_memory() > 0
    monkeypatch.setitem(sys.modules, "resource", None)
    assert peak_memory() == 0


def test_a_lock_is_held_where_its_file_cannot_be_read(monkeypatch, tmp_path):
    """As on Windows, where a file that is locked cannot be opened a second time."""
    from inficond_panel.errors import StoreError
    from precompute.pipeline import lock

    def refused(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "write_text", refused)
    monkeypatch.setattr(Path, "read_text", refused)
    store = tmp_path / "a.zarr"
    with lock.only_run(store), pytest.raises(StoreError, match="written by another process"):
        lock.only_run(store).__enter__()
    with lock.only_run(store):
        pass


def test_no_file_has_a_name_that_windows_refuses():
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    names = listed.stdout.splitlines()
    assert [name for name in names if any(map(REFUSED.search, name.split("/")))] == []
    assert len({name.lower() for name in names}) == len(names)


@pytest.mark.parametrize("name", ["a:b", "aux.txt", "what?", "end."])
def test_a_name_that_windows_refuses_is_seen(name):
    assert REFUSED.search(name)
