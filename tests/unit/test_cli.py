"""The command line: documents, messages and exit statuses."""

import contextlib
import errno
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
from factory import STUDENTS, small_spec
from waiting import PATIENCE, wait_until

from inficond_panel.commands import docs
from inficond_panel.tuning import History, open_tuner
from inficond_panel.tuning.repairs.adaptive_penalty import SuspectPenalty
from inficond_panel.tuning.repairs.reweight import Reweighted

pytestmark = [pytest.mark.commands, pytest.mark.server]

EDITS = """\
- - {class: bicycle, concept: wheel, direction: up}
  - {class: bird, concept: fur, direction: remove}
- - {class: bicycle, concept: wheel, direction: up, factor: 1.5}
"""


@pytest.fixture
def edits(tmp_path):
    path = tmp_path / "edits.yaml"
    path.write_text(EDITS)
    return path


@pytest.fixture
def tuned(run, spec_file, edits) -> tuple[str, str]:
    """What tune printed: its document, and what it said."""
    _, document, err = run("tune", spec_file, "--edits", edits, "--json")
    return document, err


def test_tune_moves_the_head(run, spec_file, tuned):
    document, err = tuned
    last = json.loads(document)["iterations"]["rows"][-1]["id"]
    assert f"The head is #2 {last}: page, export, metrics and predict use it.\n" in err
    assert "holdout" not in err
    assert "history jump" not in err
    _, told, _ = run("metrics", spec_file, "--json")
    assert json.loads(told)["classes"]["node"] == last


def test_tune_again_adds_nothing(run, spec_file, edits, tuned):
    document, _ = tuned
    last = json.loads(document)["iterations"]["rows"][-1]["id"]
    assert run("tune", spec_file, "--edits", edits, "--json")[1] == document
    tuner = open_tuner(spec_file)
    assert [node.number for node in tuner.nodes()] == [0, 1, 2]
    assert tuner.head().id == last
    kinds = [event.kind for event in tuner.history.events(tuner.root_id)]
    assert kinds == ["add", "add", "add", "fine-tune"]


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_tune_says_that_a_history_in_memory_keeps_nothing(run, spec_file, edits, form):
    _, _, err = run("tune", spec_file, "--edits", edits, "--history", ":memory:", *form)
    assert "Nothing is kept: the history is in memory (:memory:).\n" in err
    assert "head" not in err
    assert "history jump" not in err


def test_tune_on_the_holdout_counts_a_look_per_iteration(run, spec_file, edits, tuned):
    document, _ = tuned
    tuner = open_tuner(spec_file)
    assert tuner.looks("holdout") == 0
    _, on_holdout, err = run("tune", spec_file, "--edits", edits, "--json", "--split", "holdout")
    assert tuner.looks("holdout") == 3
    assert "on the holdout" in err
    found = [json.loads(each)["students"]["rows"] for each in (on_holdout, document)]
    assert found[0] != found[1]


def test_tune_can_leave_the_head_and_others_say_what_they_take(run, spec_file, edits, tmp_path):
    _, _, err = run("tune", spec_file, "--edits", edits, "--keep-head")
    assert f"The head is #0 {open_tuner(spec_file).root_id}: page, export, metrics" in err
    assert f"inficond history jump {spec_file} --node 2" in err
    assert open_tuner(spec_file).head().id == open_tuner(spec_file).root_id
    told = "These are the original students, #0, as on the page; #2 is the latest iteration"
    assert told in run("metrics", spec_file)[2]
    assert told not in run("metrics", spec_file, "--node", "0")[2]
    folder = tmp_path / "out"
    assert told in run("export", spec_file, "--format", "npz", "--output", folder)[2]


def test_check_holds_the_spec_against_a_store_that_is_there(run, spec_file):
    folder = spec_file.parent
    (folder / "data" / "images").mkdir(parents=True)
    names = ["data/labels.csv", "data/fit.txt", "data/tune.txt", "data/holdout.txt"]
    for name in [*names, "words.txt", "weights.pt", "logits.csv"]:
        (folder / name).write_text("")
    assert run("check", spec_file)[0] == 0
    other = "students: {lambda: {default: 1e-4, brid: 1}}\n"
    spec_file.write_text(spec_file.read_text().replace(STUDENTS, other))
    status, _, err = run("check", spec_file)
    assert status == 2
    assert "students.lambda: there is no class 'brid' in the store. Did you mean 'bird'?" in err
    (folder / "small.zarr" / "zarr.json").unlink()
    status, out, err = run("check", spec_file)
    assert (status, "no problems" in out) == (0, True)
    assert "Class names, groups and link are not checked" in err
    shutil.rmtree(folder / "small.zarr")
    status, _, err = run("check", spec_file)  # without a store the corpus is read first
    assert (status, "words.txt" in err) == (1, True)


