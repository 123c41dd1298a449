"""A batch of raw files, read, mapped and marked with the rules that each row breaks."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb
import ibis
import pyarrow as pa

from recomart.lake.packed import open_unpacked
from recomart.quality.contract import mask, rules_of, type_rules
from recomart.quality.exact import Record, lines_at
from recomart.quality.mapping import mapped, missing
from recomart.quality.reading import EXACT_ROWS, encoding_of, exact_rows, fast_rows, key_sql
from recomart.settings import FileSource
from recomart.vocabulary import COLUMNS_OF, DAY_US

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ibis.backends.duckdb import Backend
    from ibis.expr.types import Table

    from recomart.quality.reading import RawFile
    from recomart.settings import Rule, Source


class Broken(NamedTuple):
    """A row for the quarantine."""

    line: int
    rules: str
    raw: str


class Tally(NamedTuple):
    """What became of the rows of one file; `violations` counts all rows, repeated ones too."""

    rows_in: int
    valid: int
    quarantined: int
    duplicates: int
    violations: dict[str, int]
    distinct: dict[str, int]
    control_sum: float | None
    days: dict[str, int]


class Checked:
    """One batch of files in DuckDB's temporary table ``checked``; repeated rows in ``repeats``."""

    def __init__(self, con: Backend, files: Sequence[RawFile], source: Source) -> None:
        self.con = con
        self.source = source
        self.files = {file.number: file for file in files}
        self.header = files[0].header or ()
        self.rules: tuple[Rule, ...] = rules_of(source)
        self.rejected: list[tuple[int, Record]] = []
        self.exact: set[int] = set()
        self._read(files)
        first = self._rows("SELECT _file, min(rowid) FROM checked GROUP BY 1")
        self.first_row = dict(first)
        self._find_repeats()

    @property
    def _bad_bits(self) -> int:
        return sum(1 << k for k, rule in enumerate(self.rules) if rule.action == "quarantine")

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.con.con.execute(sql).fetchall()  # type: ignore[no-any-return]

    def _read(self, files: Sequence[RawFile]) -> None:
        """Read regular files together; find by counting which were not, and read those exactly."""
        source = self.source
        gone = bool(missing(source, self.header))
        fast = [f for f in files if not gone and _may_be_fast(f, source)]
        self._create()
        if fast and isinstance(source, FileSource):
            self._read_fast(fast, source)
            found = dict(self._rows("SELECT _file, count(*) FROM checked GROUP BY 1"))
            irregular = [f for f in fast if found.get(f.number, 0) != f.n_rows]
            if irregular:
                numbers = ", ".join(str(f.number) for f in irregular)
                self._rows(f"DELETE FROM checked WHERE _file IN ({numbers})")  # noqa: S608 - numbers
            fast = [f for f in fast if f not in irregular]
        self._read_exactly([file for file in files if file not in fast], gone=gone)

    def _read_fast(self, files: Sequence[RawFile], source: FileSource) -> None:
        """Read files with DuckDB; one that it refuses as a whole is left out, and found later."""
        try:
            self._insert(fast_rows(self.con, files, source))
        except duckdb.InvalidInputException:
            half = len(files) // 2
            for part in (files[:half], files[half:]):
                if half:
                    self._read_fast(part, source)

    def _read_exactly(self, files: Sequence[RawFile], *, gone: bool) -> None:
        """Read files line by line; rows of many small ones are taken in at once."""
        self.exact.update(file.number for file in files)
        held: list[pa.Table] = []
        for file in files:
            for rows in exact_rows(file, self.source, self.rejected):
                if gone:
                    raws = zip(rows["_line"].to_pylist(), rows["_raw"].to_pylist(), strict=True)
                    self.rejected += [(file.number, _without_columns(n, raw)) for n, raw in raws]
                    continue
                held.append(rows)
                if sum(table.num_rows for table in held) >= EXACT_ROWS:
                    self._take_in(held)
                    held = []
        if held:
            self._take_in(held)

    def _take_in(self, held: Sequence[pa.Table]) -> None:
        self.con.con.register("exact_rows", pa.concat_tables(held))
        self._rows(self._insert_exact)
        self.con.con.unregister("exact_rows")

    @cached_property
    def _insert_exact(self) -> str:
        """SQL that takes rows of the exact reader in; compiled once for all files."""
        key = key_sql(self.header, self.source)
        raw = self.con.sql(f"SELECT *, {key} AS _key FROM exact_rows")  # noqa: S608 - of names
        return f"INSERT INTO checked {self.con.compile(self._marked(raw))}"

    def _create(self) -> None:
        """Make the empty table, from the shape that this header gives."""
        text = dict.fromkeys(self.header, "string")
        key = "string" if self.source.holds == "events" else "uint64"
        extra = {
            "_file": "int32",
            "_ingested_us": "int64",
            "_line": "int64",
            "_raw": "string",
            "_key": key,
        }
        raw = ibis.memtable(ibis.schema({**text, **extra}).to_pyarrow().empty_table())
        self._shape = self._marked(raw)
        self.con.create_table("checked", schema=self._shape.schema(), temp=True, overwrite=True)

    def _marked(self, raw: Table) -> Table:
        """Map raw text to our columns and mark each row; the columns come in one fixed order."""
        table = mapped(raw, self.source, self.header)
        own = rules_of(self.source)
        taken = {rule.code for rule in own}
        self.rules = (*own, *(r for r in type_rules(table) if r.code not in taken))
        marked = table.mutate(_mask=mask(table, self.rules))
        if self.source.holds == "events":
            marked = marked.mutate(event_id=marked.event_id.fill_null(marked["_key"]))
            marked = marked.mutate(_key=marked.event_id)
        names = [name for name in COLUMNS_OF[self.source.holds] if name in marked.columns]
        return marked.select("_file", "_line", "_raw", "_key", "_mask", *names)

    def _insert(self, raw: Table) -> None:
        self.con.raw_sql(f"INSERT INTO checked {self.con.compile(self._marked(raw))}")

    def _find_repeats(self) -> None:
        """List the rows that repeat an earlier one of their file."""
        same = "_file, _key"
        if self.source.holds != "events":  # their key is a short hash: hold the values to it, too
            own = (n for n in self._shape.columns if n not in {"_line", "_raw", "_mask"})
            same = ", ".join(own)
        grouped = "_key" if len(self.files) == 1 else "_file, _key"
        self.con.raw_sql(
            f"""
            CREATE OR REPLACE TEMP TABLE repeats AS
            SELECT row FROM (
                SELECT rowid AS row, row_number() OVER (PARTITION BY {same} ORDER BY rowid) AS nth
                FROM checked WHERE _key IN (
                    SELECT _key FROM checked GROUP BY {grouped} HAVING count(*) > 1))
            WHERE nth > 1
            """  # noqa: S608 - names of our own columns
        )

    def find_known(self, earlier: Iterable[str]) -> None:
        """Add to the repeats the valid events that an earlier file has; paths of valid files.

        Within the batch the earlier file is the one with the lower number.
        """
        paths = list(earlier)
        good = f"""
            SELECT c.rowid AS row, c._file, c.event_id FROM checked c
            ANTI JOIN repeats r ON c.rowid = r.row WHERE c._mask & {self._bad_bits} = 0
            """  # noqa: S608 - a number
        if len(self.files) > 1:
            self.con.raw_sql(
                f"""
                INSERT INTO repeats SELECT row FROM (
                    SELECT *, row_number() OVER (PARTITION BY event_id ORDER BY _file) AS nth
                    FROM ({good}) WHERE event_id IN (
                        SELECT event_id FROM checked GROUP BY 1 HAVING count(DISTINCT _file) > 1))
                WHERE nth > 1
                """  # noqa: S608 - a number
            )
        if paths:
            known = self.con.read_parquet(paths).select("event_id")
            self.con.raw_sql(
                f"""
                INSERT INTO repeats SELECT row FROM ({good})
                WHERE event_id IN ({self.con.compile(known)})
                """  # noqa: S608 - a number and a compiled query
            )

    def valid(self) -> Table:
        """Return the rows that keep every rule and repeat none, in the files' order."""
        [(n,)] = self._rows("SELECT count(*) FROM repeats")
        without = "ANTI JOIN repeats r ON c.rowid = r.row" if n else ""
        order = "ORDER BY _file, c.rowid" if n or self.exact else ""
        return self.con.sql(
            f"""
            SELECT c.* EXCLUDE (_line, _raw, _key, _mask) FROM checked c {without}
            WHERE _mask & {self._bad_bits} = 0 {order}
            """  # noqa: S608 - a number
        )

    def days(self) -> dict[int, dict[str, int]]:
        """Return rows that break no rule by file and day; before cross-file repeats are known."""
        if "occurred_us" not in self._shape.columns:
            return {}
        found: dict[int, dict[str, int]] = {}
        for number, day, n in self._rows(
            f"""
            SELECT _file, floor(occurred_us / {DAY_US})::INTEGER AS day, count(*)
            FROM checked c ANTI JOIN repeats r ON c.rowid = r.row
            WHERE _mask & {self._bad_bits} = 0 GROUP BY ALL ORDER BY ALL
            """  # noqa: S608 - a number
        ):
            found.setdefault(number, {})[str(day)] = n
        return found

    def quarantined(self, number: int) -> list[Broken]:
        """Return the rows of a file that are put aside, in the order of its lines."""
        file = self.files[number]
        shift = 2 - self.first_row.get(number, 0)  # line 1 is the header
        rows = self._rows(
            f"""
            SELECT coalesce(_line, c.rowid + {shift}), _mask, _raw
            FROM checked c ANTI JOIN repeats r ON c.rowid = r.row
            WHERE _file = {number} AND _mask & {self._bad_bits} <> 0 ORDER BY 1
            """  # noqa: S608 - numbers
        )
        lines = [line for line, _, _ in rows]
        texts: dict[int, str] = {}
        if number not in self.exact and lines:
            with open_unpacked(file.path, file.compression) as stream:
                texts = lines_at(stream, lines, encoding_of(self.source))
        found = [
            Broken(
                line, " ".join(self.codes(broken)), texts.get(line, "") if raw is None else str(raw)
            )
            for line, (_, broken, raw) in zip(lines, rows, strict=True)
        ]
        found += [Broken(r.line, r.rule, r.raw) for n, r in self.rejected if n == number]
        return sorted(found)

    def codes(self, broken: int) -> list[str]:
        """Return the codes of the rules whose bits are set, those that quarantine only."""
        kept = broken & self._bad_bits
        return [rule.code for k, rule in enumerate(self.rules) if kept >> k & 1]

    def tallies(self) -> dict[int, Tally]:
        """Count what became of the rows of each file."""
        sums = [f"sum(_mask >> {k} & 1)::BIGINT" for k in range(len(self.rules))]
        distinct = [
            f"count(DISTINCT {rule.count_distinct}) FILTER (WHERE _mask >> {k} & 1 = 1)"
            for k, rule in enumerate(self.rules)
            if rule.count_distinct in self._shape.columns
        ]
        product = " * ".join(n for n in self.source.contract.sum_of if n in self._shape.columns)
        good = f"_mask & {self._bad_bits} = 0"
        rows = self._rows(
            f"""
            SELECT c._file, count(*), count(*) FILTER (WHERE {good} AND r.row IS NULL),
                count(r.row), round(sum({product or "NULL"}::DOUBLE), 6),
                {", ".join(sums + distinct)}
            FROM checked c LEFT JOIN repeats r ON c.rowid = r.row
            GROUP BY 1
            """  # noqa: S608 - numbers and names of our own columns
        )
        by_file = {row[0]: row[1:] for row in rows}
        days = self.days()
        return {
            number: self._tally(number, by_file.get(number), days.get(number, {}))
            for number in self.files
        }

    def _tally(self, number: int, row: tuple[Any, ...] | None, days: dict[str, int]) -> Tally:
        lost = [record for n, record in self.rejected if n == number]
        n_rules = len(self.rules)
        n, valid, repeated, total, *counts = row or (0, 0, 0, None, *[0] * n_rules)
        codes = [rule.code for rule in self.rules]
        violations = {c: k for c, k in zip(codes, counts[:n_rules], strict=True) if k}
        for record in lost:
            violations[record.rule] = violations.get(record.rule, 0) + 1
        counted = [rule.code for rule in self.rules if rule.count_distinct in self._shape.columns]
        return Tally(
            rows_in=n + len(lost),
            valid=valid,
            quarantined=n - valid - repeated + len(lost),
            duplicates=repeated,
            violations=violations,
            distinct=dict(zip(counted, counts[n_rules:], strict=False)),
            control_sum=total,
            days=days,
        )


def _may_be_fast(file: RawFile, source: Source) -> bool:
    if not isinstance(source, FileSource) or not file.header:
        return False
    return file.n_rows > 0 and file.looks_regular(source.dialect)


def _without_columns(line: int, raw: str) -> Record:
    """Set a row aside whose file lacks columns that the settings name."""
    return Record(line, raw, rule="FILE-COLUMNS")
