"""Run the stages: under a lease, in order, each only if its inputs, settings or code changed."""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING
from uuid import uuid4

from recomart.errors import RecomartError
from recomart.lake import Dates, Erasures, Workbench, hash_of, open_lake
from recomart.log import StageLog, recording
from recomart.pipeline.followers import tell_followers
from recomart.pipeline.record import RunRecord, StageRecord, note_circumstances
from recomart.pipeline.room import full_disk_told
from recomart.pipeline.runs import Runs, end_quietly
from recomart.pipeline.stages import STAGES, Stage, expand, in_order
from recomart.pipeline.versioning.after_run import snapshot_after

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from recomart.lake import Lake
    from recomart.settings import Loaded

BY_HAND = "by hand"


def run(
    loaded: Loaded,
    names: Sequence[str] = (),
    *,
    dates: Dates | None = None,
    force: bool = False,
    why: str = BY_HAND,
    watch: Callable[[str, Stage, StageRecord | None], None] = lambda *_: None,
) -> RunRecord:
    """Run all stages, or those named, and return the record of what happened.

    A stage whose data sets carry the key of its code, settings and parents is
    skipped. A failure ends the run and is raised after its record is written.
    `watch` is told ``("start", stage, None)`` and ``("end", stage, record)``.
    """
    with open_session(loaded, dates=dates, force=force, why=why) as session:
        for stage in in_order(STAGES):
            if names and stage.name not in names:
                continue
            watch("start", stage, None)
            watch("end", stage, session.run_stage(stage))
    return session.record


@contextmanager
def open_session(
    loaded: Loaded,
    *,
    dates: Dates | None = None,
    force: bool = False,
    why: str = BY_HAND,
    now_us: int | None = None,
) -> Iterator[Session]:
    """Open a run: under the lease, with its logs; its record is kept, whatever happens inside.

    Who is to be erased is erased first. When it has ended and the lease is free again, those who
    follow are told. `now_us` stands for the moment of a run that is done again. Raises
    LakeBusyError.
    """
    if now_us is None and Erasures.of(loaded).orders():
        from recomart.pipeline.erasing import finish

        finish(loaded)  # or the run would learn from whom it should not
    lake = open_lake(loaded)
    runs = Runs.of(loaded, lake)
    session = Session(loaded, lake, runs, dates=dates, force=force, why=why)
    record = session.record
    record.now_us = now_us or record.now_us
    with full_disk_told(), recording(runs.folder.parent, record.run_id):
        try:
            with lake.lease(record.run_id):
                runs.settle()
                began = time.perf_counter()
                try:
                    yield session
                    record.outcome = "done"
                except BaseException:
                    record.outcome = "failed"
                    raise
                finally:
                    record.seconds = round(time.perf_counter() - began, 3)
                    record.ended_at = written_now()
                    end_quietly(runs, record)
        finally:
            if record.ended_at:  # the lease was had
                tell_followers(loaded, runs)
                snapshot_after(loaded, record)


@contextmanager
def open_bench(loaded: Loaded, stage_name: str) -> Iterator[Workbench]:
    """Give a workbench for work by hand in a stage's place: under the lease, with its log."""
    [stage] = [stage for stage in STAGES if stage.name == stage_name]
    lake = open_lake(loaded)
    runs = Runs.of(loaded, lake)
    session = Session(loaded, lake, runs)
    with recording(runs.folder.parent, session.record.run_id), lake.lease(session.record.run_id):
        yield session.bench(stage, session.key(stage))


def bench_for(loaded: Loaded, stage_name: str, run_id: str) -> Workbench:
    """Return a workbench for one who holds the lease for a moment, again and again."""
    [stage] = [stage for stage in STAGES if stage.name == stage_name]
    lake = open_lake(loaded)
    session = Session(loaded, lake, Runs.of(loaded, lake))
    return replace(session.bench(stage, session.key(stage)), run_id=run_id)


