"""The online store: the newest values of features by key, for serving.

Reads    data sets of feature views
Writes   an SQLite file, Redis or PostgreSQL
Imports  lake, errors; never Ibis, so that serving starts light

Another store is a file with the verbs of `OnlineStore` and a line in `open_online`;
`recomart.testing.online_stores` holds it to its promises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from recomart.features.online.base import OnlineStore, State
from recomart.features.online.columns import ColumnTable
from recomart.features.online.read import OnlineFeatures
from recomart.settings.places import scheme_of

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ColumnTable", "OnlineFeatures", "OnlineStore", "State", "is_local", "open_online"]


def is_local(place: str) -> bool:
    """Whether a place is a file here: it is read sooner than a thread is woken."""
    return not scheme_of(place)


def open_online(place: str, folder: Path, patience_s: float | None = None) -> OnlineStore:
    """Open a store: postgresql://…, redis://…, or an SQLite file relative to `folder`.

    patience_s  how long to wait for an SQLite file that another process has locked; None: as usual

    Raises StoreUnavailableError, MissingExtraError.
    """
    scheme = scheme_of(place)
    if scheme in ("redis", "rediss", "unix"):
        from recomart.features.online.redis import RedisStore

        return RedisStore(place)
    if scheme in ("postgresql", "postgres"):
        from recomart.features.online.postgres import PostgresStore

        return PostgresStore(place)
    from recomart.features.online.sqlite import PATIENCE_S, SqliteStore

    return SqliteStore((folder / place).resolve(), PATIENCE_S if patience_s is None else patience_s)
