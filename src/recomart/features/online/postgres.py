"""The online store in PostgreSQL: a table a generation, swapped by one transaction."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from recomart.errors import MissingExtraError, StoreUnavailableError
from recomart.features.online.base import State
from recomart.lake import hash_of
from recomart.settings.places import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

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
CONNECT_S, ANSWER_S = 3, 30


class PostgresStore:
    """See `OnlineStore`. One connection, used by one thread at a time (psycopg sees to it)."""

    def __init__(self, url: str, answer_s: float = ANSWER_S) -> None:
        try:
            import psycopg
        except ModuleNotFoundError:
            raise MissingExtraError("psycopg", "postgres") from None
        self._psycopg = psycopg
        self._name = f"PostgreSQL at {shown(url)}"
        with self._trouble():
            self._con: Any = psycopg.connect(
                url,
                autocommit=True,
                connect_timeout=CONNECT_S,
                options=f"-c statement_timeout={round(answer_s * 1e3)}",
            )
            with self._transaction() as con:  # two at once would both create the schema
                con.execute(f"SELECT pg_advisory_xact_lock({LOCK})")
                con.execute(TABLES)

    def state(self, view: str) -> State | None:
        """See `OnlineStore`."""
        with self._trouble():
            query = f"SELECT state FROM {SCHEMA}.state WHERE view = %s"
            found = self._con.execute(query, (view,)).fetchone()
        return State.model_validate_json(found[0]) if found else None

    def views(self) -> list[str]:
        """See `OnlineStore`."""
        with self._trouble():
            rows = self._con.execute(f"SELECT view FROM {SCHEMA}.state")
            return sorted(row[0] for row in rows)

    def get(self, view: str, keys: Sequence[bytes]) -> list[bytes | None]:
        """See `OnlineStore`; a generation that goes while it is read is looked up again."""
        with self._trouble():
            try:
                found = self._get(view, keys)
            except self._psycopg.errors.UndefinedTable:
                found = self._get(view, keys)
        return [found.get(key) for key in keys]

    def _get(self, view: str, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        with self._transaction() as con:
            held = self._held(view)
            if held is None:
                return {}
            # the name of a table is a hash of ours, never what somebody gave
            query = f"SELECT key, value FROM {SCHEMA}.{held} WHERE key = ANY(%s)"
            return dict(con.execute(query, (list(keys),), binary=True).fetchall())

    def progress(self, view: str, version: str) -> int:
        """See `OnlineStore`."""
        held = _table(view, version)
        with self._trouble(), self._transaction() as con:
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
        held = _table(view, version)
        with self._trouble(), self._transaction() as con:
            self._copy(held, rows)
            con.execute(
                f"UPDATE {SCHEMA}.making SET batches = greatest(batches, %s) "
                "WHERE view = %s AND held = %s",
                (number + 1, view, held),
            )

    def publish(self, state: State) -> None:
        """See `OnlineStore`."""
        held = _table(state.view, state.version)
        with self._trouble(), self._transaction() as con:
            before = self._held(state.view)
            con.execute(
                f"INSERT INTO {SCHEMA}.state VALUES (%s, %s, %s) ON CONFLICT (view) "
                "DO UPDATE SET held = EXCLUDED.held, state = EXCLUDED.state",
                (state.view, held, state.model_dump_json()),
            )
            con.execute(f"DELETE FROM {SCHEMA}.making WHERE view = %s", (state.view,))
            if before and before != held:
                con.execute(f"DROP TABLE {SCHEMA}.{before}")

    def patch(self, state: State, rows: Sequence[Row], gone: Iterable[bytes]) -> None:
        """See `OnlineStore`."""
        with self._trouble(), self._transaction() as con:
            held = str(self._held(state.view))
            self._copy(held, rows)
            delete = f"DELETE FROM {SCHEMA}.{held} WHERE key = ANY(%s)"
            con.execute(delete, (list(gone),))
            update = f"UPDATE {SCHEMA}.state SET state = %s WHERE view = %s"
            con.execute(update, (state.model_dump_json(), state.view))

    def close(self) -> None:
        """See `OnlineStore`."""
        self._con.close()

    def _held(self, view: str) -> str | None:
        query = f"SELECT held FROM {SCHEMA}.state WHERE view = %s"
        found = self._con.execute(query, (view,)).fetchone()
        return str(found[0]) if found else None

    def _copy(self, held: str, rows: Sequence[Row]) -> None:
        """Bring rows in by COPY; those that are there are replaced."""
        self._con.execute("CREATE TEMP TABLE batch (key bytea, value bytea) ON COMMIT DROP")
        with self._con.cursor().copy("COPY batch FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["bytea", "bytea"])
            for row in rows:
                copy.write_row(row)
        self._con.execute(
            f"INSERT INTO {SCHEMA}.{held} SELECT * FROM batch "
            "ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value"
        )

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        with self._con.transaction():
            yield self._con

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        try:
            yield
        except (self._psycopg.Error, OSError) as error:
            raise StoreUnavailableError(self._name, str(error)) from error


def _table(view: str, version: str) -> str:
    return f"g_{hash_of(view, version)}"
