"""Packed files, opened as what they hold."""

from __future__ import annotations

import gzip
import io
import zlib
from typing import IO, TYPE_CHECKING, cast

import pyarrow as pa

if TYPE_CHECKING:
    from pathlib import Path

UNPACK_ERRORS = (OSError, EOFError, zlib.error, pa.ArrowException)
"""What reading a packed file raises where it is none, or is cut."""


def open_unpacked(path: Path, compression: str) -> IO[bytes]:
    """Open the unpacked bytes of a file: ``gz``, ``zst``, or ``""`` for a plain one."""
    if compression == "gz":
        return cast("IO[bytes]", gzip.open(path, "rb"))
    if compression == "zst":
        packed = pa.CompressedInputStream(pa.OSFile(str(path)), "zstd")
        return cast("IO[bytes]", io.BufferedReader(packed))  # which can read by lines
    return path.open("rb")
