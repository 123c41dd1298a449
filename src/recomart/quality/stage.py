"""The validation stage: part the rows of each raw file into valid, quarantined and duplicates."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, cast

import ibis
import pyarrow as pa

from recomart.errors import ContractError
from recomart.lake import hash_of
from recomart.lake.streams import split_by
from recomart.quality.mapping import missing
from recomart.quality.reading import RawFile, in_batches, open_raw
from recomart.quality.spread import open_checks
from recomart.vocabulary import COLUMNS_OF, QUARANTINE_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ibis.expr.types import Table
    from pydantic import JsonValue

    from recomart.lake import FileEntry, Workbench
    from recomart.quality.checked import Tally
    from recomart.quality.spread import Batch, Checks
    from recomart.settings import Source

FILE = "_file"
QUARANTINE_SCHEMA = pa.schema(
    [(name, pa.type_for_alias(kind)) for name, kind in QUARANTINE_COLUMNS.items()]
)


def validate(bench: Workbench) -> None:
    """Hold every source to its contract; only raw files that changed are read.

    Raises ContractError if more of a source's rows are in quarantine than the settings tolerate;
    what was found is committed before, so that a person can look at it.
    """
    tolerated = bench.settings.quality.max_quarantined
    with open_checks(bench) as checks:
        for name, source in bench.settings.sources.items():
            counts = Validation(bench, checks, name, source).run()
            if counts["quarantined"] > tolerated * counts["in"]:
                raise ContractError(name, counts["quarantined"], counts["in"], tolerated)


class Validation:
    """The validation of one source: raw files in the order of their arrival."""

    def __init__(self, bench: Workbench, checks: Checks, name: str, source: Source) -> None:
        self.bench = bench
        self.checks = checks
        self.name = name
        self.source = source
        self.raw = bench.lake.latest(f"raw_{name}")
        self.valid = bench.draft(f"valid_{name}")
        self.quarantined = bench.draft(f"quarantined_{name}")
        found = [bench.lake.find(draft.dataset) for draft in (self.valid, self.quarantined)]
        self.before = [manifest.by_partition() if manifest else {} for manifest in found]
        self.by_day: dict[str, list[FileEntry]] = defaultdict(list)

    def run(self) -> dict[str, int]:
        """Validate, commit, and return the counts of the whole source."""
        common = hash_of(self.bench.code_version, self.source.meaning())
        entries = sorted(self.raw.files, key=lambda e: (str(e.details["ingested_us"]), e.partition))
        waiting: list[RawFile] = []
        for number, entry in enumerate(entries):
            if self._is_known(entry, hash_of(common, entry.sha256)):
                self._check(waiting, common)  # what this one is compared with
                waiting = []
            if self._may_stay(entry, hash_of(common, entry.sha256)):
                self._keep(entry)
            elif self._is_asked_for(entry):
                [path] = self.bench.lake.paths([entry])
                waiting.append(open_raw(number, entry, path, self.source))
        self._check(waiting, common)
        return self._commit()

    def _is_asked_for(self, entry: FileEntry) -> bool:
        date = entry.details["date"]
        if date is None or self.bench.dates.include(str(date)):
            return True
        if entry.partition in self.before[0]:
            self._keep(entry)
        return False

    def _is_known(self, entry: FileEntry, made_by: str) -> bool:
        """Tell whether a file was validated before, by the same code and contract."""
        found = [entries.get(entry.partition) for entries in self.before]
        return not self.bench.force and all(old and old.made_by == made_by for old in found)

    def _may_stay(self, entry: FileEntry, made_by: str) -> bool:
        """Tell whether a file was validated before as it would be now."""
        if not self._is_known(entry, made_by):
            return False
        old = self.before[0][entry.partition]
        return old.details["overlaps"] == self._overlaps(
            cast("dict[str, int]", old.details["days"])
        )

    def _keep(self, entry: FileEntry) -> None:
        for draft, entries in zip((self.valid, self.quarantined), self.before, strict=True):
            draft.keep(entries[entry.partition])
        self._remember(self.before[0][entry.partition])

    def _remember(self, entry: FileEntry) -> None:
        for day in cast("dict[str, int]", entry.details["days"]):
            self.by_day[day].append(entry)

    def _overlaps(self, days: Iterable[str]) -> list[str]:
        """Return the valid files before this one that share a day with it, by their hash."""
        if self.source.holds != "events":
            return []
        return sorted({entry.sha256 for day in days for entry in self.by_day.get(day, ())})

    def _check(self, waiting: Sequence[RawFile], common: str) -> None:
        batches = list(in_batches(waiting))
        for files, checked in zip(batches, self.checks(batches, self.source), strict=True):
            days = checked.days()
            earlier = {e.key: e for d in days.values() for day in d for e in self.by_day[day]}
            if self.source.holds == "events":
                checked.find_known(map(str, self.bench.lake.paths(earlier.values())))
            self._write(checked, files, common)

    def _write(self, checked: Batch, files: Sequence[RawFile], common: str) -> None:
        tallies = checked.tallies()
        rows = self.bench.stream(self._columns(checked))
        parts: dict[int, pa.RecordBatchReader]
        schema = pa.schema([field for field in rows.schema if field.name != FILE])
        if len(files) == 1:  # it may be larger than memory
            narrow = (batch.drop_columns([FILE]) for batch in rows)
            parts = {files[0].number: pa.RecordBatchReader.from_batches(schema, narrow)}
        else:
            parts = {n: part.drop([FILE]).to_reader() for n, part in split_by(rows, FILE)}
        for file in files:
            part = parts.get(file.number) or schema.empty_table().to_reader()
            self._write_file(file, part, tallies[file.number], checked, common)

    def _columns(self, checked: Batch) -> Table:
        """Return the valid rows with all columns of their kind, in the fixed order and types."""
        table = checked.valid()
        table = table.mutate(source=ibis.literal(self.name))
        kinds = COLUMNS_OF[self.source.holds]
        return table.select("_file", **{n: table[n].cast(kind) for n, kind in kinds.items()})

    def _write_file(
        self,
        file: RawFile,
        rows: pa.RecordBatchReader,
        tally: Tally,
        checked: Batch,
        common: str,
    ) -> None:
        partition = file.entry.partition
        details: dict[str, JsonValue] = {
            "file": file.entry.partition,
            **cast("dict[str, JsonValue]", tally._asdict()),
            "overlaps": cast("list[JsonValue]", self._overlaps(tally.days)),
            "warnings": cast("list[JsonValue]", self._warnings(file)),
        }
        made_by = hash_of(common, file.entry.sha256)
        entry = self.valid.add_table(rows, partition, made_by=made_by, details=details)
        self._remember(entry)
        broken = checked.quarantined(file.number)
        n = len(broken)
        columns = {
            "file": [partition] * n,
            "line": [row.line for row in broken],
            "rules": [row.rules for row in broken],
            "raw": [row.raw for row in broken],
            "source": [self.name] * n,
        }
        aside = pa.table(columns, schema=QUARANTINE_SCHEMA)
        self.quarantined.add_table(aside.to_reader(), partition, made_by=made_by)

    def _warnings(self, file: RawFile) -> list[str]:
        if file.is_refused:
            return []
        if file.header is None:
            return (
                ["the file has no readable header"] if file.entry.bytes else ["the file is empty"]
            )
        gone = missing(self.source, file.header)
        return [f"the columns {', '.join(gone)} are missing"] if gone else []

    def _commit(self) -> dict[str, int]:
        kinds = ("rows_in", "valid", "quarantined", "duplicates")
        files = self.valid.files.values()
        sums = {kind: sum(int(str(file.details[kind])) for file in files) for kind in kinds}
        counts = {"in": sums.pop("rows_in"), **sums}
        self.bench.commit(self.quarantined, [self.raw], counts)
        self.bench.commit(self.valid, [self.raw], counts)
        self.bench.log.info("rows_parted", source=self.name, **counts)
        return counts
