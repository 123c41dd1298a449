"""Putting the files of a day that is over together, where there are many small ones.

A stream that commits every minute leaves 1,440 files a day, and every manifest from then on would
name them. So one file of the same rows in the same order takes their place, once the day is over;
those before stay where they are, for the versions that name them.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from recomart.lake import FileEntry

MOST_A_DAY = 24
"""Files of one log that a day may keep."""
BLOCK = 1 << 20


def foldable(files: Iterable[FileEntry], today: str) -> list[list[FileEntry]]:
    """Return what one file may stand for: many of one log, kind and day before `today`."""
    groups: dict[tuple[str, str, bool], list[FileEntry]] = defaultdict(list)
    for entry in files:
        day, log_id = entry.partition.rpartition("/")[0], str(entry.details.get("log_id", ""))
        if log_id and day < today:
            groups[day, log_id, bool(entry.details.get("refused"))].append(entry)
    many = (group for group in groups.values() if len(group) > MOST_A_DAY)
    return [sorted(group, key=lambda e: int(str(e.details["last_seq"]))) for group in many]


def are_alike(paths: Sequence[Path]) -> bool:
    """Tell whether files have one header; an update of RecoMart may have come between them."""
    return len({_header(path) for path in paths}) == 1


def joined(paths: Sequence[Path]) -> Iterator[bytes]:
    """Yield the bytes of one file of all rows."""
    yield _header(paths[0])
    for path in paths:
        with path.open("rb") as file:
            file.readline()
            while block := file.read(BLOCK):
                yield block


def folded_name(name: str) -> str:
    """Return what the file is called that stands for others, of which `name` is the last."""
    kind, _, number = name.partition("-")
    return f"{kind}-day-{number}"


def _header(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.readline()