def test_wrong_names_in_edits_and_spec_are_told_at_their_place(run, spec_file, edits):
    edits.write_text(EDITS.replace("wheel", "weel"))
    status, out, err = run("tune", spec_file, "--edits", edits, "--json")
    assert (status, out) == (2, "")
    assert f"{edits}:1:31: there is no concept 'weel' in the store. Did you mean 'wheel'?" in err
    assert f"{edits}:3:31" in err
    assert not spec_file.with_name("small.history.sqlite").exists()
    text = spec_file.read_text()
    spec_file.write_text(text.replace(STUDENTS, "students:\n  threshold: {birdd: 1}\n"))
    line = text[: text.index(STUDENTS)].count("\n") + 2
    for command in ("distill", "explain"):
        status, _, err = run(command, spec_file)
        assert status == 2
        assert f"{spec_file}:{line}:15: students.threshold: there is no class 'birdd'" in err
        assert "Did you mean 'bird'" in err


@pytest.mark.parametrize(
    ("name", "commands"),
    [("concept_score", "info distill tune"), ("thumbnail", "serve"), ("mask_offset", "info")],
)
def test_a_damaged_store_is_told(run, spec_file, edits, name, commands):
    chunks = (spec_file.with_suffix(".zarr") / name / "c").rglob("*")
    next(chunk for chunk in chunks if chunk.is_file()).write_bytes(b"garbage")
    for command in commands.split():
        status, out, err = run(command, spec_file, *(["--edits", edits] * (command == "tune")))
        assert (status, out) == (1, "")
        assert f"damaged: {name}" in err
        assert "inficond precompute" in err


def test_serve_and_tune_tell_what_they_cannot_open(run, spec_file, edits):
    status, _, err = run("serve", spec_file.with_name("none.yaml"))
    assert (status, "none.yaml (1 of 1)" in err) == (2, True)
    history = spec_file.with_name("small.history.sqlite")
    history.write_text("not a database, but long enough to look like one " * 50)
    for command in (("serve", spec_file), ("tune", spec_file, "--edits", edits)):
        status, _, err = run(*command)
        assert status == 1
        assert f"{history} is not a history" in err
        assert "--history" in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_cannot_be_written():
    command = f"{sys.executable} -m inficond_panel docs metrics"
    for redirection in (">/dev/full", ">&-"):
        shell = ["sh", "-c", f"{command} {redirection}"]
        done = subprocess.run(shell, capture_output=True, text=True, check=False)
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 2)


def test_a_library_that_cannot_be_loaded_is_no_lack_of_room(run, monkeypatch):
    told = "libcudart.so.13: cannot open shared object file"

    def broken(*_: object) -> None:
        raise OSError(told)

    monkeypatch.setattr(docs, "run", broken)
    monkeypatch.setattr(sys.stdout, "fileno", lambda: os.open(os.devnull, os.O_WRONLY))
    remedy = "Reinstall the package that loads this library, or install the library."
    assert run("docs") == (1, "", f"{told}\n{remedy}\n")


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


def test_a_port_that_is_taken_or_that_no_machine_has(run, spec_file, monkeypatch, capsys):
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
    for port in (-1, 65536):
        status, _, err = run("serve", spec_file, "--port", port)
        assert (status, err.splitlines()[-2]) == (1, f"There is no port {port}.")


def start(*argv: object, folder: Path) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    # A shell has what it starts in the background ignore Ctrl+C, and processes inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    command, pipe = [sys.executable, *map(str, argv)], subprocess.PIPE
    pipes = {"stdout": pipe, "stderr": pipe, "text": True}
    return subprocess.Popen(command, cwd=folder, env=environment, **pipes)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks at open files in /proc")
def test_interrupted(tmp_path, edits):
    spec = small_spec(tmp_path)
    path = spec.with_name("small.history.sqlite")
    History(path).nodes("none")  # makes the file
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        process = start("-m", "inficond_panel", "tune", spec, "--edits", edits, folder=tmp_path)
        wait_until(lambda: is_open(path, process.pid), "the history is open")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert (out, "Traceback" in err) == ("", False)


def is_open(path: Path, process: int) -> bool:
    for link in Path(f"/proc/{process}/fd").iterdir():
        with contextlib.suppress(OSError):
            if link.readlink() == path:
                return True
    return False


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
    process = start("-c", DEMO, spec_file, folder=folder)
    try:
        line = process.stdout.readline()
        assert line.startswith("The demo is at http://localhost:"), process.stderr.read()
        with urllib.request.urlopen(line.split()[4], timeout=PATIENCE) as reply:
            assert reply.status == 200
            assert b"<html" in reply.read()
        port = int(line.split()[4].split(":")[2].split("/")[0])
        with socket.socket() as other:  # as from another machine: this one has all of 127.0.0.0/8
            refused = other.connect_ex(("127.0.0.2", port))
    finally:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    assert "Traceback" not in err
    assert refused == errno.ECONNREFUSED
    assert sqlite_nodes(folder / "demo.history.sqlite") == 1


