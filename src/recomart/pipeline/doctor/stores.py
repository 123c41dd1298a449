"""Checks of the stores: warehouse, online store, event log, the database that computes."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from recomart.errors import (
    IntegrityError,
    MissingExtraError,
    StoreUnavailableError,
)
from recomart.events.file import OURS, VERSION
from recomart.features.online import OnlineFeatures, open_online
from recomart.features.online.base import State
from recomart.features.online.read import freshness_of
from recomart.lake import open_lake
from recomart.pipeline.doctor.finding import Finding
from recomart.pipeline.doctor.machine import POSTGRES
from recomart.settings.places import scheme_of, shown
from recomart.vocabulary import layer_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from recomart.pipeline.doctor.finding import Subject


@contextmanager
def looked_at(path: Path, patience_s: float) -> Iterator[sqlite3.Connection]:
    """Open an SQLite file without changing it. Raises StoreUnavailableError, IntegrityError.

    Nobody writes to a file without a write-ahead log beside it, so it is read as it lies.
    """
    still = "" if path.with_name(f"{path.name}-wal").exists() else "&immutable=1"
    address = f"file:{quote(str(path))}?mode=ro{still}"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=patience_s)) as con:
            yield con
    except sqlite3.OperationalError as error:
        raise StoreUnavailableError(str(path), str(error)) from error
    except sqlite3.DatabaseError as error:
        raise IntegrityError(
            f"{path} is damaged: {error}.",
            remedy="Move it away, and make it anew: `recomart load-warehouse --force`, "
            "`recomart materialise --force`; of an event log, `sqlite3 FILE .recover` first.",
        ) from error


def warehouse(subject: Subject) -> Iterator[Finding]:
    """Look whether the warehouse can be read."""
    place = subject.loaded.settings.paths.warehouse
    if scheme_of(place) in POSTGRES:
        _ask_postgres(place, subject.patience_s)
        yield Finding("warehouse", ok=True, found=f"{shown(place)} answers")
        return
    path = subject.loaded.path(place)
    if not path.exists():
        yield Finding.note("warehouse", "not there yet", "Run `recomart load-warehouse`.")
        return
    with looked_at(path, subject.patience_s / 2) as con:
        [n] = con.execute(
            "SELECT count(*) FROM sqlite_master WHERE name NOT LIKE '\\_%' ESCAPE '\\'"
        ).fetchone()
    yield Finding("warehouse", ok=True, found=f"{n} tables")


def online(subject: Subject) -> Iterator[Finding]:
    """Look whether the online store answers, has what the lake has, and is fresh.

    Old features are no fault of the store, so they are a note; `recomart features freshness` ends
    with 1 for them.
    """
    found = _freshness(subject)
    if not found:
        yield Finding.note("online store", "empty", "Run `recomart materialise`.")
        return
    there = {view["view"]: view["version"] for view in found}
    lake = dict(_in_the_lake(subject))
    behind = [name for name, version in there.items() if lake.get(name, version) != version]
    old = [view["view"] for view in found if not view["is_fresh"]]
    told = f"{len(found)} views, {sum(view['rows'] for view in found):,} rows"
    if behind:
        told += f"; behind the lake: {', '.join(behind)}"
        yield Finding.note("online store", told, "Run `recomart materialise`.")
    elif old:
        told += f"; {len(old)} older than promised, as of {min(view['as_of'] for view in found)}"
        yield Finding.note("online store", told, "Run `recomart run` once there are new events.")
    else:
        yield Finding("online store", ok=True, found=told)


def _freshness(subject: Subject) -> list[dict[str, Any]]:
    """Return what the store says of its views; nothing is made there."""
    loaded, place = subject.loaded, subject.loaded.settings.paths.online
    if scheme_of(place) in POSTGRES and not _ask_postgres(
        place, subject.patience_s, "SELECT to_regclass('recomart_online.state')"
    ):
        return []
    if scheme_of(place):
        features = OnlineFeatures(open_online(place, loaded.folder, subject.patience_s / 2))
        with closing(features):
            return features.freshness()
    path = loaded.path(place)
    if not path.exists():
        return []
    with looked_at(path, subject.patience_s / 2) as con:
        rows = con.execute("SELECT state FROM _state ORDER BY view").fetchall()
    return [freshness_of(State.read(state)) for (state,) in rows]


def _in_the_lake(subject: Subject) -> Iterator[tuple[str, str]]:
    lake = open_lake(subject.loaded)
    for name in lake.names():
        if layer_of(name) == "features":
            yield name, lake.latest(name).version


def event_log(subject: Subject) -> Iterator[Finding]:
    """Look at the event log of the service, and whether a source brings it into the lake."""
    settings = subject.loaded.settings
    path = subject.loaded.path(settings.serving.events)
    if not path.exists():
        return
    with looked_at(path, subject.patience_s / 2) as con:
        about = [
            con.execute(f"PRAGMA {one}").fetchone()[0] for one in ("application_id", "user_version")
        ]
        if about != [OURS, VERSION]:
            raise IntegrityError(
                f"{path} is no event log of this release.",
                remedy="Name another file in `serving.events`, or use the release that made it.",
            )
        [n] = con.execute("SELECT count(*) FROM events").fetchone()
    told = f"{n:,} events kept"
    drains = [s.path for s in settings.sources.values() if s.kind == "event_log"]
    if path in [subject.loaded.path(drain) for drain in drains]:
        yield Finding("event log", ok=True, found=told)
    else:
        remedy = "Add a source of `kind: event_log`, so that models learn from them."
        yield Finding.note("event log", f"{told}; no source brings them into the lake", remedy)


def engine(subject: Subject) -> Iterator[Finding]:
    """Look whether the database that computes features answers, where one does."""
    settings = subject.loaded.settings.engine
    if settings.kind == "postgres":
        _ask_postgres(settings.postgres, subject.patience_s)
        yield Finding("engine", ok=True, found=f"{shown(settings.postgres)} answers")


def _ask_postgres(place: str, patience_s: float, query: str = "SELECT 1") -> object:
    """Ask a database something, in a transaction that may not write."""
    try:
        import psycopg
    except ModuleNotFoundError:
        raise MissingExtraError("psycopg", "postgres") from None
    wait = max(2, round(patience_s / 2))  # libpq takes 1 for 2
    options = f"-c default_transaction_read_only=on -c statement_timeout={wait * 1000}"
    try:
        with psycopg.connect(place, connect_timeout=wait, options=options) as con:
            found = con.execute(query.encode()).fetchone()
    except psycopg.Error as error:
        raise StoreUnavailableError(f"PostgreSQL at {shown(place)}", str(error)) from None
    return found[0] if found else None
