"""A PostgreSQL database with a fixed schema, used like an SQLite file, for several servers.

Addresses are those of libpq, ``postgresql://user@host/database``, without a secret, since pages and
logs show them. libpq takes the password from ``~/.pgpass``, which names hosts, or ``PGPASSWORD``.

A server that hangs, or a network that loses what is sent, ends in an error: connecting is given up
after ``CONNECTING`` seconds per host, a transaction that reads after ``READING`` and one that
writes after ``SILENCE`` seconds without a byte of the server, and waiting for another thread of
this process after ``SILENCE`` seconds, or once that thread cannot connect.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from inficond_panel.common.database import Connected
from inficond_panel.common.installation import needs
from inficond_panel.common.sqlite_file import Database, Schema
from inficond_panel.errors import InficondError

with needs("A history in PostgreSQL", "postgres"):
    import psycopg
    from psycopg import errors
    from psycopg.conninfo import conninfo_to_dict
    from psycopg.pq import Conninfo

#: Seconds; SILENCE is more than the time-out of locks. A page that opens only reads, so it waits no
#: longer than READING and CONNECTING.
CONNECTING, READING, SILENCE = 5.0, 5.0, 15.0
#: How libpq connects, unless the address or the environment says otherwise. No server gets a
#: password in clear text, or one that MD5 hides, because the address may come from somebody's spec.
_DEFAULTS: Mapping[str, object] = {
    "connect_timeout": round(CONNECTING),
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": round(SILENCE * 1000),
    "require_auth": "!password,!md5",
}
#: Types of columns in PostgreSQL; within a transaction rows may precede their parents.
_TYPES = {
    "INTEGER": "BIGINT",
    "REAL": "DOUBLE PRECISION",
    "BLOB": "BYTEA",
    "(id)": "(id) DEFERRABLE INITIALLY DEFERRED",
}
#: A disabled trigger has another letter than O; a row that was changed or made anew another mark.
_TRIGGERS = """SELECT t.tgname, t.tgenabled, t.oid, t.xmin::text
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE c.relnamespace = current_schema()::regnamespace AND NOT t.tgisinternal
    ORDER BY t.tgname"""
#: The comment on a namespace, which names the version of its tables; no row without the namespace.
_THERE = "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = ?"
#: Whether this role has the rights of a table's owner, the owner's name, and its own.
_OWNER = """SELECT pg_has_role(relowner, 'USAGE'), pg_get_userbyid(relowner), current_user
    FROM pg_class WHERE oid = ?::regclass"""
_REFUSE = """CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"""


class PostgresRow:
    """A row of a result; finds a value by the position or the name of its column."""

    def __init__(self, names: Sequence[str], values: Sequence[Any]) -> None:
        self._names, self._values = names, values

    def keys(self) -> list[str]:
        """Return the names of the columns."""
        return list(self._names)

    def __getitem__(self, key: int | str) -> Any:
        return self._values[self._names.index(key) if isinstance(key, str) else key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def _rows(cursor: psycopg.Cursor[Any]) -> Callable[[Sequence[Any]], PostgresRow]:
    names = [column.name for column in cursor.description or ()]
    return lambda values: PostgresRow(names, values)


class NoAnswerError(psycopg.OperationalError):
    """A server that has not sent a byte for too long after a statement."""


_Returned = TypeVar("_Returned")


class _Impatient(psycopg.Connection[Any]):
    """A connection that is closed, with ``NoAnswerError``, when the server stays silent.

    PostgreSQL's ``statement_timeout`` and TCP's keepalives do not find a server process that is
    stopped: its system still answers.
    """

    reading = False  #: True in a transaction that reads

    def wait(self, gen: Generator[Any, Any, _Returned], *args: Any, **kwargs: Any) -> _Returned:
        """Run psycopg's generator, which yields what it waits for."""
        return super().wait(self._limited(gen), *args, **kwargs)

    def _limited(self, gen: Generator[Any, Any, _Returned]) -> Generator[Any, Any, _Returned]:
        patience = READING if self.reading else SILENCE
        try:
            wanted, since = next(gen), time.monotonic()
            while True:
                if ready := (yield wanted):
                    wanted, since = gen.send(ready), time.monotonic()
                elif time.monotonic() - since > patience:
                    self.close()
                    raise NoAnswerError(f"the server did not answer within {patience:g} s")
        except StopIteration as end:
            returned: _Returned = end.value
            return returned


