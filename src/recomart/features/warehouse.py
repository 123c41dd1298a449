"""The warehouse: the features in SQLite tables, for SQL and for look-ups by key."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import adbc_driver_sqlite.dbapi as adbc
import pyarrow as pa

from recomart.errors import NotFoundError
from recomart.features.views import VIEWS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from recomart.features.definition import FeatureView
    from recomart.lake import Manifest, Workbench
    from recomart.settings import FeatureSettings

SQL_TYPES = {"string": "TEXT", "int64": "INTEGER", "float64": "REAL", "boolean": "INTEGER"}
LOADS = """
CREATE TABLE IF NOT EXISTS _loads (
    view TEXT PRIMARY KEY, -- feature view
    version TEXT NOT NULL, -- version of the data set that its table holds
    shape TEXT NOT NULL,   -- the statement that made its table
    rows INTEGER NOT NULL,
    loaded_at TEXT NOT NULL
)
"""


def load_warehouse(bench: Workbench) -> None:
    """Bring each view's table to the current version of its data set.

    A version that is loaded already costs nothing. A new one replaces the content of the table in
    one transaction: a reader, or a run that is killed, sees the old rows or the new ones.
    """
    path = bench.loaded.path(bench.settings.paths.warehouse)
    path.parent.mkdir(parents=True, exist_ok=True)
    for view in VIEWS.values():
        manifest = bench.lake.latest(view.name)
        statement = create_statement(view, bench.settings.features)
        if not is_loaded(path, view.name, manifest.version, statement):
            staging = _stage(bench, path, manifest)
            _swap(path, view, manifest, statement, staging)
            bench.log.info("view_loaded", view=view.name, rows=manifest.rows)


def create_statement(view: FeatureView, settings: FeatureSettings) -> str:
    """Return the documented DDL of a view's table; every name comes from its definition."""
    says = {feature.name: feature.says for feature in view.features(settings)}
    lines = [
        f"    {column} {SQL_TYPES[dtype]}{' NOT NULL' if column in view.keys else ''}, "
        f"-- {says.get(column, 'key')}"
        for column, dtype in view.columns(settings).items()
    ]
    keys = ", ".join(view.keys)
    body = "\n".join(lines)
    return (
        f"CREATE TABLE {view.name} ( -- {view.says}; version {view.version}\n"
        f"{body}\n    PRIMARY KEY ({keys})\n) WITHOUT ROWID"
    )


def is_loaded(path: Path, view: str, version: str, statement: str) -> bool:
    """Tell whether a table holds this version in this shape."""
    with closing(sqlite3.connect(path)) as con:
        con.execute("PRAGMA journal_mode = WAL")
        con.execute(LOADS)
        found = con.execute("SELECT version, shape FROM _loads WHERE view = ?", (view,)).fetchone()
    return bool(found == (version, statement))


def _stage(bench: Workbench, path: Path, manifest: Manifest) -> Path:
    """Load the rows in bulk into a database of their own beside the warehouse.

    The bulk loader brings an SQLite of its own; two of them on one file in one process would undo
    each other's locks.
    """
    staging = path.with_name(f"{path.name}.staging")
    staging.unlink(missing_ok=True)
    rows = bench.stream(bench.open_files(manifest.files, manifest))
    with adbc.connect(str(staging)) as con, con.cursor() as cursor:
        cursor.adbc_ingest("staged", _plain(rows), mode="create")
        con.commit()
    return staging


def _plain(rows: pa.RecordBatchReader) -> pa.RecordBatchReader:
    """Give booleans as integers, which is what SQLite has."""
    schema = pa.schema(
        [f.with_type(pa.int64()) if pa.types.is_boolean(f.type) else f for f in rows.schema]
    )
    return pa.RecordBatchReader.from_batches(schema, (batch.cast(schema) for batch in rows))


def _swap(path: Path, view: FeatureView, manifest: Manifest, statement: str, staging: Path) -> None:
    """Put the staged rows into the view's table, all at once."""
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    with closing(sqlite3.connect(path, isolation_level=None)) as con:
        con.execute("ATTACH ? AS staging", (str(staging),))
        con.execute("BEGIN IMMEDIATE")
        con.execute(f"DROP TABLE IF EXISTS {view.name}")
        con.execute(statement)
        con.execute(f"INSERT INTO {view.name} SELECT * FROM staging.staged")  # noqa: S608
        con.execute(
            "INSERT OR REPLACE INTO _loads VALUES (?, ?, ?, ?, ?)",
            (view.name, manifest.version, statement, manifest.rows, now),
        )
        con.execute("COMMIT")
    staging.unlink()


def read_features(path: Path, view: str, keys: Sequence[tuple[str, ...]]) -> list[dict[str, Any]]:
    """Return the rows with these keys, in their order; a key that is not there gives no row.

    Raises NotFoundError for a view that is not defined or not loaded.
    """
    if view not in VIEWS or not path.is_file():
        raise NotFoundError.of("feature view", view, VIEWS if path.is_file() else ())
    condition = " AND ".join(f"{key} = ?" for key in VIEWS[view].keys)
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as con:
        con.row_factory = sqlite3.Row
        rows = [
            con.execute(f"SELECT * FROM {view} WHERE {condition}", key).fetchone()  # noqa: S608
            for key in keys
        ]
    return [dict(row) for row in rows if row is not None]
