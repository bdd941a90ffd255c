"""The command line: documents, messages and exit statuses."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from factory import small_spec
from waiting import PATIENCE

from inficond_panel.cli import main
from inficond_panel.commands import docs
from inficond_panel.commands.table import COMMANDS
from inficond_panel.tuning import History, open_tuner

EDITS = """\
- - {class: bicycle, concept: wheel, direction: up}
  - {class: bird, concept: fur, direction: remove}
- - {class: bicycle, concept: wheel, direction: up, factor: 1.5}
"""


@pytest.fixture
def edits(tmp_path: Path) -> Path:
    path = tmp_path / "edits.yaml"
    path.write_text(EDITS)
    return path


@pytest.fixture
def data_folder(tmp_path: Path) -> Path:
    """A spec whose data set is there and whose store is not."""
    spec = small_spec(tmp_path, images=40)
    shutil.rmtree(tmp_path / "small.zarr")
    folder = tmp_path / "data"
    (folder / "images").mkdir(parents=True)
    ids = [f"{i:03d}" for i in range(8)]
    rows = [f"{name},{i % 2},{i // 4}" for i, name in enumerate(ids)]
    (folder / "labels.csv").write_text("\n".join(["image_id,cat,dog", *rows]))
    for name, part in {"fit": ids[:4], "tune": ids[4:6], "holdout": ids[6:]}.items():
        (folder / f"{name}.txt").write_text("\n".join(part))
    (tmp_path / "logits.csv").write_text("\n".join(["image_id,cat,dog", *rows]))
    (tmp_path / "words.txt").write_text("ear\nfur\nsky\n")
    (tmp_path / "weights.pt").write_bytes(b"")
    return spec


# -- documents ------------------------------------------------------------------------------


def test_tune_makes_its_last_iteration_the_head_and_again_adds_nothing(run, spec_file, edits):
    _, document, err = run("tune", spec_file, "--edits", edits, "--json")
    last = json.loads(document)["iterations"]["rows"][-1]["id"]
    assert f"The head is #2 {last}: page, export, metrics and predict use it.\n" in err
    assert "history jump" not in err
    _, told, _ = run("metrics", spec_file, "--json")
    assert json.loads(told)["classes"]["node"] == last
    assert run("tune", spec_file, "--edits", edits, "--json")[1] == document
    tuner = open_tuner(spec_file)
    assert [node.number for node in tuner.nodes()] == [0, 1, 2]
    assert tuner.head().id == last
    kinds = [event.kind for event in tuner.history.events(tuner.root_id)]
    assert kinds == ["add", "add", "add", "fine-tune"]


def test_tune_can_leave_the_head_and_the_others_then_say_which_students_they_take(
    run, spec_file, edits, tmp_path
):
    _, _, err = run("tune", spec_file, "--edits", edits, "--keep-head")
    assert f"The head is #0 {open_tuner(spec_file).root_id}: page, export, metrics" in err
    assert f"inficond history jump {spec_file} --node 2" in err
    assert open_tuner(spec_file).head().id == open_tuner(spec_file).root_id
    told = "These are the original students, #0, as on the page; #2 is the latest iteration"
    assert told in run("metrics", spec_file)[2]
    assert told not in run("metrics", spec_file, "--node", "0")[2]
    folder = tmp_path / "out"
    assert told in run("export", spec_file, "--format", "npz", "--output", folder)[2]


def test_tune_on_the_holdout_counts_and_says_so(run, spec_file, edits):
    _, on_tune, err = run("tune", spec_file, "--edits", edits, "--json")
    assert "holdout" not in err
    tuner = open_tuner(spec_file)
    assert tuner.looks("holdout") == 0
    _, on_holdout, err = run("tune", spec_file, "--edits", edits, "--json", "--split", "holdout")
    assert tuner.looks("holdout") == 3
    assert "on the holdout" in err
    found = [json.loads(each)["students"]["rows"] for each in (on_holdout, on_tune)]
    assert found[0] != found[1]


def test_check(run, data_folder):
    status, out, _ = run("check", data_folder)
    assert status == 0
    assert "no problems" in out
    assert "inficond precompute" in out


# -- what is wrong --------------------------------------------------------------------------


def test_wrong_edits(run, spec_file, edits):
    edits.write_text(EDITS.replace("wheel", "weel"))
    status, out, err = run("tune", spec_file, "--edits", edits, "--json")
    assert (status, out) == (2, "")
    assert f"{edits}:1:31: there is no concept 'weel' in the store. Did you mean 'wheel'?" in err
    assert f"{edits}:3:31" in err
    assert not spec_file.with_name("small.history.sqlite").exists()


def test_store_of_another_version(run, spec_file):
    meta = spec_file.with_suffix(".zarr") / "zarr.json"
    meta.write_text(meta.read_text().replace('"format_version": 1', '"format_version": 7'))
    for command in ("distill", "info"):
        status, _, err = run(command, spec_file)
        assert status == 1
        assert "format version 7" in err
        assert "inficond precompute" in err


@pytest.mark.parametrize(
    ("name", "commands"),
    [("concept_score", "info distill tune"), ("thumbnail", "serve"), ("mask_offset", "info")],
)
def test_damaged_store(run, spec_file, edits, name, commands):
    chunks = (spec_file.with_suffix(".zarr") / name / "c").rglob("*")
    next(chunk for chunk in chunks if chunk.is_file()).write_bytes(b"garbage")
    for command in commands.split():
        status, out, err = run(command, spec_file, *(["--edits", edits] * (command == "tune")))
        assert (status, out) == (1, "")
        assert f"damaged: {name}" in err
        assert "inficond precompute" in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_cannot_be_written(spec_file):
    command = f"{sys.executable} -m inficond_panel info {spec_file} --json"
    for redirection in (">/dev/full", ">&-"):
        shell = ["sh", "-c", f"{command} {redirection}"]
        done = subprocess.run(shell, capture_output=True, text=True, check=False)
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 2)


def test_damaged_history(run, spec_file, edits):
    history = spec_file.with_name("small.history.sqlite")
    history.write_text("not a database, but long enough to look like one " * 50)
    status, _, err = run("tune", spec_file, "--edits", edits)
    assert status == 1
    assert "small.history.sqlite is not a history" in err
    assert "--history" in err


def test_history_and_store_flags(run, spec_file, edits, tmp_path, monkeypatch):
    shutil.move(spec_file.with_suffix(".zarr"), tmp_path / "elsewhere.zarr")
    monkeypatch.setenv("INFICOND_HISTORY", str(tmp_path / "env.sqlite"))
    flags = ["--store", tmp_path / "elsewhere.zarr"]
    assert run("tune", spec_file, "--edits", edits, *flags)[0] == 0
    assert run("distill", spec_file, "--history", tmp_path / "flag.sqlite", *flags)[0] == 0
    nodes = {name: sqlite_nodes(tmp_path / f"{name}.sqlite") for name in ("env", "flag")}
    assert nodes == {"env": 3, "flag": 1}
    assert not (tmp_path / "small.history.sqlite").exists()


def sqlite_nodes(path: Path) -> int:
    with sqlite3.connect(path) as db:
        return db.execute("SELECT count(*) FROM nodes").fetchone()[0]


@pytest.mark.parametrize("name", [command.name for command in COMMANDS])
def test_help_of_each_command(name, capsys):
    with pytest.raises(SystemExit) as caught:
        main([name, "--help"])
    assert caught.value.code == 0
    out, _ = capsys.readouterr()
    assert f"Example: inficond {name}" in " ".join(out.split())


def test_help_shows_every_command_once_by_group(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    groups = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert groups == ["Start:", "Data:", "Students:", "Tuning:", "Studies:"]
    listed = [line.split()[0] for line in lines if line.startswith("  ")]
    assert listed == [command.name for command in COMMANDS]
    assert max(map(len, lines)) < 80


# -- as a process ---------------------------------------------------------------------------


def start(*argv: object, folder: Path, module: bool = True) -> subprocess.Popen:
    command = [sys.executable, *(["-m", "inficond_panel"] if module else []), *map(str, argv)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    # A shell has what it starts in the background ignore Ctrl+C, and processes inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


LIGHT = """
import contextlib, sys
from inficond_panel.cli import main
heavy = {"scipy.stats", "panel", "bokeh", "torch"}
for argv, absent in (
    (["--help"], {"numpy", "pandas", "scipy", *heavy}),
    (["suggest", "--help"], heavy),
    (["study", "list", "--help"], heavy),
    (["check", "demo"], heavy),
):
    with contextlib.suppress(SystemExit):
        main(argv)
    assert not absent & set(sys.modules), (argv, absent & set(sys.modules))
