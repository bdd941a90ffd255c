"""A PostgreSQL that hangs, or that asks for more than it should get, ends in an error."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from histories import make_node

from inficond_panel.errors import HistoryError
from inficond_panel.tuning import History

psycopg = pytest.importorskip("psycopg")

from inficond_panel.common import postgres as database  # noqa: E402 - needs psycopg

ROOT = make_node()
#: Codes of requests in PostgreSQL's protocol: for TLS, and for encryption by GSSAPI.
ENCRYPTION = {(80877103).to_bytes(4, "big"), (80877104).to_bytes(4, "big")}


@contextmanager
def listener(answer) -> Iterator[str]:
    """Address of a server that calls ``answer`` with each connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    answer(connection)

        threading.Thread(target=accept, daemon=True).start()
        yield f"postgresql://me@127.0.0.1:{server.getsockname()[1]}/h"
        server.shutdown(socket.SHUT_RDWR)


def test_a_server_that_never_answers_is_given_up(monkeypatch) -> None:
    monkeypatch.setitem(database._DEFAULTS, "connect_timeout", 1)
    done = threading.Event()
    with listener(lambda _: done.wait()) as address:
        with pytest.raises(HistoryError, match="cannot be reached: connection timeout expired"):
            History(address).nodes(ROOT.id)
        done.set()


