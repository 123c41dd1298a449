"""CSV files that a spreadsheet opens as data: no cell is a formula."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LIVE = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 - full width, too
"""What a cell begins with that a spreadsheet computes, or that brings it to look further."""


def csv_of(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table as CSV; texts that a spreadsheet would compute get an apostrophe before them.

    Numbers stay numbers, negative ones too.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([inert(name) for name in columns])
    writer.writerows([inert(value) for value in row] for row in rows)
    return buffer.getvalue()


def inert(value: object) -> object:
    """Return a value as it may stand in a cell."""
    if not isinstance(value, str):
        return value
    return f"'{value}" if value.startswith(LIVE) or value.lstrip().startswith(LIVE) else value
