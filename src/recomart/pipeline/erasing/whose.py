"""Whose a raw row is, as validation would read it: by its column of users, exactly.

A line that is no row (quarantined under FILE-…) has no columns to go by. It is somebody's if any
of its values is their id: rather one line too many goes, which nobody could use, than one too few.
"""

from __future__ import annotations

import io
import json
import re
from contextlib import suppress
from typing import IO, TYPE_CHECKING, cast

from recomart.lake.packed import open_unpacked
from recomart.quality.exact import (
    Lines,
    Record,
    StrayQuote,
    read_header,
    read_objects,
    record_at,
    split,
)
from recomart.quality.mapping import plan
from recomart.quality.reading import encoding_of, is_header
from recomart.settings import FileSource, RestSource

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from recomart.settings import Column, Source

USER = "user_id"
Header = tuple[str, ...] | None


class Whose:
    """Tells which raw rows of one source are of one user."""

    def __init__(self, source: Source, user_id: str) -> None:
        self.source = source
        self.user_id = user_id
        told = source.columns.get(USER)
        quote = source.dialect.quote if isinstance(source, FileSource) else '"'
        plain = told is None or not (told.replace or told.default or told.source is None)
        as_it_is = plain and quote not in user_id and json.dumps(user_id)[1:-1] == user_id
        self.needle = user_id.encode(encoding_of(source), "replace") if as_it_is else b""
        """Bytes that stand in every row of theirs; empty where there are none to go by."""

    def header_of(self, path: Path, compression: str) -> Header:
        """Return the names of a file's columns; None where it has none."""
        if not isinstance(self.source, FileSource):
            return None
        with open_unpacked(path, compression) as stream:
            return read_header(stream, self.source.dialect)

    def is_raw_row(self, raw: str, header: Header) -> bool:
        """Tell whether a raw row, as the quarantine keeps it, is theirs."""
        if self.needle and self.needle not in raw.encode(encoding_of(self.source), "replace"):
            return False
        if isinstance(self.source, RestSource):
            return any(map(self.is_object, read_objects(f"[{raw}]".encode(), None) or []))
        dialect = self.source.dialect
        line = f"{raw}\n".encode(dialect.encoding, "replace")
        lines = Lines(io.BytesIO())
        return self._is_theirs(record_at(line, lines, dialect, len(header or ())), header)

    def is_object(self, row: dict[str, str | None]) -> bool:
        """Tell whether an object of a JSON file, flat, is theirs."""
        column = plan(self.source, row).get(USER)
        return column is not None and self._is_id(row.get(column.source or ""), column)

    def lines_of(self, path: Path, compression: str) -> list[range]:
        """Return the lines of their rows in a file, numbers from 1 on, rising."""
        header = self.header_of(path, compression)
        with open_unpacked(path, compression) as stream:
            return [span for span, record in self._spans(stream, header) if record]

    def _spans(self, stream: IO[bytes], header: Header) -> Iterator[tuple[range, bool]]:
        source = cast("FileSource", self.source)
        dialect, lines = source.dialect, Lines(stream)
        quote = dialect.quote.encode(dialect.encoding)
        if is_header(header, source):
            lines.take()
        while (line := lines.take()) is not None:
            # a row goes over several lines only if the first has a quote
            if self.needle and self.needle not in line and quote not in line:
                continue
            first = lines.number
            record = record_at(line, lines, dialect, len(header or ()))
            yield range(first, lines.number + 1), self._is_theirs(record, header)

    def _is_theirs(self, record: Record, header: Header) -> bool:
        column = plan(self.source, header or ()).get(USER)
        if record.rule or column is None or not is_header(header, cast("FileSource", self.source)):
            return self._is_among(record.raw)
        values = dict(zip(header or (), record.values, strict=True))
        return self._is_id(values.get(column.source or ""), column)

    def _is_among(self, raw: str) -> bool:
        """Tell whether any value of a line that is no row is theirs, however it is parted."""
        dialect, told = cast("FileSource", self.source).dialect, self.source.columns.get(USER)
        ends = f" ␀\0\r\n{dialect.quote}"
        values = [value.strip(ends) for value in raw.split(dialect.delimiter)]
        with suppress(StrayQuote):
            values += split(raw, dialect.delimiter, dialect.quote) or []
        return any(value == self.user_id or _text(value, told) == self.user_id for value in values)

    def _is_id(self, value: str | None, column: Column) -> bool:
        return _text(value, column) == self.user_id


def _text(value: str | None, column: Column | None) -> str | None:
    """Make an id of a raw value, as `recomart.quality.mapping.text_of` does in SQL."""
    if column is None:
        return value and value.strip()
    if column.source is None:
        return column.default
    text = (value or "").strip() or None
    if text is not None:
        text = text.removesuffix(column.strip_suffix).removeprefix(column.strip_prefix)
    if column.replace:
        found = (one.value for one in column.replace if text and re.search(one.match, text))
        return next(found, column.default)
    return column.default if text is None else text
