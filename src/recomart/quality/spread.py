"""Where batches of raw files are checked: here one by one, or on Spark's executors at once.

An executor does to a batch what is done here, by the same code, but knows nothing of the files
before it; what those have is taken out here, in the files' order. So the order in which executors
end, and how often one has to begin again, changes nothing.
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from recomart.engines import connect
from recomart.quality.checked import Broken, Checked
from recomart.settings import EngineSettings
from recomart.vocabulary import DAY_US

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import TypeAlias

    from ibis.backends.duckdb import Backend
    from ibis.expr.types import Table

    from recomart.engines.spark import SparkEngine
    from recomart.lake import Workbench
    from recomart.quality.checked import Tally
    from recomart.quality.reading import RawFile
    from recomart.settings import Source

    Checks: TypeAlias = Callable[[Iterable[list[RawFile]], Source], Iterator["Batch"]]
    Batch: TypeAlias = Checked | "CheckedElsewhere"

BROKEN = pa.schema(
    [("file", pa.int32()), ("line", pa.int64()), ("rules", pa.string()), ("raw", pa.string())]
)


@contextmanager
def open_checks(bench: Workbench) -> Iterator[Checks]:
    """Give what checks batches of a source in their order, where the settings say.

    Raises MissingExtraError, StoreUnavailableError.
    """
    if bench.settings.engine.kind != "spark":
        yield partial(_here, bench.con)
        return
    from recomart.engines.spark import SparkEngine

    with SparkEngine(bench.settings.engine, bench.spill) as engine:
        yield partial(_on_executors, engine, bench)


def _here(con: Backend, batches: Iterable[list[RawFile]], source: Source) -> Iterator[Batch]:
    for files in batches:
        yield Checked(con, files, source)


def _on_executors(
    engine: SparkEngine, bench: Workbench, batches: Iterable[list[RawFile]], source: Source
) -> Iterator[Batch]:
    memory = bench.settings.engine.memory_limit
    works = [Work(files, source, memory, str(engine.exchange)) for files in batches]
    for parted in engine.spread(part, works):
        yield CheckedElsewhere(bench.con, parted)
        parted.remove()


@dataclass(frozen=True)
class Work:
    """A batch for an executor; plain data."""

    files: Sequence[RawFile]
    source: Source
    memory_limit: str
    folder: str


class Parted(NamedTuple):
    """What an executor found in a batch.

    valid    a Parquet file: the valid rows of all its files, `_file` first
    broken   a Parquet file of columns `BROKEN`: the rows that are put aside
    days     as `Checked.days` before other files are known
    tallies  as `Checked.tallies`
    """

    valid: str
    broken: str
    days: dict[int, dict[str, int]]
    tallies: dict[int, Tally]

    def remove(self) -> None:
        """Remove its files."""
        for path in (self.valid, self.broken):
            Path(path).unlink()


def part(work: Work) -> Parted:
    """Check a batch on an executor; its files have names that no other attempt gives."""
    folder = Path(tempfile.mkdtemp(prefix="parted-", dir=work.folder))
    con = connect(EngineSettings(memory_limit=work.memory_limit, threads=1))
    try:
        checked = Checked(con, work.files, work.source)
        days = checked.days()
        if work.source.holds == "events":
            checked.find_known(())
        con.to_parquet(checked.valid(), folder / "valid.parquet")
        with pq.ParquetWriter(folder / "broken.parquet", BROKEN) as writer:
            for file in work.files:
                broken = checked.quarantined(file.number)
                rows = [{"file": file.number, **row._asdict()} for row in broken]
                writer.write_table(pa.Table.from_pylist(rows, schema=BROKEN))
        tallies = checked.tallies()
    finally:
        con.disconnect()
    return Parted(str(folder / "valid.parquet"), str(folder / "broken.parquet"), days, tallies)


class CheckedElsewhere:
    """A batch that an executor has checked; what earlier files have is still to be taken out."""

    def __init__(self, con: Backend, parted: Parted) -> None:
        self.con = con
        self.parted = parted
        self._known: list[str] = []

    def days(self) -> dict[int, dict[str, int]]:
        """See `Checked`."""
        return self.parted.days

    def find_known(self, earlier: Iterable[str]) -> None:
        """See `Checked`."""
        self._known = list(earlier)

    def valid(self) -> Table:
        """See `Checked`."""
        if not self._known:
            return self.con.read_parquet(self.parted.valid)
        rows = self.con.read_parquet(self.parted.valid, file_row_number=True)
        known = self.con.read_parquet(self._known).select("event_id")
        new = rows.anti_join(known, "event_id")
        return new.order_by("file_row_number").drop("file_row_number")

    def tallies(self) -> dict[int, Tally]:
        """See `Checked`."""
        found = self.parted.tallies
        if not self._known:
            return found
        rows = self.valid()
        day = (rows.occurred_us / DAY_US).floor().cast("int32")
        counted = rows.group_by("_file", day=day).aggregate(n=rows.count())
        days: dict[int, dict[str, int]] = {number: {} for number in found}
        for row in self.con.to_pyarrow(counted.order_by("_file", "day")).to_pylist():
            days[row["_file"]][str(row["day"])] = row["n"]
        return {number: _without(tally, days[number]) for number, tally in found.items()}

    def quarantined(self, number: int) -> list[Broken]:
        """See `Checked`."""
        rows = pq.read_table(self.parted.broken, filters=pc.field("file") == number)
        return [Broken(**row) for row in rows.drop(["file"]).to_pylist()]


def _without(tally: Tally, days: dict[str, int]) -> Tally:
    """Return a tally in which rows that are not among those of the days are duplicates."""
    n = sum(days.values())
    return tally._replace(valid=n, duplicates=tally.duplicates + tally.valid - n, days=days)
