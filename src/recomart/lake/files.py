"""Files that are no objects: records and pages beside the lake."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    from pathlib import Path


def replace_file(target: Path, data: bytes) -> Path:
    """Write aside and move into place, so that no reader sees half a file; return the target."""
    aside = target.with_name(f".{uuid4().hex}.partial")
    try:
        aside.write_bytes(data)
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)  # what a full disk left
    return target
