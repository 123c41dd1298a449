"""Raw files as tables of text, read strictly: nothing is guessed, nothing is lost.

A perfectly regular file, where each line is one row, is read by DuckDB in parallel. Whether it
was regular is checked afterwards by counting; any other file is read again, line by line.
Both give columns of text, ``_file`` (its number), ``_ingested_us`` (when it was brought in),
``_line`` and ``_raw`` (both null where a row's place tells its line, and the line itself is the raw
text) and ``_key``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from recomart.lake.packed import open_unpacked
from recomart.quality.exact import Record, read_header, read_objects, read_records
from recomart.quality.mapping import plan
from recomart.settings import FileSource, RestSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from ibis.backends.duckdb import Backend
    from ibis.expr.types import Table

    from recomart.lake import FileEntry
    from recomart.settings import CsvDialect, Source

BATCH_BYTES = 512 << 20
"""Files are read together up to this size; one larger file is read alone."""

MESSAGE = "FILE-MESSAGE"
"""The rule that a message breaks which is no event."""

EXACT_ROWS = 50_000
"""Rows of the line-by-line reader handed over at a time."""


@dataclass(frozen=True)
class RawFile:
    """A raw file to read: its entry in the manifest, where its bytes are, its header."""

    number: int
    entry: FileEntry
    path: Path
    header: tuple[str, ...] | None

    @property
    def compression(self) -> str:
        """How it is packed."""
        return str(self.entry.details.get("compression", ""))

    @property
    def ingested_us(self) -> int:
        """When it was brought in."""
        return int(str(self.entry.details["ingested_us"]))

    @property
    def is_refused(self) -> bool:
        """Whether it holds messages of a stream that are no events, none of which is a row."""
        return bool(self.entry.details.get("refused"))

    @property
    def alike(self) -> tuple[object, ...]:
        """What files must have in common to be read together."""
        return (self.header, self.compression)

    def looks_regular(self, dialect: CsvDialect) -> bool:
        """Tell whether the facts learned at ingestion let DuckDB read it."""
        facts = self.entry.details
        return (
            dialect.encoding == "utf-8"
            and not self.is_refused
            and bool(facts["is_utf8"])
            and not facts["has_nul"]
            and not facts["fault"]
            and bool(facts["final_newline"] or dialect.final_newline == "optional")
        )

    @property
    def n_rows(self) -> int:
        """Rows it has if every line but the first is one."""
        facts = self.entry.details
        return int(str(facts["lines"])) + (not facts["final_newline"]) - 1


def open_raw(number: int, entry: FileEntry, path: Path, source: Source) -> RawFile:
    """Look at a raw file's header; None where it has none."""
    header: tuple[str, ...] | None = None
    if isinstance(source, FileSource):
        with open_unpacked(path, str(entry.details["compression"])) as stream:
            header = read_header(stream, source.dialect)
    elif isinstance(source, RestSource):
        found = read_objects(path.read_bytes(), source.items_key) or []
        by_name: dict[str, str] = {}
        for name in (name for one in found for name in one):
            by_name.setdefault(name.lower(), name)  # SQL does not tell Id from id: the first wins
        header = tuple(sorted(by_name.values()))
    return RawFile(number, entry, path, header)


