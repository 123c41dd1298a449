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

__all__ = ["ColumnTable", "OnlineFeatures", "OnlineStore", "State", "open_online"]


def open_online(place: str, folder: Path, patience_s: float | None = None) -> OnlineStore:
    """Open a store: postgresql://…, redis://…, or an SQLite file relative to `folder`.

    patience_s  how long to wait for an answer, or for an SQLite file that is locked; None: as usual

    Raises StoreUnavailableError, MissingExtraError.
    """
    told = () if patience_s is None else (patience_s,)
    scheme = scheme_of(place)
    if scheme in ("redis", "rediss", "unix"):
        from recomart.features.online.redis import RedisStore

        return RedisStore(place, *told)
    if scheme in ("postgresql", "postgres"):
        from recomart.features.online.postgres import PostgresStore

        return PostgresStore(place, *told)
    from recomart.features.online.sqlite import SqliteStore

    return SqliteStore((folder / place).resolve(), *told)