class Session:
    """A run that goes on: runs stages one by one, and keeps the record."""

    def __init__(
        self,
        loaded: Loaded,
        lake: Lake,
        runs: Runs,
        *,
        dates: Dates | None = None,
        force: bool = False,
        why: str = BY_HAND,
    ) -> None:
        self.loaded = loaded
        self.lake = lake
        self.runs = runs
        self.dates = dates or Dates()
        self.force = force
        self.record = RunRecord(
            run_id=new_run_id(),
            started_at=written_now(),
            why=why,
            now_us=int(_now().timestamp() * 1_000_000),
            dates=[self.dates.first, self.dates.last],
            force=force,
        )
        note_circumstances(self.record, loaded)

    def run_stage(self, stage: Stage) -> StageRecord:
        """Run one stage, or find that it is done; what it raises stands in the record, too."""
        record = StageRecord(stage=stage.name, started_at=written_now())
        self.record.stages.append(record)
        log = StageLog(stage.log)
        began = time.perf_counter()
        record.key, record.code_version = self.key(stage), stage.code_version()
        record.inputs = self._versions((*stage.reads, *stage.looks_back))
        try:
            self._work(stage, record, log)
        except BaseException as error:
            record.outcome = "failed"
            record.error = str(error) if isinstance(error, RecomartError) else repr(error)
            raise
        finally:
            record.seconds = round(time.perf_counter() - began, 3)
            self._tell(stage, record, log)
            with suppress(OSError):  # the disk may be full; the record is kept at the end, too
                self.runs.save(self.record)
        return record

    def _work(self, stage: Stage, record: StageRecord, log: StageLog) -> None:
        with full_disk_told():
            self.runs.save(self.record)
            if self._is_done(stage, record.key):
                record.outcome = "skipped"
                return
            log.info("stage_started", stage=stage.name, run_id=self.record.run_id)
            stage.load()(self.bench(stage, record.key))
            record.outcome = "done"

    def _tell(self, stage: Stage, record: StageRecord, log: StageLog) -> None:
        if record.outcome == "failed":
            log.error("stage_failed", seconds=record.seconds, error=record.error)
            return
        for name in expand(stage.writes, self.loaded.settings):
            manifest = self.lake.find(name)
            if manifest is not None:
                record.outputs[name] = manifest.version
                record.rows[name] = manifest.rows
                if manifest.run_id == self.record.run_id:
                    record.made.append(name)
        if record.outcome == "done":
            log.info("stage_finished", seconds=record.seconds, outcome=record.outcome)

    def _versions(self, names: Sequence[str]) -> dict[str, str]:
        found = [self.lake.find(name) for name in expand(names, self.loaded.settings)]
        return {manifest.name: manifest.version for manifest in found if manifest}

    def key(self, stage: Stage) -> str:
        """Return the hash of all that a stage's result depends on."""
        return hash_of(
            stage.name,
            stage.code_version(),
            stage.settings_hash(self.loaded.settings),
            list(self._versions(stage.reads).items()),
            [self.dates.first, self.dates.last],
        )

    def _is_done(self, stage: Stage, key: str) -> bool:
        if stage.always or self.force:
            return False
        written = [self.lake.find(name) for name in expand(stage.writes, self.loaded.settings)]
        return all(manifest is not None and manifest.key == key for manifest in written)

    def bench(self, stage: Stage, key: str) -> Workbench:
        """Return what a stage has in its hands."""
        from recomart.engines import connect  # Ibis and DuckDB: not where all is skipped

        settings = self.loaded.settings
        spill = self.lake.objects.aside().parent / "spill"
        return Workbench(
            lake=self.lake,
            con=connect(settings.engine, spill),
            loaded=self.loaded,
            stage=stage.log,
            run_id=self.record.run_id,
            now_us=self.record.now_us,
            key=key,
            code_version=stage.code_version(),
            settings_hash=stage.settings_hash(settings),
            force=self.force,
            dates=self.dates,
        )


def _now() -> datetime:
    return datetime.now(timezone.utc)


def written_now() -> str:
    """Return the moment as a record writes it."""
    return _now().isoformat(timespec="milliseconds")


def new_run_id() -> str:
    """Return an id; to the microsecond, so that the names of records sort as their runs began."""
    return f"{_now():%Y%m%dT%H%M%S%f}Z-{uuid4().hex[:6]}"