def in_batches(files: Iterable[RawFile]) -> Iterator[list[RawFile]]:
    """Put files together that have one header and fit into `BATCH_BYTES`, in their order."""
    batch: list[RawFile] = []
    size = 0
    for file in files:
        n_bytes = int(str(file.entry.details.get("unpacked_bytes", file.entry.bytes)))
        alike = not batch or batch[0].alike == file.alike
        if batch and not (alike and size + n_bytes <= BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += n_bytes
    if batch:
        yield batch


def fast_rows(con: Backend, files: Sequence[RawFile], source: FileSource) -> Table:
    """Read regular files of one header together; rows come in the files' order.

    Lines that are no rows are left out here; `irregular` finds their files by counting.
    """
    dialect = source.dialect
    header = files[0].header or ()
    key = key_sql(header, source)
    columns = ", ".join(f"{_text(name)}: 'VARCHAR'" for name in header)
    names = ", ".join(map(_name, header))
    paths = ", ".join(_text(str(file.path)) for file in files)
    number = _by_path({str(file.path): file.number for file in files})
    ingested_us = _by_path({str(file.path): file.ingested_us for file in files})
    compression = {"": "none", "gz": "gzip", "zst": "zstd"}[files[0].compression]
    return con.sql(
        f"""
        SELECT {names}, {number}::INTEGER AS _file, {ingested_us}::BIGINT AS _ingested_us,
            NULL::BIGINT AS _line, NULL::VARCHAR AS _raw, {key} AS _key
        FROM read_csv([{paths}], columns = {{{columns}}}, header = true, auto_detect = false,
            delim = {_text(dialect.delimiter)}, quote = {_text(dialect.quote)},
            escape = {_text(dialect.quote)}, strict_mode = true, store_rejects = true,
            filename = '_path', compression = '{compression}', max_line_size = 2097152)
        """  # noqa: S608 - every value is quoted by _text; names come from the file's own header
    )


def _by_path(numbers: Mapping[str, int]) -> str:
    """Return the SQL of the number that a row's file has; the number, where all files share it."""
    if len(set(numbers.values())) == 1:
        return str(next(iter(numbers.values())))
    listed = ", ".join(f"{_text(path)}: {number}" for path, number in numbers.items())
    return f"(MAP {{{listed}}})[_path]"


def encoding_of(source: Source) -> str:
    """Return the encoding of a source's files."""
    return source.dialect.encoding if isinstance(source, FileSource) else "utf-8"


def key_sql(header: Sequence[str], source: Source) -> str:
    """Return the SQL of what makes a row the same as another: all its text.

    Events keep it as their identity, so it is an MD5; elsewhere DuckDB's faster hash will do.
    """
    names = [_name(name) for name in header]
    if source.holds != "events":
        return f"hash({', '.join(names)})"
    # the lengths say where one value ends and the next begins, whatever stands in them
    lengths = [f"coalesce(strlen({name}), 0)" for name in names]
    return f"md5(concat_ws(chr(31), {', '.join(names + lengths)}))"


def _name(value: str) -> str:
    """Write a name as an SQL identifier; it comes from a file's header."""
    return '"' + value.replace('"', '""') + '"'


def _text(value: str) -> str:
    """Write a value as an SQL string."""
    return "'" + value.replace("'", "''") + "'"


def exact_rows(
    file: RawFile, source: Source, rejected: list[tuple[int, Record]]
) -> Iterator[pa.Table]:
    """Read one file exactly, some rows at a time; lines that are no rows go to `rejected`."""
    held: list[Record] = []
    for record in _records(file, source):
        if record.rule:
            rejected.append((file.number, record))
            continue
        held.append(record)
        if len(held) == EXACT_ROWS:
            yield _as_table(held, file)
            held = []
    if held:
        yield _as_table(held, file)


def _records(file: RawFile, source: Source) -> Iterator[Record]:
    if isinstance(source, RestSource):
        yield from _objects(file, source)
        return
    with open_unpacked(file.path, file.compression) as stream:
        n_columns = len(file.header or ())
        has_header = file.is_refused or is_header(file.header, source)
        for record in read_records(stream, source.dialect, n_columns, has_header=has_header):
            if file.is_refused:
                yield record._replace(values=(), rule=MESSAGE)
            elif file.header is None and record.rule in {"", "FILE-RAGGED"}:
                yield record._replace(values=(), rule="FILE-COLUMNS")
            else:
                yield record


def is_header(names: Sequence[str] | None, source: FileSource) -> bool:
    """Tell whether a first line names columns, any that is of use: otherwise it is a row, too."""
    return any(column.source for column in plan(source, names or ()).values())


def _objects(file: RawFile, source: RestSource) -> Iterator[Record]:
    found = read_objects(file.path.read_bytes(), source.items_key)
    if found is None:
        raw = file.path.read_bytes().decode("utf-8", "replace")
        yield Record(1, raw, rule="FILE-JSON")
        return
    header = file.header or ()
    for number, one in enumerate(found, start=1):
        raw = json.dumps(one, ensure_ascii=False)
        yield Record(number, raw, tuple(one.get(name) for name in header))


def _as_table(records: Sequence[Record], file: RawFile) -> pa.Table:
    """Return rows as columns of text, in the shape of `fast_rows`, and their lines."""
    header = file.header or ()
    by_column = zip(*(record.values for record in records), strict=True)
    columns = {
        name: pa.array(values, pa.string()) for name, values in zip(header, by_column, strict=True)
    }
    n = len(records)
    return pa.table(
        {
            **columns,
            "_file": pa.array([file.number] * n, pa.int32()),
            "_ingested_us": pa.array([file.ingested_us] * n, pa.int64()),
            "_line": pa.array([record.line for record in records], pa.int64()),
            "_raw": pa.array([record.raw for record in records], pa.string()),
        }
    )
