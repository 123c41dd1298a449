"""Run the stages: under a lease, in order, each only if its inputs, settings or code changed."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

from recomart.errors import RecomartError
from recomart.lake import Dates, Lake, LocalObjects, Workbench, hash_of, lease
from recomart.log import StageLog, recording
from recomart.pipeline.stages import STAGES, Stage, expand, in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from recomart.settings import Loaded

Outcome = Literal["done", "skipped", "failed"]


@dataclass
class StageRecord:
    """What became of one stage in one run."""

    stage: str
    outcome: Outcome = "done"
    seconds: float = 0.0
    outputs: dict[str, str] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    error: str | None = None


@dataclass
class RunRecord:
    """What became of one run; written as JSON beside the stage logs."""

    run_id: str
    started_at: str
    seconds: float = 0.0
    outcome: Outcome = "done"
    stages: list[StageRecord] = field(default_factory=list)


def open_lake(loaded: Loaded) -> Lake:
    """Open the lake that the settings name."""
    return Lake(LocalObjects(loaded.path(loaded.settings.paths.lake)))


def run(
    loaded: Loaded,
    names: Sequence[str] = (),
    *,
    dates: Dates | None = None,
    force: bool = False,
    watch: Callable[[str, Stage, StageRecord | None], None] = lambda *_: None,
) -> RunRecord:
    """Run all stages, or those named, and return the record of what happened.

    A stage whose data sets carry the key of its code, settings and parents is
    skipped. A failure ends the run and is raised after its record is written.
    `watch` is told ``("start", stage, None)`` and ``("end", stage, record)``.
    """
    record = RunRecord(_run_id(), _now().isoformat(timespec="seconds"))
    logs = loaded.path(loaded.settings.paths.logs)
    lake_folder = loaded.path(loaded.settings.paths.lake)
    began = time.perf_counter()
    with recording(logs, record.run_id), lease(lake_folder, record.run_id):
        runner = _Runner(loaded, record.run_id, dates or Dates(), force=force)
        try:
            for stage in in_order(STAGES):
                if names and stage.name not in names:
                    continue
                watch("start", stage, None)
                done = StageRecord(stage.name)
                record.stages.append(done)
                runner.run_stage(stage, done)
                watch("end", stage, done)
        except BaseException:
            record.outcome = "failed"
            raise
        finally:
            record.seconds = round(time.perf_counter() - began, 3)
            body = json.dumps(asdict(record), indent=1)
            (logs / "runs" / f"{record.run_id}.json").write_text(body, encoding="utf-8")
    return record


@contextmanager
def open_bench(loaded: Loaded, stage_name: str) -> Iterator[Workbench]:
    """Give a workbench for work by hand in a stage's place: under the lease, with its log."""
    [stage] = [stage for stage in STAGES if stage.name == stage_name]
    run_id = _run_id()
    logs = loaded.path(loaded.settings.paths.logs)
    with recording(logs, run_id), lease(loaded.path(loaded.settings.paths.lake), run_id):
        runner = _Runner(loaded, run_id, Dates(), force=False)
        yield runner.bench(stage, runner.key(stage))


class _Runner:
    def __init__(self, loaded: Loaded, run_id: str, dates: Dates, *, force: bool) -> None:
        self.loaded = loaded
        self.lake = open_lake(loaded)
        self.run_id = run_id
        self.dates = dates
        self.force = force
        self.now_us = int(_now().timestamp() * 1_000_000)

    def run_stage(self, stage: Stage, record: StageRecord) -> None:
        """Run one stage, or find that it is done; fill in its record."""
        log = StageLog(stage.log)
        began = time.perf_counter()
        key = self.key(stage)
        try:
            if self._is_done(stage, key):
                record.outcome = "skipped"
            else:
                log.info("stage_started", stage=stage.name, run_id=self.run_id)
                stage.load()(self.bench(stage, key))
        except BaseException as error:
            record.outcome = "failed"
            record.error = str(error) if isinstance(error, RecomartError) else repr(error)
            raise
        finally:
            record.seconds = round(time.perf_counter() - began, 3)
            self._tell(stage, record, log)

    def _tell(self, stage: Stage, record: StageRecord, log: StageLog) -> None:
        if record.outcome == "failed":
            log.error("stage_failed", seconds=record.seconds, error=record.error)
            return
        for name in expand(stage.writes, self.loaded.settings):
            manifest = self.lake.find(name)
            if manifest is not None:
                record.outputs[name] = manifest.version
                record.rows[name] = manifest.rows
        if record.outcome == "done":
            log.info("stage_finished", seconds=record.seconds, outcome=record.outcome)

    def key(self, stage: Stage) -> str:
        """Return the hash of all that a stage's result depends on."""
        settings = self.loaded.settings
        parents = [self.lake.find(name) for name in expand(stage.reads, settings)]
        return hash_of(
            stage.name,
            stage.code_version(),
            stage.settings_hash(settings),
            [(m.name, m.version) for m in parents if m],
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
            run_id=self.run_id,
            now_us=self.now_us,
            key=key,
            code_version=stage.code_version(),
            settings_hash=stage.settings_hash(settings),
            force=self.force,
            dates=self.dates,
        )


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _run_id() -> str:
    # to the microsecond, so that the names of records sort as their runs began
    return f"{_now():%Y%m%dT%H%M%S%f}Z-{uuid4().hex[:6]}"
