"""SQLite files without what was deleted from them: neither in free pages nor beside the file."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

WAIT_S = 0.02


def vacuum(path: Path, patience_s: float) -> None:
    """Write a file anew, and empty its write-ahead log. Raises sqlite3.Error where it is locked."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=patience_s)) as con:
        con.execute("VACUUM")
        end = time.monotonic() + patience_s
        while con.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            if time.monotonic() > end:
                raise sqlite3.OperationalError("its write-ahead log is in use")
            time.sleep(WAIT_S)
