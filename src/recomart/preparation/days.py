"""Days as units of work: which files touch one, whether it is up to date, cutting a stream."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, cast

import pyarrow as pa
import pyarrow.compute as pc

from recomart.lake import FileEntry, hash_of
from recomart.preparation.events import TAIL
from recomart.vocabulary import DAY_US

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import JsonValue

    from recomart.lake import Manifest

_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Day:
    """A UTC day with events.

    number  days since 1970-01-01
    files   the valid event files that hold rows of it
    rows    how many rows they hold
    inputs  hash of all that goes into it, but for the sessions of the days before
    """

    number: int
    files: tuple[FileEntry, ...]
    rows: int
    inputs: str

    @property
    def iso(self) -> str:
        """Its date, which is the name of its partition."""
        return iso(self.number)

    def made_by(self, entries: Mapping[str, FileEntry], gap: int) -> str:
        """Return the hash of all that goes into it, open sessions of days before included."""
        return hash_of(self.inputs, [e.details["tail"] for e in self.before(entries, gap)])

    def before(self, entries: Mapping[str, FileEntry], gap: int) -> list[FileEntry]:
        """Return the prepared days from which a session may reach into this one."""
        reach = -(-gap // DAY_US)
        names = [iso(self.number - n) for n in range(reach, 0, -1)]
        return [entries[name] for name in names if name in entries]

    def is_done(self, old: FileEntry | None, entries: Mapping[str, FileEntry], gap: int) -> bool:
        """Tell whether the prepared file `old` is what would be made again."""
        return old is not None and old.made_by == self.made_by(entries, gap)


def iso(day: int) -> str:
    """Return the ISO date of a day number."""
    return (_EPOCH + timedelta(days=day)).isoformat()


def rows_by_day(entry: FileEntry) -> dict[int, int]:
    """Return how many rows of a valid file fall on each day."""
    days = cast("dict[str, int]", entry.details["days"])
    return {int(day): n for day, n in days.items()}


def first_day(entry: FileEntry) -> int | None:
    """Return the first day of a valid file, None where it has no rows."""
    return min(rows_by_day(entry), default=None)


def days_of(
    events: Iterable[Manifest],
    attributes: Iterable[FileEntry],
    marks: Mapping[int, str],
    common: str,
) -> list[Day]:
    """Return the days that have events, in order.

    attributes  files that tell of items; each counts from its first day on
    marks       what days know of items that were told of later; see `marks_of`
    common      hash of what goes into every day
    """
    files: dict[int, list[tuple[FileEntry, int]]] = {}
    for manifest in events:
        for entry in manifest.files:
            for day, n_rows in rows_by_day(entry).items():
                files.setdefault(day, []).append((entry, n_rows))
    starts = sorted((first_day(entry), entry.sha256) for entry in attributes if entry.rows)
    turns = sorted(marks)
    return [
        Day(
            number=day,
            files=tuple(entry for entry, _ in files[day]),
            rows=sum(n_rows for _, n_rows in files[day]),
            inputs=hash_of(
                common,
                sorted(entry.sha256 for entry, _ in files[day]),
                [sha256 for start, sha256 in starts if start is None or start <= day],
                marks[turns[place - 1]] if (place := bisect_right(turns, day)) else "",
            ),
        )
        for day in sorted(files)
    ]


def details_of(day: Day, table: pa.Table, gap: int) -> dict[str, JsonValue]:
    """Return what later runs need to know of a prepared day without opening its file."""
    late = table.filter(pc.greater_equal(table["occurred_us"], (day.number + 1) * DAY_US - gap))
    last = {row["user_id"]: list(row.values()) for row in late.select(list(TAIL)).to_pylist()}
    return {
        "inputs": day.inputs,
        "tail": hash_of(sorted(last.items())),
        "rows_in": day.rows,
        "duplicates": day.rows - table.num_rows,
    }
