"""Reading a file line by line, exactly: for files that are not perfectly regular.

Slow and sure: what is not a row is set aside with its line, its rule and its text, and reading
goes on with the next line. So one stray quote costs one line, not the rest of the file.
"""

from __future__ import annotations

import json
from itertools import islice
from typing import IO, TYPE_CHECKING, NamedTuple

from recomart.lake.packed import UNPACK_ERRORS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from recomart.settings import CsvDialect

MOST_LINES, MOST_CHARACTERS = 1_000, 1 << 20
"""A quoted value that does not end within these is taken for a stray quote."""

LONGEST_LINE = 1 << 24
"""Bytes of a line; what is longer is no row, and no file may fill the memory with one line."""

RESERVED = ("_file", "_line", "_raw", "_key", "_mask", "_path")
"""Names that the reading gives to columns of its own."""


class Record(NamedTuple):
    """A row, or a line that is none: then `values` is empty and `rule` says why."""

    line: int
    raw: str
    values: tuple[str | None, ...] = ()
    rule: str = ""


class Lines:
    """Physical lines of a file, with a look ahead; line numbers start at 1."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream
        self.ahead: list[bytes] = []
        self.number = 0
        self.fault = False

    def take(self) -> bytes | None:
        """Return the next line with its newline, None at the end."""
        line = self.ahead.pop(0) if self.ahead else self._read()
        self.number += line is not None
        return line

    def peek(self, n: int) -> list[bytes]:
        """Return up to `n` lines that follow, without taking them."""
        while len(self.ahead) < n:
            line = self._read()
            if line is None:
                break
            self.ahead.append(line)
        return self.ahead[:n]

    def skip(self, n: int) -> None:
        """Take `n` lines that were peeked."""
        del self.ahead[:n]
        self.number += n

    def _read(self) -> bytes | None:
        try:
            line = self.stream.readline(LONGEST_LINE + 1)
            rest = line
            while len(rest) > LONGEST_LINE and not rest.endswith(b"\n"):
                rest = self.stream.readline(LONGEST_LINE + 1)
        except UNPACK_ERRORS:
            self.fault = True
            return None
        return line or None


def read_header(stream: IO[bytes], dialect: CsvDialect) -> tuple[str, ...] | None:
    """Return the names in the first line, None for an empty or unreadable file."""
    line = Lines(stream).take()
    if line is None or b"\0" in line:
        return None
    try:
        text = line.decode(dialect.encoding).removeprefix("\ufeff")
        values = split(text, dialect.delimiter, dialect.quote)
    except (UnicodeDecodeError, StrayQuote):
        return None
    if values is None or "\r" in text.rstrip("\r\n"):
        return None
    return _unique([value.strip() for value in values])


def _unique(names: list[str]) -> tuple[str, ...]:
    """Give names that are empty or stand twice one of their own."""
    found: list[str] = []
    for place, name in enumerate(names, start=1):
        taken = not name or name.lower() in {*RESERVED, *(one.lower() for one in found)}
        found.append(f"{name or 'column'}#{place}" if taken else name)
    return tuple(found)


def read_records(
    stream: IO[bytes], dialect: CsvDialect, n_columns: int, *, has_header: bool = True
) -> Iterator[Record]:
    """Yield every row after the header, and every line that is no row, in the file's order."""
    lines = Lines(stream)
    if has_header:
        lines.take()
    while (line := lines.take()) is not None:
        if line.strip(b"\r\n"):
            yield record_at(line, lines, dialect, n_columns)
    if lines.fault:
        yield Record(lines.number + 1, "", rule="FILE-COMPRESSION")


def record_at(line: bytes, lines: Lines, dialect: CsvDialect, n_columns: int) -> Record:
    """Return the row that begins with a line, which is taken already; it may take some more."""
    number = lines.number
    raw = line.decode(dialect.encoding, "replace").rstrip("\r\n")
    if fault := _fault(line, dialect):
        return Record(number, raw[:MOST_CHARACTERS].replace("\0", "␀"), rule=fault)
    try:
        text = line.decode(dialect.encoding)
        if dialect.quote not in text:
            values = text.rstrip("\r\n").split(dialect.delimiter)
        else:
            text, values = _quoted(text, lines, dialect, n_columns)
    except UnicodeDecodeError:
        return Record(number, raw, rule="FILE-ENCODING")
    except StrayQuote:
        return Record(number, raw, rule="FILE-QUOTE")
    if len(values) != n_columns:
        return Record(number, text.rstrip("\r\n"), rule="FILE-RAGGED")
    return Record(number, text.rstrip("\r\n"), tuple(value or None for value in values))


