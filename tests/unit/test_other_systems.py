"""Systems such as Windows: without fork, Unix's own modules, and some letters of file names."""

import ast
import errno
import io
import os
import re
import socket
import subprocess
import sys
from pathlib import Path, PureWindowsPath
from unittest.mock import Mock

import pytest
from factory import small_spec

from inficond_panel import cli
from inficond_panel.commands.serve import server
from inficond_panel.commands.serve.server import check_processes
from inficond_panel.commands.shared import output
from inficond_panel.errors import InficondError, StoreError
from inficond_panel.store import write
from precompute.detect import writing
from precompute.detect.models import as_path, choose_teacher
from precompute.pipeline.sampling import peak_memory

pytestmark = [pytest.mark.commands, pytest.mark.server]

ROOT = Path(__file__).parents[2]
#: Modules of the standard library that Windows does not have.
OF_UNIX = {"fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios"}
REFUSED = re.compile(r'[<>:"|?*\\]|[ .]$|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)', re.IGNORECASE)


def test_several_processes_are_refused_with_a_sentence(monkeypatch, tmp_path, capsys):
    check_processes()  # with fork they are not
    monkeypatch.delattr(os, "fork")
    monkeypatch.setenv("INFICOND_HISTORY", str(tmp_path / "history.sqlite"))
    words = ["serve", str(small_spec(tmp_path)), "--num-procs", "2", "--port", "0"]
    assert cli.main(words) == 1
    told = capsys.readouterr().err
    assert "--num-procs" in told
    assert "WSL" in told


def test_unix_modules_are_imported_where_their_lack_is_met_and_no_memory_told(monkeypatch):
    found, named = {}, re.compile(rf"\b({'|'.join(OF_UNIX)})\b")
    for file in [*ROOT.glob("inficond_panel/**/*.py"), *ROOT.glob("precompute/**/*.py")]:
        text = file.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)) if named.search(text) else ():
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if OF_UNIX & set(names):
                found[file.relative_to(ROOT).as_posix()] = names
    assert found == {"precompute/pipeline/sampling.py": ["resource"]}
    assert peak_memory() > 0
    monkeypatch.setitem(sys.modules, "resource", None)
    assert peak_memory() == 0


def test_a_lock_is_held_where_its_file_cannot_be_read(monkeypatch, tmp_path):
    """As on Windows, where a file that is locked cannot be opened a second time."""
    for name in ("write_text", "read_text"):
        monkeypatch.setattr(Path, name, Mock(side_effect=PermissionError))
    store = tmp_path / "a.zarr"
    with write.only_run(store), pytest.raises(StoreError, match="written by another process"):
        write.only_run(store).__enter__()
    with write.only_run(store):
        pass


def test_no_file_has_a_name_that_windows_refuses():
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    names = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines()
    assert all(map(REFUSED.search, ("a:b", "aux.txt", "what?", "end.")))
    assert [name for name in names if any(map(REFUSED.search, name.split("/")))] == []
    assert len({name.lower() for name in names}) == len(names)


@pytest.mark.parametrize(("encoding", "said"), [(None, "−".encode()), ("cp1252", rb"\u2212")])
def test_a_file_gets_what_its_encoding_lacks(monkeypatch, encoding, said):
    """As on Windows, where a file that output is sent to is in cp1252."""
    monkeypatch.delenv("PYTHONIOENCODING", raising=False)
    if encoding:
        monkeypatch.setenv("PYTHONIOENCODING", encoding)
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="cp1252"))
    output.take_all_characters()
    output.say("−1")
    assert written.getvalue().startswith(said + b"1")


def test_a_port_in_use_is_seen_where_two_may_share_it_and_a_reader_who_has_gone(monkeypatch):
    """As on Windows, where SO_REUSEADDR takes a port from who has it."""
    asked = []

    class Probe(socket.socket):
        def setsockopt(self, *given: object) -> None:
            asked.append(given)

    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(server.socket, "socket", Probe)
    assert server.free_port(0, "127.0.0.1") > 0
    with Probe() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InficondError, match="in use"):
            server.free_port(taken.getsockname()[1], "127.0.0.1")
    assert asked == []
    for platform, gone in (("win32", True), ("linux", False)):
        monkeypatch.setattr(sys, "platform", platform)
        assert cli._reader_has_gone(OSError(errno.EINVAL, "Invalid argument")) is gone
        assert not cli._reader_has_gone(OSError(errno.EINVAL, "Invalid argument", "a.yaml"))
        assert cli._reader_has_gone(OSError(errno.EPIPE, "Broken pipe"))


def test_a_spec_has_slashes_in_its_paths_and_a_file_on_a_drive_is_no_kind_of_teacher():
    """A path of another drive, too: with backslashes alone it would be taken for a name."""

    class Windows(PureWindowsPath):
        def absolute(self) -> PureWindowsPath:
            return self

    folder = Windows("C:/work")
    assert writing.relative(Windows(r"C:\work\photos\a"), folder) == "photos/a"
    assert writing.relative(folder, folder) == "."
    assert as_path(writing.relative(Windows(r"D:\models\clip"), folder)) == "D:/models/clip"
    with pytest.raises(InficondError, match=r"There is no file C:\\missing\.onnx"):
        choose_teacher(r"C:\missing.onnx", None, str)
