"""What a stage has in its hands: the lake, an engine, the settings, who it runs for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from recomart.lake.draft import Draft
from recomart.lake.manifest import Making
from recomart.log import StageLog

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from ibis.backends.duckdb import Backend
    from ibis.expr.types import Table
    from pydantic import JsonValue

    from recomart.lake.lake import Lake
    from recomart.lake.manifest import FileEntry, Manifest
    from recomart.settings import Loaded, Settings


@dataclass(frozen=True)
class Dates:
    """Which days a run is limited to, ISO dates, both ends included; None: no limit."""

    first: str | None = None
    last: str | None = None

    def include(self, date: str) -> bool:
        """Tell whether an ISO date is within."""
        return (self.first is None or date >= self.first) and (
            self.last is None or date <= self.last
        )


@dataclass(frozen=True)
class Workbench:
    """One stage at work. Made by the runner; tests make their own.

    `key` is the hash of stage code, settings and parents that its data sets will carry.
    """

    lake: Lake
    con: Backend
    loaded: Loaded
    stage: str
    run_id: str
    now_us: int
    key: str = ""
    code_version: str = ""
    settings_hash: str = ""
    force: bool = False
    dates: Dates = field(default_factory=Dates)

    @property
    def settings(self) -> Settings:
        """The settings of the run."""
        return self.loaded.settings

    @property
    def log(self) -> StageLog:
        """Where this stage writes its events."""
        return StageLog(self.stage)

    @property
    def spill(self) -> Path:
        """Where engines put aside what does not fit into memory; every engine sees this folder."""
        return self.lake.objects.aside().parent

    @property
    def making(self) -> Making:
        """Who makes what this stage commits."""
        return Making(
            key=self.key,
            stage=self.stage,
            run_id=self.run_id,
            settings_hash=self.settings_hash,
            code_version=self.code_version,
        )

    def read(self, dataset: str, partitions: Iterable[str] | None = None) -> Table:
        """Open a data set's current version (or some of its partitions), verified."""
        manifest = self.lake.latest(dataset)
        chosen = None if partitions is None else set(partitions)
        files = [f for f in manifest.files if chosen is None or f.partition in chosen]
        return self.open_files(files, manifest)

    def open_files(self, files: Iterable[FileEntry], manifest: Manifest) -> Table:
        """Open some files of a data set's version as one table, verified, in their order."""
        paths = [str(path) for path in self.lake.paths(files)]
        if not paths:  # no rows, but still the columns
            paths = [str(path) for path in self.lake.paths(manifest.files[:1])]
            return self.con.read_parquet(paths).limit(0)
        return self.con.read_parquet(paths, union_by_name=True)

    def current(self, *datasets: str) -> list[Manifest]:
        """Return the current versions of data sets, of those that there are."""
        return [found for name in datasets if (found := self.lake.find(name)) is not None]

    def stream(self, table: Table) -> pa.RecordBatchReader:
        """Run an expression and read its rows in batches, in order."""
        return self.con.to_pyarrow_batches(table, chunk_size=65_536)

    def draft(self, dataset: str) -> Draft:
        """Begin a new version of a data set; end it with `commit`."""
        return Draft(self.lake, dataset)

    def commit(
        self,
        draft: Draft,
        parents: Iterable[Manifest] = (),
        counts: Mapping[str, int] | None = None,
        details: Mapping[str, JsonValue] | None = None,
    ) -> Manifest:
        """Publish a draft under this run's name and key."""
        of = [parent.as_parent() for parent in parents]
        return draft.commit(self.making, of, counts, details)

    def write(
        self,
        dataset: str,
        rows: Table | pa.RecordBatchReader,
        parents: Iterable[Manifest] = (),
        *,
        counts: Mapping[str, int] | None = None,
        details: Mapping[str, JsonValue] | None = None,
    ) -> Manifest:
        """Write a whole table, or rows, as the new version of a data set; order them first."""
        draft = self.draft(dataset)
        draft.add_table(rows if isinstance(rows, pa.RecordBatchReader) else self.stream(rows))
        return self.commit(draft, parents, counts, details)