class _Connection:
    """A connection to PostgreSQL that accepts SQL written for SQLite."""

    def __init__(self, url: str) -> None:
        self._connection = _Impatient.connect(
            url, autocommit=True, application_name="inficond", row_factory=_rows, **_defaults(url)
        )
        self.close = self._connection.close

    def execute(self, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> Any:
        """Execute a statement with ``?`` in place of its values; return its rows."""
        return self._connection.execute(sql.replace("?", "%s").encode(), values or None)

    def begin(self, write: bool) -> None:
        """Begin a transaction that reads, or, with ``write``, one that writes."""
        self._connection.reading = not write
        self.execute("BEGIN" if write else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    def schema_mark(self) -> object:
        """Return a value that changes when anybody touches the triggers of the tables."""
        return [tuple(row) for row in self.execute(_TRIGGERS)]


class PostgresDatabase(Connected[_Connection]):
    """Tables of ``schema`` in the database at ``url``, in a namespace ``inficond_<noun>``.

    Same use and same errors as ``Database``: connects at the first transaction, again after the
    server was restarted, and again in a forked child. Writers take turns, also across
    machines. Readers see the state at the start of their transaction.
    """

    def __init__(self, url: str, schema: Schema) -> None:
        check_address(url, schema)
        super().__init__(url)
        self.schema = schema
        self._space = f"inficond_{schema.noun}"
        self._refused: tuple[float, str] = 0.0, ""  # when it could last not connect, and why

    @contextlib.contextmanager
    def transaction(self, write: bool = False) -> Iterator[_Connection]:
        """Run the block in a transaction: durable when it ends, rolled back if it raises.

        With ``write``, waits until no other process writes."""
        with self._alone():
            ending = False
            try:
                db = self._begin(write)
                try:
                    if write:
                        self._take_turn(db)
                    yield db
                    ending = write
                    db.execute("COMMIT")
                except BaseException:
                    with contextlib.suppress(psycopg.Error):
                        db.execute("ROLLBACK")
                    raise
            except psycopg.Error as error:
                raise self._explained(error, ending) from error

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Run the block while no other thread of this process uses the connection; raise its error
        if it could not connect meanwhile, rather than try the same again."""
        asked = time.monotonic()
        if not self._lock.acquire(timeout=SILENCE):
            raise self._unreachable(f"other threads have waited for it for {SILENCE:g} s", False)
        try:
            when, why = self._refused
            if when > asked:
                raise self._unreachable(why, False)
            yield
        finally:
            self._lock.release()

    def _begin(self, write: bool) -> _Connection:
        """Begin a transaction; connect again if the server has closed the connection."""
        db = self._connected()
        try:
            db.begin(write)
        except NoAnswerError:
            raise
        except psycopg.OperationalError:
            self.close()
            db = self._connected()
            db.begin(write)
        return db

    def _take_turn(self, db: _Connection) -> None:
        """Wait until no other process writes, then lock out writers until the transaction ends."""
        db.execute(f"SET LOCAL lock_timeout = {round(self.schema.busy_seconds * 1000)}")
        db.execute("SELECT pg_advisory_xact_lock(?)", (self.schema.application_id,))

    def _connected(self) -> _Connection:
        if self._connection is not None:
            return self._connection
        try:
            db = _Connection(self.path)
        except psycopg.OperationalError as error:
            self._refused = time.monotonic(), " ".join(str(error).split())
            raise
        try:
            self._prepare(db)
        except BaseException:
            db.close()
            raise
        self._hold(db)
        return db

    def _prepare(self, db: _Connection) -> None:
        """Create the tables if they are missing; check that schema and version are the expected."""
        db.execute(f"SET search_path TO {self._space}")
        db.execute("SET synchronous_commit TO on")
        db.execute(f"SET statement_timeout TO {round(SILENCE * 1000)}")
        db.execute("SET client_encoding TO 'UTF8'")
        if (row := db.execute(_THERE, (self._space,)).fetchone()) is None:
            self._create(db)
            row = db.execute(_THERE, (self._space,)).fetchone()
        self._check_usage(db)
        (mark,) = row
        if mark != self._mark:
            raise self.schema.error(
                f"{self.path} has a schema {self._space} of another version: {mark}, not "
                f"{self._mark}.",
                self.schema.or_other("Open it with the version that wrote it"),
            )
        self._check(db)

    @property
    def _mark(self) -> str:
        return f"{self.schema.noun}, version {self.schema.version}"

    def _create(self, db: _Connection) -> None:
        """Create the tables, unless another process creates them at this moment."""
        db.execute("BEGIN")
        try:
            self._take_turn(db)
            db.execute(f"CREATE SCHEMA {self._space}")
            for statement in _statements(self.schema):
                db.execute(statement)
            db.execute(f"COMMENT ON SCHEMA {self._space} IS '{self._mark}'")
            db.execute("COMMIT")
        except psycopg.Error as error:
            db.execute("ROLLBACK")
            if not isinstance(error, errors.DuplicateSchema | errors.UniqueViolation):
                raise

    def _check_usage(self, db: _Connection) -> None:
        """Raise the schema's error if the role may not look into the namespace: it would seem to
        have no tables and triggers."""
        usage = "SELECT has_schema_privilege(?, 'USAGE'), current_user"
        usable, role = db.execute(usage, (self._space,)).fetchone()
        if not usable:
            raise self._forbidden(f"the role {role} has no USAGE of the schema {self._space}")

    def _check_owner(self, db: _Connection) -> None:
        """Raise the schema's error if the role may not replace rows, as the owner of the tables."""
        (table, *_) = self.schema.tables
        owns, owner, role = db.execute(_OWNER, (table,)).fetchone()
        if not owns:
            raise self.schema.error(
                f"Only {owner}, the owner of its tables, can replace the {self.schema.noun} "
                f"{self.path}; the role is {role}. Nothing was written.",
                f"Name {owner} in the address: postgresql://{owner}@HOST/DATABASE. Other rights "
                "are not enough.",
            )

    def _forbidden(self, fact: str) -> InficondError:
        """Return the schema's error for missing rights, with the rights that are needed."""
        return self.schema.error(
            f"The {self.schema.noun} {self.path} may not be used so: {fact}. Nothing was written.",
            self.schema.or_other(
                "Ask the owner of the database for these rights: to read, USAGE on the schema "
                f"{self._space} and SELECT on its tables; to write, also INSERT on its tables, and "
                "UPDATE and DELETE on its table files; to make the schema, CREATE on the database"
            ),
        )

    def _unreachable(self, fact: str, unsure: bool) -> InficondError:
        """Return the schema's error for a server that does not answer; ``unsure``: the last change
        may have been written."""
        written = (
            "The last change may have been written: check before you repeat it."
            if unsure
            else "Nothing was written."
        )
        return self.schema.error(
            f"The {self.schema.noun} {self.path} cannot be reached: {fact}. {written}",
            self.schema.or_other("Start the server, or allow this machine to connect"),
        )

    def _check(self, db: _Connection) -> None:
        """Raise the schema's error if a trigger that makes a table append-only is not enabled."""
        enabled = {name for name, letter, *_ in db.execute(_TRIGGERS) if letter == "O"}
        for table in self.schema.append_only:
            if f"{table}_append_only" not in enabled or f"{table}_truncate" not in enabled:
                fact = f"its table {table!r} lacks the triggers that refuse changes"
                raise self.schema.damaged(self.path, fact)

    def _explained(self, error: psycopg.Error, ending: bool) -> InficondError:
        """Return the schema's error for an error of PostgreSQL; ``ending``: raised by COMMIT."""
        schema, text = self.schema, " ".join(str(error).split())
        where = f"The {schema.noun} {self.path}"
        if isinstance(error, errors.LockNotAvailable):
            return schema.error(
                f"{where} is in use by another process for {schema.busy_seconds:g} s. Nothing was "
                "written.",
                schema.or_other("Wait for it to finish"),
            )
        if isinstance(error, errors.InsufficientPrivilege):
            return self._forbidden(text)
        if isinstance(error, errors.ReadOnlySqlTransaction):
            return schema.error(
                f"{where} cannot be written: {text}.",
                schema.or_other("Connect to the primary server, which accepts changes"),
            )
        if isinstance(error, errors.RaiseException | errors.IntegrityError | psycopg.DataError):
            return schema.error(f"{where} refused a change: {text}.")
        if error.sqlstate and not error.sqlstate.startswith(("08", "57", "53", "28", "3D")):
            return schema.damaged(self.path, text)
        self.close()
        return self._unreachable(text, ending)

    def exists(self) -> bool:
        """Return True if the database has the tables; connects anew, and makes nothing."""
        try:
            db = _Connection(self.path)
            try:
                return db.execute(_THERE, (self._space,)).fetchone() is not None
            finally:
                db.close()
        except psycopg.Error as error:
            raise self._explained(error, ending=False) from error

    def check(self) -> None:
        """Connect; raise the schema's error if the tables are damaged or of another version."""
        with self.transaction():
            pass

    def serialize(self) -> bytes:
        """Return a copy of all current rows, as the bytes of an SQLite file."""
        copy = Database(":memory:", self.schema)
        with self.transaction() as rows, copy.transaction(write=True) as db:
            db.execute("PRAGMA defer_foreign_keys = ON")
            for table in self.schema.tables:
                _copy(rows, db, table)
        return copy.serialize()

    def overwrite_with(self, other: Database) -> None:
        """Replace all rows by the rows of an SQLite file of the same schema.

        Needs the rights of the owner of the tables, who alone can disable their triggers.
        """
        with other.transaction() as rows, self.transaction(write=True) as db:
            self._check_owner(db)
            for table in self.schema.append_only:
                db.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            for table in reversed(self.schema.tables):
                db.execute(f"DELETE FROM {table}")  # noqa: S608 - a name of the schema
            for table in self.schema.tables:
                _copy(rows, db, table)
            db.execute("SET CONSTRAINTS ALL IMMEDIATE")
            for table in self.schema.append_only:
                db.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


_shared: dict[str, PostgresDatabase] = {}


def shared_database(url: str, schema: Schema) -> PostgresDatabase:
    """Return the database at ``url``, with one connection for the whole process."""
    if url not in _shared:
        _shared[url] = PostgresDatabase(url, schema)
    return _shared[url]


def check_address(url: str, schema: Schema) -> None:
    """Raise the schema's error for an address that libpq cannot read, or with a password."""
    shown = url.partition("://")[0] + "://…"
    try:
        parts = conninfo_to_dict(url)
    except psycopg.Error as error:
        raise schema.error(
            f"{shown} is not an address of PostgreSQL.",
            "Write it as libpq does: postgresql://user@host:5432/database",
        ) from error
    if secrets := [option for option in _secrets() if parts.get(option)]:
        raise schema.error(
            f"The address {shown} holds a secret, {secrets[0]}, which pages and logs would show.",
            "Leave it out, and write the password to ~/.pgpass.",
        )


def _secrets() -> list[str]:
    """Return the options of libpq that programs should hide, and keys."""
    hidden = [each.keyword.decode() for each in Conninfo.get_defaults() if b"*" in each.dispchar]
    return [*hidden, "scram_client_key", "scram_server_key"]


def _defaults(url: str) -> dict[str, Any]:
    """Return those of ``_DEFAULTS`` that this libpq knows, and neither ``url`` nor the environment
    sets."""
    given = conninfo_to_dict(url)
    options = {
        each.keyword.decode(): (each.envvar or b"").decode() for each in Conninfo.get_defaults()
    }
    return {
        name: value
        for name, value in _DEFAULTS.items()
        if name in options and name not in given and options[name] not in os.environ
    }


def _copy(rows: Any, db: Any, table: str) -> None:
    for row in rows.execute(f"SELECT * FROM {table}"):  # noqa: S608 - a name of the schema
        marks = ", ".join("?" * len(row))
        db.execute(f"INSERT INTO {table} VALUES ({marks})", tuple(row))  # noqa: S608


def _statements(schema: Schema) -> Iterator[str]:
    """Yield the SQL statements that create the tables of ``schema`` and the table ``files``."""
    for table, columns in schema.tables.items():
        for word, type_ in _TYPES.items():
            columns = columns.replace(word, type_)  # noqa: PLW2901
        yield f"CREATE TABLE {table} ({columns})"
    yield "CREATE TABLE files (name TEXT PRIMARY KEY, content BYTEA NOT NULL)"
    yield from (f"CREATE INDEX {name} ON {columns}" for name, columns in schema.indexes.items())
    yield _REFUSE
    for table in schema.append_only:
        yield (
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION append_only()"
        )
        yield (
            f"CREATE TRIGGER {table}_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION append_only()"
        )