def test_who_waited_for_a_thread_that_cannot_connect_is_told_at_once(monkeypatch) -> None:
    """Each would else try for as long again, one after the other."""
    monkeypatch.setitem(database._DEFAULTS, "connect_timeout", 2)
    tries: list[bool] = []
    done, told = threading.Event(), []

    def hold(_: socket.socket) -> None:
        tries.append(True)
        done.wait()

    def read() -> None:
        with pytest.raises(HistoryError, match="connection timeout expired") as error:
            history.nodes(ROOT.id)
        told.append(error.value)

    with listener(hold) as address:
        history = History(address)
        threads = [threading.Thread(target=read) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        done.set()
    assert (len(told), len(tries)) == (5, 1)


def test_a_thread_does_not_wait_for_others_for_ever(monkeypatch) -> None:
    monkeypatch.setattr(database, "SILENCE", 0.05)
    history = History("postgresql://me@127.0.0.1:1/h")
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with history._database._lock:
            held.set()
            done.wait()

    other = threading.Thread(target=hold)
    other.start()
    held.wait()
    with pytest.raises(HistoryError, match="cannot be reached: other threads have waited"):
        history.nodes(ROOT.id)
    done.set()
    other.join()


@pytest.fixture
def stopped(postgres, monkeypatch) -> Iterator[tuple[History, int]]:
    """A history in a database whose server process is stopped, and the number of this process."""
    monkeypatch.setattr(database, "READING", 0.5)
    history = History(postgres.address())
    history.add(ROOT)
    with history._database.transaction() as db:
        (process,) = db.execute("SELECT pg_backend_pid()").fetchone()
    os.kill(process, signal.SIGSTOP)
    yield history, process
    os.kill(process, signal.SIGCONT)


@pytest.mark.more
def test_a_server_process_that_is_stopped_is_given_up(stopped) -> None:
    with pytest.raises(HistoryError, match="cannot be reached: the server did not answer"):
        stopped[0].nodes(ROOT.id)


@pytest.mark.more
def test_a_writer_waits_longer_than_for_a_lock(stopped, monkeypatch) -> None:
    assert stopped[0]._database.schema.busy_seconds < database.SILENCE
    monkeypatch.setattr(database, "SILENCE", 1.5)
    with pytest.raises(HistoryError, match=r"did not answer within 1\.5 s"):
        stopped[0].set_note(ROOT.id, "a note")


@pytest.mark.more
def test_the_next_use_goes_to_another_server_process(stopped) -> None:
    with pytest.raises(HistoryError):
        stopped[0].nodes(ROOT.id)
    assert len(stopped[0].nodes(ROOT.id)) == 1


# --- secrets


@contextmanager
def asking_for_a_password(how: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Address of a server that asks for a password, and what it got after it asked."""
    got: list[bytes] = []

    def ask(connection: socket.socket) -> None:
        while (request := connection.recv(1_000))[4:8] in ENCRYPTION:
            connection.sendall(b"N")
        if request:
            connection.sendall(b"R" + (4 + len(how)).to_bytes(4, "big") + how)
            got.append(connection.recv(1_000))

    with listener(ask) as address:
        yield address, got


@pytest.mark.parametrize(
    "how", [pytest.param(b"\0\0\0\3", id="clear"), pytest.param(b"\0\0\0\5salt", id="MD5")]
)
def test_a_server_that_asks_for_a_readable_password_gets_none(monkeypatch, how) -> None:
    monkeypatch.setenv("PGPASSWORD", "secret")
    asking, refused = asking_for_a_password(how), pytest.raises(HistoryError, match="reached")
    with asking as (address, got), refused:
        History(address).nodes(ROOT.id)
    assert not any(message.startswith(b"p") for message in got)


def test_an_address_may_allow_a_password_in_clear_text(monkeypatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "secret")
    asking = asking_for_a_password(b"\0\0\0\3")
    with asking as (address, got), pytest.raises(HistoryError, match="reached"):
        History(f"{address}?require_auth=password").nodes(ROOT.id)
    assert b"secret" in got[0]


@pytest.mark.parametrize("option", ["password", "sslpassword"])
def test_an_address_with_a_secret_is_refused(option) -> None:
    with pytest.raises(HistoryError, match=f"holds a secret, {option}, ") as error:
        History(f"postgresql://me@localhost/h?{option}=hush")
    assert "hush" not in str(error.value)


# --- rights


@pytest.fixture
def role(postgres) -> Iterator:
    """Grant a new role rights, and open the history as this role."""
    history = History(postgres.address())
    history.add(ROOT)

    def execute(*statements: str) -> None:
        with psycopg.connect(history.path, autocommit=True) as db:
            db.execute("SET search_path TO inficond_history")
            for statement in statements:
                db.execute(statement)

    def granted(*rights: str) -> History:
        execute(*(f"GRANT {right} TO visitor" for right in rights))
        return History(history.path.replace("inficond@", "visitor@"))

    execute("CREATE ROLE visitor LOGIN")
    yield granted
    execute("DROP OWNED BY visitor", "DROP ROLE visitor")


USAGE = "USAGE ON SCHEMA inficond_history"
READ = "SELECT ON ALL TABLES IN SCHEMA inficond_history"
INSERT = "INSERT ON ALL TABLES IN SCHEMA inficond_history"


@pytest.mark.more
@pytest.mark.parametrize(
    ("rights", "fact"),
    [
        ([], "the role visitor has no USAGE of the schema inficond_history"),
        ([USAGE], "permission denied for table"),
    ],
)
def test_a_role_without_the_rights_to_read_is_told_them(role, rights, fact) -> None:
    with pytest.raises(HistoryError, match=fact) as error:
        role(*rights).nodes(ROOT.id)
    assert "USAGE on the schema inficond_history and SELECT" in error.value.remedy


@pytest.mark.more
@pytest.mark.parametrize("rights", [[], [USAGE], [USAGE, READ]])
def test_missing_rights_are_no_damage(role, rights) -> None:
    with pytest.raises(HistoryError) as error:
        role(*rights).set_note(ROOT.id, "no")
    assert "damaged" not in str(error.value)


@pytest.mark.more
def test_files_beside_the_history_need_update(role) -> None:
    folder = database_folder(role(USAGE, READ, INSERT))
    with pytest.raises(HistoryError, match="permission denied for table files") as error:
        folder.write("a", b"1")
    assert "UPDATE and DELETE on its table files" in error.value.remedy


@pytest.mark.more
def test_the_rights_that_are_told_suffice(role) -> None:
    files = "UPDATE, DELETE ON inficond_history.files"
    folder = database_folder(role(USAGE, READ, INSERT, files))
    folder.write("a", b"1")
    folder.write("a", b"2")
    folder.remove("a")
    assert folder.names() == []


def database_folder(history: History):
    from inficond_panel.common.folders import DatabaseFolder

    return DatabaseFolder(history._database, "answers")
