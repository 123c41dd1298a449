"""A full disk, told as what it is, whichever library met it."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

from recomart.errors import DiskFullError, RecomartError

if TYPE_CHECKING:
    from collections.abc import Iterator

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
WORDS = ("no space left on device", "disk is full", "quota exceeded", "file too large")
"""As DuckDB, Arrow and SQLite say it, whose errors carry no number."""


@contextmanager
def full_disk_told() -> Iterator[None]:
    """Turn what a full disk makes libraries raise into DiskFullError."""
    try:
        yield
    except DiskFullError:
        raise
    except Exception as error:
        said = error.cause if isinstance(error, RecomartError) else str(error)
        if getattr(error, "errno", None) in FULL or any(words in said.lower() for words in WORDS):
            raise DiskFullError(said.splitlines()[0]) from error
        raise
