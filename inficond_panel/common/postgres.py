"""A PostgreSQL database with a fixed schema, used like an SQLite file, for several servers.

Addresses are those of libpq, ``postgresql://user@host/database``, without a password, since pages
and logs show them. libpq takes the password from ``PGPASSWORD`` or ``~/.pgpass``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from inficond_panel.common.database import Connected
from inficond_panel.common.installation import needs
from inficond_panel.common.sqlite_file import Database, Schema
from inficond_panel.errors import InficondError

with needs("A history in PostgreSQL", "postgres"):
    import psycopg
    from psycopg import errors
    from psycopg.conninfo import conninfo_to_dict

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


class _Connection:
    """A connection to PostgreSQL that accepts SQL written for SQLite."""

    def __init__(self, url: str, seconds: float) -> None:
        self._connection = psycopg.connect(
            url,
            autocommit=True,
            connect_timeout=round(seconds),
            application_name="inficond",
            row_factory=_rows,
        )
        self.close = self._connection.close

    def execute(self, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> Any:
        """Execute a statement with ``?`` in place of its values; return its rows."""
        return self._connection.execute(sql.replace("?", "%s").encode(), values or None)

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

    @contextlib.contextmanager
    def transaction(self, write: bool = False) -> Iterator[_Connection]:
        """Run the block in a transaction: durable when it ends, rolled back if it raises.

        With ``write``, waits until no other process writes."""
        with self._lock:
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

    def _begin(self, write: bool) -> _Connection:
        """Begin a transaction; connect again if the server has closed the connection."""
        db = self._connected()
        how = "BEGIN" if write else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        try:
            db.execute(how)
        except psycopg.OperationalError:
            self.close()
            db = self._connected()
            db.execute(how)
        return db

    def _take_turn(self, db: _Connection) -> None:
        """Wait until no other process writes, then lock out writers until the transaction ends."""
        db.execute(f"SET LOCAL lock_timeout = {round(self.schema.busy_seconds * 1000)}")
        db.execute("SELECT pg_advisory_xact_lock(?)", (self.schema.application_id,))

    def _connected(self) -> _Connection:
        if self._connection is not None:
            return self._connection
        db = _Connection(self.path, self.schema.busy_seconds)
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
        db.execute("SET client_encoding TO 'UTF8'")
        there = "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = ?"
        if (row := db.execute(there, (self._space,)).fetchone()) is None:
            self._create(db)
            row = db.execute(there, (self._space,)).fetchone()
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
        if isinstance(error, errors.InsufficientPrivilege | errors.ReadOnlySqlTransaction):
            return schema.error(
                f"{where} cannot be written: {text}.",
                schema.or_other("Ask for the rights to read and to insert"),
            )
        if isinstance(error, errors.RaiseException | errors.IntegrityError | psycopg.DataError):
            return schema.error(f"{where} refused a change: {text}.")
        if error.sqlstate and not error.sqlstate.startswith(("08", "57P", "53", "28", "3D")):
            return schema.damaged(self.path, text)
        self.close()
        unsure = "The last change may have been written: check before you repeat it."
        return schema.error(
            f"{where} cannot be reached: {text}. {unsure if ending else 'Nothing was written.'}",
            schema.or_other("Start the server, or allow this machine to connect"),
        )

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
    if parts.get("password"):
        raise schema.error(
            f"The address {shown} holds a password, which pages and logs would show.",
            "Leave the password out, and set PGPASSWORD, or write it to ~/.pgpass.",
        )


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