"""


def test_a_command_does_not_load_what_others_need():
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", LIGHT], cwd=root, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks at open files in /proc")
def test_interrupted(tmp_path, edits):
    """While it waits for the history, which another process writes to."""
    spec = small_spec(tmp_path)
    path = spec.with_name("small.history.sqlite")
    History(path).nodes("none")  # makes the file
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        process = start("tune", spec, "--edits", edits, folder=tmp_path)
        while not is_open(path, process.pid):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert (out, "Traceback" in err) == ("", False)


def test_a_library_that_cannot_be_loaded_is_no_lack_of_room(run, monkeypatch):
    def broken(*_: object) -> None:
        raise OSError("libcudart.so.13: cannot open shared object file")

    monkeypatch.setattr(docs, "run", broken)
    monkeypatch.setattr(sys.stdout, "fileno", lambda: os.open(os.devnull, os.O_WRONLY))
    status, out, err = run("docs")
    assert (status, out) == (1, "")
    assert err == (
        "libcudart.so.13: cannot open shared object file\n"
        "Reinstall the package that loads this library, or install the library.\n"
    )


def is_open(path: Path, process: int) -> bool:
    """True where a process has the file open."""
    for link in Path(f"/proc/{process}/fd").iterdir():
        with contextlib.suppress(OSError):
            if link.readlink() == path:
                return True
    return False


def test_serve_checks_before_it_starts(run, spec_file):
    history = History(spec_file.with_name("small.history.sqlite"))
    status, _, err = run("serve", spec_file.with_name("none.yaml"))
    assert status == 2
    assert "none.yaml (1 of 1)" in err
    spec_file.with_name("small.history.sqlite").write_text("no database " * 200)
    status, _, err = run("serve", spec_file)
    assert status == 1
    assert history.path in err


def test_demo_port_that_is_taken(monkeypatch, capsys):
    pytest.importorskip("panel")
    from inficond_panel.commands.serve import server

    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(server, "PORT", port)
        assert server.free_port(None, None) not in {port, 0}
        assert f"{port} is in use" in capsys.readouterr().err
        with pytest.raises(server.InficondError, match=f"Port {port} is in use"):
            server.free_port(port, None)
    assert server.free_port(port, None) == port


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_no_machine_has(run, spec_file, port):
    status, _, err = run("serve", spec_file, "--port", port)
    assert (status, err.splitlines()[-2]) == (1, f"There is no port {port}.")


DEMO = """
import sys
from inficond_panel.cli import main
from inficond_panel.commands import demo
demo.DEMO = sys.argv[1]
sys.exit(main(["demo", "--port", "0"]))
"""


def test_demo_tells_its_address_when_the_page_answers(spec_file, tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    process = start("-c", DEMO, spec_file, folder=folder, module=False)
    try:
        line = process.stdout.readline()
        assert line.startswith("The demo is at http://localhost:"), process.stderr.read()
        with urllib.request.urlopen(line.split()[4], timeout=PATIENCE) as reply:
            assert reply.status == 200
            assert b"<html" in reply.read()
    finally:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    assert "Traceback" not in err
    assert sqlite_nodes(folder / "demo.history.sqlite") == 1
