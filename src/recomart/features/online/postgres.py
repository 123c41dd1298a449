"""The online store in PostgreSQL: a table a generation, swapped by one transaction."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from recomart.errors import MissingExtraError, SettingsError, StoreUnavailableError
from recomart.features.online.base import BEHIND, PART, State, overtaken, table_of
from recomart.features.online.threads import PerThread
from recomart.settings.places import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from psycopg import Connection

    from recomart.features.online.base import Row

SCHEMA = "recomart_online"
TABLES = f"""
CREATE SCHEMA IF NOT EXISTS {SCHEMA};
CREATE TABLE IF NOT EXISTS {SCHEMA}.state (
    view text PRIMARY KEY, held text NOT NULL, state text NOT NULL
);
CREATE TABLE IF NOT EXISTS {SCHEMA}.making (
    view text PRIMARY KEY, held text NOT NULL, batches integer NOT NULL
);
COMMENT ON TABLE {SCHEMA}.state IS 'the current generation of each feature view';
COMMENT ON TABLE {SCHEMA}.making IS 'generations in the making, and how far they are';
"""
LOCK = 7_253_002
TRIES = 5
"""Times that a read looks for a generation that is replaced under its hands."""
CONNECT_S, ANSWER_S = 3, 30
Found = TypeVar("Found")


class PostgresStore:
    """See `OnlineStore`. Threads have a connection each; one that is lost is opened again."""

    def __init__(self, url: str, answer_s: float = ANSWER_S) -> None:
        try:
            import psycopg
        except ModuleNotFoundError:
            raise MissingExtraError("psycopg", "postgres") from None
        self._psycopg = psycopg
        self._name = f"PostgreSQL at {shown(url)}"
        self._url = url
        self._answer_s = answer_s
        self._threads: PerThread[Connection] = PerThread(self._connect)
        with self._trouble(), self._transaction() as con:
            # two at once would both create the schema
            con.execute(f"SELECT pg_advisory_xact_lock({LOCK})")
            con.execute(TABLES)

    def state(self, view: str) -> State | None:
        """See `OnlineStore`."""
        query = f"SELECT state FROM {SCHEMA}.state WHERE view = %s"
        with self._trouble():
            found = self._again(lambda con: con.execute(query, (view,)).fetchone())
        return State.read(found[0]) if found else None

    def views(self) -> list[str]:
        """See `OnlineStore`."""
        query = f"SELECT view FROM {SCHEMA}.state"
        with self._trouble():
            rows = self._again(lambda con: con.execute(query).fetchall())
        return sorted(row[0] for row in rows)

    def get(self, view: str, keys: Sequence[bytes]) -> list[bytes | None]:
        """See `OnlineStore`; a generation that goes while it is read is looked up again."""

        def read(con: Connection) -> dict[bytes, bytes]:
            held = _current(con, view)
            if held is None:
                return {}
            # the name of a table is a hash of ours, never what somebody gave
            query = f"SELECT key, value FROM {SCHEMA}.{held} WHERE key = ANY(%s)"
            return dict(con.execute(query, (list(keys),), binary=True).fetchall())

        with self._trouble():
            found = self._again(read)
        return [found.get(key) for key in keys]

    def under(self, view: str, begin: bytes) -> list[Row]:
        """See `OnlineStore`."""

        def read(con: Connection) -> list[Row]:
            held = _current(con, view)
            if held is None:
                return []
            query = (
                f"SELECT key, value FROM {SCHEMA}.{held} WHERE key = %s OR (key >= %s AND key < %s)"
            )
            bounds = (begin, begin + PART, begin + BEHIND)
            return con.execute(query, bounds, binary=True).fetchall()

        with self._trouble():
            return self._again(read)

    def tidy(self) -> None:
        """See `OnlineStore`; dead rows go, the server's own logs are beyond reach."""
        with self._trouble():
            tables = self._con().execute(f"SELECT held FROM {SCHEMA}.state").fetchall()
            for (held,) in tables:
                self._con().execute(f"VACUUM {SCHEMA}.{held}")

    def progress(self, view: str, version: str) -> int:
        """See `OnlineStore`."""
        with self._trouble(), self._transaction() as con:
            held = table_of(view, version, _current(con, view))
            query = f"SELECT held, batches FROM {SCHEMA}.making WHERE view = %s"
            there = con.execute(query, (view,)).fetchone()
            if there and there[0] == held:
                return int(there[1])
            if there:
                con.execute(f"DROP TABLE IF EXISTS {SCHEMA}.{there[0]}")
                con.execute(f"DELETE FROM {SCHEMA}.making WHERE view = %s", (view,))
            con.execute(f"DROP TABLE IF EXISTS {SCHEMA}.{held}")
            con.execute(f"CREATE TABLE {SCHEMA}.{held} (key bytea PRIMARY KEY, value bytea)")
            con.execute(
                f"INSERT INTO {SCHEMA}.making VALUES (%s, %s, 0)",
                (view, held),
            )
        return 0

    def put(self, view: str, version: str, number: int, rows: Sequence[Row]) -> None:
        """See `OnlineStore`."""
        update = (
            f"UPDATE {SCHEMA}.making SET batches = greatest(batches, %s) "
            "WHERE view = %s AND held = %s"
        )
        with self._trouble(), self._transaction() as con:
            held = table_of(view, version, _current(con, view))
            if not con.execute(update, (number + 1, view, held)).rowcount:
                raise overtaken(self._name, view)
            _copy(con, held, rows)

    def publish(self, state: State) -> None:
        """See `OnlineStore`."""
        made = f"DELETE FROM {SCHEMA}.making WHERE view = %s AND held = %s"
        with self._trouble(), self._transaction() as con:
            before = _current(con, state.view)
            held = table_of(state.view, state.version, before)
            if not con.execute(made, (state.view, held)).rowcount:
                raise overtaken(self._name, state.view)
            con.execute(
                f"INSERT INTO {SCHEMA}.state VALUES (%s, %s, %s) ON CONFLICT (view) "
                "DO UPDATE SET held = EXCLUDED.held, state = EXCLUDED.state",
                (state.view, held, state.model_dump_json()),
            )
            if before:
                con.execute(f"DROP TABLE {SCHEMA}.{before}")

    def patch(self, state: State, rows: Sequence[Row], gone: Iterable[bytes]) -> None:
        """See `OnlineStore`."""
        with self._trouble(), self._transaction() as con:
            held = str(_current(con, state.view))
            _copy(con, held, rows)
            delete = f"DELETE FROM {SCHEMA}.{held} WHERE key = ANY(%s)"
            con.execute(delete, (list(gone),))
            update = f"UPDATE {SCHEMA}.state SET state = %s WHERE view = %s"
            con.execute(update, (state.model_dump_json(), state.view))

    def close(self) -> None:
        """See `OnlineStore`."""
        self._threads.close()

    def _connect(self) -> Connection:
        try:
            return self._psycopg.connect(
                self._url,
                autocommit=True,
                connect_timeout=CONNECT_S,
                options=f"-c statement_timeout={round(self._answer_s * 1e3)}",
            )
        except self._psycopg.ProgrammingError:  # its words may hold a piece of the password
            raise SettingsError(
                "The URL of the online store in PostgreSQL cannot be read.",
                remedy="Set `paths.online` to postgresql://user:password@host:5432/database; "
                "write / @ : in a password as %2F %40 %3A.",
            ) from None

    def _again(self, read: Callable[[Connection], Found]) -> Found:
        """Read; again on a new connection if ours was lost, or if the generation went."""
        for _ in range(TRIES):
            try:
                return read(self._con())
            except self._psycopg.errors.UndefinedTable:  # noqa: PERF203 -- that is what may happen
                continue  # the generation that was looked up is gone: look again
            except self._psycopg.OperationalError:
                if not self._threads.mine().closed:
                    raise
        return read(self._con())

    def _con(self) -> Connection:
        con = self._threads.mine()
        if con.closed:
            self._threads.drop()
            con = self._threads.mine()
        return con

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        con = self._con()
        with con.transaction():
            yield con

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        try:
            yield
        except (self._psycopg.Error, OSError) as error:
            raise StoreUnavailableError(self._name, str(error)) from error


def _current(con: Connection, view: str) -> str | None:
    query = f"SELECT held FROM {SCHEMA}.state WHERE view = %s"
    found = con.execute(query, (view,)).fetchone()
    return str(found[0]) if found else None


def _copy(con: Connection, held: str, rows: Sequence[Row]) -> None:
    """Bring rows in by COPY; those that are there are replaced."""
    con.execute("CREATE TEMP TABLE batch (key bytea, value bytea) ON COMMIT DROP")
    with con.cursor().copy("COPY batch FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(["bytea", "bytea"])
        for row in dict(rows).items():  # of one key the last, as in the other stores
            copy.write_row(row)
    con.execute(
        f"INSERT INTO {SCHEMA}.{held} SELECT * FROM batch "
        "ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value"
    )
