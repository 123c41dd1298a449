"""A lease on a lake: one writer at a time; it goes with the process that holds it."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from recomart.errors import LakeBusyError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def lease(root: Path, run_id: str, name: str = "") -> Iterator[None]:
    """Hold the only right to write below `root`. Raises LakeBusyError, naming the holder.

    name  of the lake, where it is not `root`

    The operating system's lock ends with its process, so a run that was killed
    leaves nothing to clear; the note beside it only tells who holds it.
    """
    root.mkdir(parents=True, exist_ok=True)
    note = root / ".lease.json"
    try:
        with FileLock(root / ".lease", timeout=0):
            note.write_text(json.dumps({"run_id": run_id, "pid": os.getpid()}), encoding="utf-8")
            yield
            note.unlink(missing_ok=True)
    except Timeout:
        raise LakeBusyError(name or str(root), _holder(note)) from None


def _holder(note: Path) -> str:
    try:
        held = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "holder unknown"
    return f"run {held.get('run_id')}, process {held.get('pid')}"