def _fault(line: bytes, dialect: CsvDialect) -> str:
    """Return the rule that a line breaks whatever its values are, or nothing."""
    if len(line) > LONGEST_LINE:
        return "FILE-LONG"
    if b"\0" in line:
        return "FILE-NUL"
    if not line.endswith(b"\n") and dialect.final_newline == "required":
        return "FILE-TRUNCATED"
    return ""


def _quoted(text: str, lines: Lines, dialect: CsvDialect, n_columns: int) -> tuple[str, list[str]]:
    """Read a row with quotes, which may go on over the next lines. Raises StrayQuote.

    Lines are joined only if they make a row with as many values as the header: a stray quote
    must not swallow the lines down to the next one.
    """
    values = split(text, dialect.delimiter, dialect.quote)
    if values is not None:
        return text, values
    quote = dialect.quote.encode(dialect.encoding)
    for n, line in enumerate(lines.peek(MOST_LINES), start=1):
        text += line.decode(dialect.encoding)
        if b"\0" in line or len(text) > MOST_CHARACTERS:
            break
        if quote in line:
            values = split(text, dialect.delimiter, dialect.quote)
            if values is not None and len(values) != n_columns:
                break
            if values is not None:
                lines.skip(n)
                return text, values
    raise StrayQuote


class StrayQuote(Exception):  # noqa: N818 - a finding, caught where the line is read
    """A quoted value goes on behind its end, or does not end."""


def split(text: str, delimiter: str, quote: str) -> list[str] | None:
    """Split a row into its values, as strictly as DuckDB; None while a quoted value is open.

    Spaces around a quoted value are not part of it; a quote within a value that does not begin
    with one is a character as any other. Raises StrayQuote.
    """
    text = text.rstrip("\r\n")
    values: list[str] = []
    at = 0
    while True:
        begin = _behind_spaces(text, at)
        if text.startswith(quote, begin):
            end = _end_of_value(text, begin + 1, quote)
            if end is None:
                return None
            values.append(text[begin + 1 : end].replace(quote * 2, quote))
            at = _behind_spaces(text, end + 1)
        else:
            end = text.find(delimiter, at)
            values.append(text[at:] if end < 0 else text[at:end])
            at = len(text) if end < 0 else end
        if at == len(text):
            return values
        if text[at] != delimiter:
            raise StrayQuote
        at += 1


def _behind_spaces(text: str, at: int) -> int:
    while text.startswith(" ", at):
        at += 1
    return at


def _end_of_value(text: str, at: int, quote: str) -> int | None:
    """Return where a quoted value ends; a quote that stands twice is one of its characters."""
    while (at := text.find(quote, at)) >= 0:
        if not text.startswith(quote, at + 1):
            return at
        at += 2
    return None


def lines_at(stream: IO[bytes], numbers: Sequence[int], encoding: str) -> dict[int, str]:
    """Return the text of the lines with these rising numbers."""
    found, at = {}, 0
    for number in numbers:
        line = next(islice(stream, number - at - 1, None), b"")
        found[number] = line.decode(encoding, "replace").rstrip("\r\n")
        at = number
    return found


def read_objects(data: bytes, items_key: str | None) -> list[dict[str, str | None]] | None:
    """Return the objects of a JSON catalogue as text values, nested ones as ``outer.inner``.

    None where it is no list of objects.
    """
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        return None
    items = tree.get(items_key) if items_key and isinstance(tree, dict) else tree
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        return None
    return [dict(_flat(item)) for item in items]


def _flat(item: dict[str, object], above: str = "") -> Iterator[tuple[str, str | None]]:
    for key, value in item.items():
        name = above + _sound(key)
        if isinstance(value, dict):
            yield from _flat(value, f"{name}.")
        elif value is None:
            yield name, None
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield name, _sound(text)


def _sound(text: str) -> str:
    """Replace half characters, which JSON can escape but no file can hold, by question marks."""
    return text.encode("utf-8", "replace").decode()
