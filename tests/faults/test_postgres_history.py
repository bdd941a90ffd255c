"""A history in PostgreSQL: what is written stays and is checked, whoever dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from histories import make_node, tuned_spec
from postgres import PostgresServer

from inficond_panel import open_students
from inficond_panel.errors import HistoryError
from inficond_panel.tuning import History, open_tuner
from inficond_panel.tuning.answer_files import Draft, Drafts, Reply

psycopg = pytest.importorskip("psycopg")
pytestmark = pytest.mark.more

ROOT = make_node()
A = make_node("a", ROOT)

#: Adds notes, one a transaction, and prints the number of each once it is stored.
WRITER = """
import sys
from inficond_panel.tuning import History
address, node, name, count = sys.argv[1:]
history = History(address)
for number in range(int(count)):
    history.set_note(node, f"{name} {number}")
    print(number, flush=True)
"""


@pytest.fixture
def address(postgres: PostgresServer) -> str:
    return postgres.address()


@pytest.fixture
def history(address: str) -> History:
    history = History(address)
    history.add(ROOT)
    history.add(A)
    return history


def execute(address: str, *statements: str) -> None:
    with psycopg.connect(address, autocommit=True) as db:
        db.execute("SET search_path TO inficond_history")
        for statement in statements:
            db.execute(statement)


def write(address: str, name: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, address, ROOT.id, name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def notes(history: History) -> list[str]:
    return [event.text for event in history.events(ROOT.id) if event.kind == "note"]


@pytest.mark.parametrize("table", ["nodes", "events"])
@pytest.mark.parametrize(
    "change", ["UPDATE {} SET created = ''", "DELETE FROM {}", "TRUNCATE {} CASCADE"]
)
def test_rows_are_append_only(history: History, table: str, change: str) -> None:
    with pytest.raises(psycopg.Error, match="append-only"):
        execute(history.path, change.format(table))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET text = 'forged' WHERE number = 2",
        "UPDATE nodes SET weights = decode('00', 'hex')",
        "DELETE FROM events WHERE number = 2",
    ],
)
def test_what_the_owner_alters_by_force_is_found(history: History, statement: str) -> None:
    assert len(history.nodes(ROOT.id)) == 2
    off, on = (f"ALTER TABLE {{}} {how} TRIGGER USER" for how in ("DISABLE", "ENABLE"))
    tables = ("nodes", "events")
    execute(history.path, *map(off.format, tables), statement, *map(on.format, tables))
    with pytest.raises(HistoryError, match="damaged"):
        history.nodes(ROOT.id)


def test_a_missing_trigger_is_found_when_it_is_opened(history: History) -> None:
    execute(history.path, "ALTER TABLE events DISABLE TRIGGER events_append_only")
    history.close()
    with pytest.raises(HistoryError, match="'events' lacks the triggers"):
        History(history.path).nodes(ROOT.id)


def test_another_version_is_refused(history: History) -> None:
    execute(history.path, "COMMENT ON SCHEMA inficond_history IS 'history, version 99'")
    history.close()
    with pytest.raises(HistoryError, match="another version: history, version 99"):
        history.nodes(ROOT.id)


def test_writers_of_several_processes_take_turns(history: History) -> None:
    writers = [write(history.path, name, 40) for name in "abc"]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    stored = notes(history)  # the chain of checksums holds, or this raises
    for name in "abc":
        assert [note for note in stored if note[0] == name] == [f"{name} {n}" for n in range(40)]


def test_a_writer_killed_at_any_moment_loses_nothing_that_it_reported(history: History) -> None:
    writer = write(history.path, "a", 10**6)
    assert writer.stdout is not None
    reported = [int(writer.stdout.readline()) for _ in range(25)]
    writer.send_signal(signal.SIGKILL)
    reported += [int(line) for line in writer.stdout]
    stored = notes(history)
    assert stored == [f"a {number}" for number in range(len(stored))]
    assert len(reported) <= len(stored) <= len(reported) + 1
    history.set_note(ROOT.id, "goes on")


def test_a_server_killed_and_started_again_has_all_that_was_reported() -> None:
    from postgres import postgres_server

    with postgres_server() as server:
        history = History(server.address())
        history.add(ROOT)
        writer = write(history.path, "a", 10**6)
        assert writer.stdout is not None
        reported = [int(writer.stdout.readline()) for _ in range(25)]
        server.kill()
        reported += [int(line) for line in writer.stdout]
        assert writer.wait() == 1
        with pytest.raises(HistoryError, match="cannot be reached"):
            history.set_note(ROOT.id, "lost")
        server.start()
        stored = notes(history)  # the same object connects again by itself
        assert len(reported) <= len(stored) <= len(reported) + 1
        history.set_note(ROOT.id, "goes on")


def test_a_connection_that_was_closed_meanwhile_is_opened_anew(history: History) -> None:
    with psycopg.connect(history.path, autocommit=True) as db:
        db.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid != pg_backend_pid()"
        )
    history.set_note(ROOT.id, "kept")
    assert notes(history) == ["kept"]


def test_a_forked_child_has_a_connection_of_its_own(history: History) -> None:
    child = os.fork()
    if not child:
        history.set_note(ROOT.id, "child")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    history.set_note(ROOT.id, "parent")
    assert notes(history) == ["child", "parent"]


def test_a_lock_of_somebody_else_is_waited_for_and_named(history: History, monkeypatch) -> None:
    import dataclasses

    quick = dataclasses.replace(history._database.schema, busy_seconds=0.1)
    monkeypatch.setattr(history._database, "schema", quick)
    with psycopg.connect(history.path) as db:
        db.execute("SELECT pg_advisory_lock(%s)", (quick.application_id,))
        with pytest.raises(HistoryError, match=r"in use by another process for 0\.1 s"):
            history.set_note(ROOT.id, "late")
        assert notes(history) == []  # readers do not wait
    history.set_note(ROOT.id, "kept")


def test_rights_to_read_and_insert_are_enough_and_fewer_are_named(history: History) -> None:
    grant = "GRANT {} ON ALL TABLES IN SCHEMA inficond_history TO {}"
    execute(
        history.path,
        "DROP ROLE IF EXISTS reader",
        "DROP ROLE IF EXISTS writer",
        "CREATE ROLE reader LOGIN",
        "CREATE ROLE writer LOGIN",
        "GRANT USAGE ON SCHEMA inficond_history TO reader, writer",
        grant.format("SELECT", "reader"),
        grant.format("SELECT, INSERT", "writer"),
    )
    try:
        with closing(History(history.path.replace("inficond@", "writer@"))) as writer:
            writer.set_note(ROOT.id, "written")
        with closing(History(history.path.replace("inficond@", "reader@"))) as reader:
            assert notes(reader) == ["written"]
            with pytest.raises(HistoryError, match="may not be used so: permission denied"):
                reader.set_note(ROOT.id, "no")
    finally:
        execute(history.path, "DROP OWNED BY reader, writer", "DROP ROLE reader, writer")


def test_only_the_owner_brings_a_copy_back(history: History, tmp_path: Path) -> None:
    (tmp_path / "copy.sqlite").write_bytes(history.serialize())
    execute(
        history.path,
        "DROP ROLE IF EXISTS other",
        "CREATE ROLE other LOGIN",
        "GRANT USAGE ON SCHEMA inficond_history TO other",
        "GRANT ALL ON ALL TABLES IN SCHEMA inficond_history TO other",
    )
    try:
        with (
            closing(History(history.path.replace("inficond@", "other@"))) as of_other,
            closing(History(tmp_path / "copy.sqlite")) as copy,
            pytest.raises(HistoryError, match="Only inficond, the owner of its tables"),
        ):
            of_other.overwrite_with(copy)
    finally:
        execute(history.path, "DROP OWNED BY other", "DROP ROLE other")


def test_whether_a_history_exists_is_asked_without_making_it(address: str) -> None:
    history = History(address)
    assert [history.exists(), history.exists()] == [False, False]
    history.add(ROOT)
    assert history.exists()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("postgresql://me:secret@localhost/h", "holds a secret, password"),
        ("postgresql://me@localhost:1/h", "cannot be reached"),
        ("postgresql://me@localhost:port/h", "cannot be reached"),
    ],
)
def test_a_wrong_address_is_refused_without_its_password(address: str, message: str) -> None:
    with pytest.raises(HistoryError, match=message) as error:
        History(address).nodes(ROOT.id)
    assert ":secret@" not in str(error.value)


def test_students_are_tuned_backed_up_and_brought_back(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where the history that is replaced is kept
    spec = tuned_spec(tmp_path)
    students = open_students(spec, history=address)
    tuned = students.fit().remove("bicycle", "wheel")
    in_file = open_students(spec).tuner.nodes()
    assert [node.weights_hash for node in tuned.tuner.nodes()] == [
        node.weights_hash for node in in_file
    ]
    tuned.back_up(tmp_path / "copy.sqlite")
    with closing(History(tmp_path / "copy.sqlite")) as copy:
        ids = [node.id for node in copy.nodes(tuned.tuner.root_id)]
    tuned.remove("bicycle", "sky")
    assert len(students.tuner.nodes()) == 3
    students.bring_back(tmp_path / "copy.sqlite")
    assert [node.id for node in open_tuner(spec, history=address).nodes()] == ids
    assert len(list(tmp_path.glob("shared.before-*.sqlite"))) == 1


def test_drafts_of_answers_are_shared(address: str) -> None:
    draft = Draft("n", "bicycle", "why", ("1", "2"), (Reply(1),))
    Drafts(address).keep(draft)
    assert Drafts(address).find("n", "bicycle") == draft
    Drafts(address).keep(Draft("n", "bicycle", "why", ("1", "2")))
    assert Drafts(address).find("n", "bicycle") is None
