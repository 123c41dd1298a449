"""The warehouse in a snapshot: a copy, since its file changes under whoever links it."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING
from uuid import uuid4

from recomart.errors import StoreUnavailableError
from recomart.pipeline.versioning.shop import WAREHOUSE

if TYPE_CHECKING:
    from pathlib import Path

    from recomart.pipeline.versioning.shop import Shop

PATIENCE_S = 10.0


def copy_warehouse(shop: Shop, target: Path | None = None) -> None:
    """Copy the warehouse as one moment saw it; where there is none, see that there is no copy.

    The same warehouse gives the same bytes. Raises StoreUnavailableError.
    """
    target = target or shop.data(WAREHOUSE)
    if shop.warehouse is None or not shop.warehouse.is_file():
        target.unlink(missing_ok=True)
        return
    target.parent.mkdir(exist_ok=True)
    aside = _aside(target)
    try:
        with (
            closing(sqlite3.connect(shop.warehouse, timeout=PATIENCE_S)) as live,
            closing(sqlite3.connect(aside)) as copy,
        ):
            live.backup(copy)
        aside.replace(target)
    except (sqlite3.Error, OSError) as error:
        raise StoreUnavailableError(f"The warehouse {shop.warehouse.name}", str(error)) from error
    finally:
        aside.unlink(missing_ok=True)


def release_warehouse(shop: Shop) -> None:
    """See that nobody holds the warehouse, and that all of it is in its one file.

    A log left beside it would be taken for that of the file which replaces it. Raises
    StoreUnavailableError.
    """
    if shop.warehouse is None or not shop.warehouse.is_file():
        return
    try:
        with closing(sqlite3.connect(shop.warehouse, timeout=PATIENCE_S)) as con:
            con.execute("PRAGMA locking_mode = EXCLUSIVE")
            con.execute("BEGIN EXCLUSIVE")  # refused while anybody else has it open
            con.rollback()
    except sqlite3.Error as error:
        raise StoreUnavailableError(f"The warehouse {shop.warehouse.name}", str(error)) from error


def put_warehouse_back(shop: Shop) -> None:
    """Put the copy in the warehouse's place, in one step."""
    if shop.warehouse is None:
        return
    shop.warehouse.parent.mkdir(parents=True, exist_ok=True)
    aside = _aside(shop.warehouse)
    try:
        shutil.copyfile(shop.data(WAREHOUSE), aside)
        release_warehouse(shop)
        aside.replace(shop.warehouse)
    finally:
        aside.unlink(missing_ok=True)


def _aside(path: Path) -> Path:
    return path.with_name(f".{uuid4().hex}.partial")
