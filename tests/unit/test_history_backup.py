"""Copies of a history: made while others write, brought back while others read."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import threading
from pathlib import Path

import pytest
from factory import STUDENTS
from histories import tuned_spec
from waiting import wait_until

from inficond_panel.cli import main
from inficond_panel.errors import HistoryError
from inficond_panel.tuning import Intent, Tuner, open_tuner


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    return tuned_spec(tmp_path)


@pytest.fixture
def run(spec: Path, capsys: pytest.CaptureFixture[str]):
    def call(action: str, *argv: object):
        status = main(["history", action, str(spec), *map(str, argv), "--json"])
        out, err = capsys.readouterr()
        return json.loads(out) if not status else err

    return call


def told(tuner: Tuner) -> list:
    """All that a history tells of the students."""
    nodes = [(n.id, n.weights_hash, n.name, n.created) for n in tuner.nodes(deleted=True)]
    return [nodes, tuner.history.events(tuner.root_id)]


def test_a_copy_tells_all_that_the_history_tells(run, spec, tmp_path):
    run("rename", "--node", 1, "no wheels")
    run("undo")
    document = run("backup", tmp_path / "copy.sqlite")
    assert document["iterations"] == 2
    assert told(open_tuner(spec, history=tmp_path / "copy.sqlite")) == told(open_tuner(spec))


def test_a_copy_made_while_others_write_is_whole(spec, tmp_path):
    tuner, other = open_tuner(spec), open_tuner(spec)
    node, done = tuner.nodes()[1], threading.Event()

    def write() -> None:
        while not done.is_set():
            other.history.set_note(node.id, "note")

    writer = threading.Thread(target=write)
    writer.start()
    copies = [tmp_path / f"copy {at}.sqlite" for at in range(10)]
    for at, place in enumerate(copies):
        wait_until(lambda n=5 * at: len(tuner.history.events(tuner.root_id)) > n, "more is written")
        place.write_bytes(tuner.history.image())
    done.set()
    writer.join()
    events = told(tuner)[1]
    lengths = []
    for place in copies:
        copy = open_tuner(spec, history=place)
        found = told(copy)[1]  # reads the chain of checksums
        assert found == events[: len(found)]
        lengths.append(len(found))
        copy.history.close()
    assert lengths == sorted(lengths)
    assert lengths[-1] > lengths[0]


def test_a_copy_is_brought_back_for_all_that_have_the_history_open(run, spec, tmp_path):
    reader = open_tuner(spec)
    before = told(reader)
    run("backup", tmp_path / "copy.sqlite")
    reader.fine_tune(reader.nodes()[1], [Intent("sheep", "grass", "down")])
    run("rename", "--node", 1, "gone again")
    after = told(reader)
    assert len(after[0]) == 3
    document = run("from-backup", tmp_path / "copy.sqlite")
    assert told(reader) == before
    assert told(open_tuner(spec)) == before
    assert told(open_tuner(spec, history=document["kept"])) == after
    reader.fine_tune(reader.nodes()[1], [Intent("sheep", "grass", "down")])
    assert [node.number for node in reader.nodes()] == [0, 1, 2]


def test_a_copy_is_made_where_only_other_students_have_iterations(run, spec, tmp_path):
    """Other settings are other students: the file holds theirs alone, and is worth a copy."""
    before = told(open_tuner(spec))
    text = spec.read_text()
    spec.write_text(text.replace(STUDENTS, "students: {l2: 0.5}\n"))
    assert open_tuner(spec).nodes() == []
    assert run("backup", tmp_path / "copy.sqlite")["iterations"] == 0
    assert "no iterations of these students" in run("list")
    spec.write_text(text)
    assert told(open_tuner(spec, history=tmp_path / "copy.sqlite")) == before


def test_nothing_is_overwritten_and_no_other_file_is_brought_back(run, spec, tmp_path):
    before = told(open_tuner(spec))
    (tmp_path / "text.sqlite").write_text("no history at all, but a text of some length")
    (tmp_path / "empty.sqlite").write_bytes(b"")
    assert "already exists" in run("backup", tmp_path / "text.sqlite")
    assert "There is no file" in run("from-backup", tmp_path / "none.sqlite")
    assert "text.sqlite" in run("from-backup", tmp_path / "text.sqlite")
    assert "no iterations of these students" in run("from-backup", tmp_path / "empty.sqlite")
    assert not (tmp_path / "none.sqlite").exists()
    assert told(open_tuner(spec)) == before


@pytest.fixture
def demo(tmp_path, capsys):
    """The command line on the demo, with a history of its own."""
    there = ("--history", str(tmp_path / "demo.sqlite"))

    def call(*argv: object):
        status = main([*map(str, argv), *there, "--json"])
        out, err = capsys.readouterr()
        assert not status, err
        return json.loads(out)

    open_demo = open_tuner("demo", history=tmp_path / "demo.sqlite")
    open_demo.fine_tune(open_demo.root(), [Intent("bicycle", "traffic light", "remove")])
    return call


def test_a_concept_typed_since_the_copy_is_gone_with_it_and_its_iterations_are_kept(demo, tmp_path):
    demo("history", "backup", "demo", tmp_path / "copy.sqlite")
    demo("concept", "add", "demo", "red bus")
    assert "red bus" in open_tuner("demo", history=tmp_path / "demo.sqlite").store.concepts
    document = demo("history", "from-backup", "demo", tmp_path / "copy.sqlite")
    assert document["iterations"] == 2
    back = open_tuner("demo", history=tmp_path / "demo.sqlite")
    assert [node.number for node in back.nodes()] == [0, 1]
    assert "red bus" not in back.store.concepts
    assert "red bus" in open_tuner("demo", history=document["kept"]).store.concepts


def test_a_copy_has_no_concepts_but_its_own(demo, tmp_path):
    demo("concept", "add", "demo", "red bus")
    demo("distill", "demo")
    demo("history", "backup", "demo", tmp_path / "copy.sqlite")
    demo("concept", "remove", "demo", "red bus")
    (tmp_path / "copy.sqlite").unlink()
    demo("history", "backup", "demo", tmp_path / "copy.sqlite")
    copy = open_tuner("demo", history=tmp_path / "copy.sqlite")
    assert "red bus" not in copy.store.concepts
    assert len(copy.nodes()) == 2


def test_a_copy_waits_only_so_long_for_one_that_writes(run, spec, tmp_path, monkeypatch):
    run("backup", tmp_path / "copy.sqlite")
    reader, copy = open_tuner(spec), open_tuner(spec, history=tmp_path / "copy.sqlite")
    before, database = told(reader), reader.history._database
    monkeypatch.setattr(database, "schema", dataclasses.replace(database.schema, busy_seconds=0.05))
    reader.history.close()
    other = sqlite3.connect(reader.history.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(HistoryError, match="in use by another process"):
        reader.history.become(copy.history)
    other.execute("ROLLBACK")
    other.close()
    assert told(reader) == before