EXPLAINED = """\
- - {class: bicycle, concepts: [wheel, spoke], direction: up}
  - {class: bicycle, concept: wheel, direction: down}
  - {class: bird, concept: fur, direction: remove}
- - {class: bird, concept: fur, direction: up}
"""
REPAIRS = """\
- - {class: bicycle, concepts: [wheel], direction: balance}
  - {class: bicycle, direction: lambda, value: 0.002}
- - {class: bicycle, image: "000002", direction: label, value: 1}
  - {class: bird, concept: fur, direction: up}
- - {class: bicycle, direction: doubt, value: 2}
"""


def test_without_a_tuned_iteration_there_is_nothing_to_explain(run, spec_file):
    run("distill", spec_file)
    status, _, err = run("explain", spec_file)
    assert (status, "inficond tune" in err) == (1, True)  # nothing is tuned yet


def test_explain_as_json(run, spec_file, edits):
    edits.write_text(EXPLAINED)
    assert run("tune", spec_file, "--edits", edits)[0] == 0
    status, out, _ = run("explain", spec_file, "--node", "#1", "--json", "--collinear", "0.5")
    document = json.loads(out)
    assert status == 0
    assert document["classes"]["untouched"] == ["tv monitor", "sheep"]
    assert document["moved"]["rows"] == []  # a student per class: the others stay as they were
    bounds = [row for row in document["bounds"]["rows"] if row["class"] == "bicycle"]
    assert {bound["concept"] for bound in bounds} == {"wheel", "spoke"}
    assert any(bound["lifted"] is not None for bound in bounds)
    assert {row["split"] for row in document["flips"]["rows"]} <= {"fit", "tune"}
    assert document["groups"]["rows"][0]["threshold"] == 0.5


@pytest.fixture
def repaired(run, spec_file, edits) -> dict:
    """Terms of bicycle's student after three iterations with repairs."""
    edits.write_text(REPAIRS)
    assert run("tune", spec_file, "--edits", edits)[0] == 0
    tuner = open_tuner(spec_file)
    return tuner.terms(tuner.nodes()[-1])["bicycle"]


def own_lines(run, spec_file) -> list[str]:
    """Sentences on active repairs."""
    _, out, _ = run("explain", spec_file)
    return [line.partition(": ")[2] for line in out.splitlines() if "Repair active" in line]


def test_explain_names_active_repairs_with_their_effect(run, spec_file, repaired):
    terms, own = repaired, own_lines(run, spec_file)
    positive, negative = terms.get(Reweighted).effective
    assert own == [
        next(line for line in own if "1 photo taught by its label, " in line),
        f"Repair active since #1: reweighted by wheel: worth {positive:.0f} training images with "
        f"the class, {negative:.0f} without.",
        next(line for line in own if "adaptive penalty 2: " in line),
        "Repair active since #1: penalty λ 0.002.",
    ]


def test_explain_says_since_when_a_repair_is_active(run, spec_file, repaired):
    own = own_lines(run, spec_file)
    assert own[0].startswith("Repair active since #2: ")
    assert own[2].startswith("Repair active since #3: ")


def test_explain_says_how_many_labels_chose_the_student(run, spec_file, repaired):
    _, out, _ = run("explain", spec_file)
    assert f"Chosen by the labels of {repaired.used} tuning images." in out
    _, out, _ = run("explain", spec_file, "--json")
    assert json.loads(out)["classes"]["rows"][0]["photos_used"] == repaired.used


def test_explain_as_json_has_the_terms_of_repairs(run, spec_file, repaired):
    terms = repaired
    _, out, _ = run("explain", spec_file, "--json")
    document = json.loads(out)
    found = {row["repair"]: row for row in document["repairs"]["rows"]}
    assert [row["sentence"] for row in found.values()] == own_lines(run, spec_file)
    assert (found["lambda"]["since"], found["lambda"]["terms"]) == (1, {"value": 0.002})
    assert (found["label"]["terms"]["photos"], found["label"]["since"]) == ({"000002": 1}, 2)
    assert found["balance"]["terms"]["concepts"] == ["wheel"]
    assert set(found["doubt"]["terms"]["factors"]) == set(terms.get(SuspectPenalty).factors)


def test_explain_of_an_earlier_iteration_names_repairs_of_then(run, spec_file, repaired):
    _, out, _ = run("explain", spec_file, "--node", "2")
    assert out.count("Repair active") == 3
    assert "\nbird: Repair active" not in out
