"""Bringing what the event log took into the lake, every now and then, while it takes more.

Each commit is a version of the log's source, under the lease of the lake, with the positions of
the streams in its manifest. While a run holds the lease, the log waits.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from recomart.errors import LakeBusyError, RecomartError, SettingsError
from recomart.events import StreamFile
from recomart.lake import BRIEF, open_lake
from recomart.log import StageLog
from recomart.pipeline.room import full_disk_told
from recomart.pipeline.runner import bench_for
from recomart.settings import EventLogSource
from recomart.sources.stage import Intake

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event as Flag

    from recomart.lake import Lake, Manifest
    from recomart.settings import Loaded
    from recomart.stream.metrics import Unmeasured

BUSY_S = 1.0
"""How long after a refused lease to try again."""
log = StageLog("ingestion")


def source_of(loaded: Loaded) -> tuple[str, EventLogSource]:
    """Return the source that brings the event log into the lake. Raises SettingsError."""
    path = loaded.path(loaded.settings.serving.events)
    for name, source in loaded.settings.sources.items():
        if isinstance(source, EventLogSource) and loaded.path(source.path) == path:
            return name, source
    raise SettingsError(
        f"No source brings the event log {loaded.settings.serving.events!r} into the lake.",
        remedy="Add `server: {kind: event_log}` below `sources:` in recomart.yaml.",
    )


def newest(lake: Lake, source: str) -> Manifest | None:
    """Return the newest version of the source's raw data set."""
    return lake.find(f"raw_{source}")


def positions_kept(lake: Lake, source: str, stream: str) -> dict[str, str]:
    """Return how far a stream had come when the newest version was made; empty where it had not."""
    manifest = newest(lake, source)
    kept = manifest.details.get("positions", {}) if manifest else {}
    return cast("dict[str, dict[str, str]]", kept).get(stream, {})


def seq_kept(manifest: Manifest | None, log_id: str) -> int:
    """Return the number up to which a log is in the lake."""
    files = manifest.files if manifest else ()
    seqs = (e.details["last_seq"] for e in files if e.details.get("log_id") == log_id)
    return max((int(str(seq)) for seq in seqs), default=0)


class Commits:
    """Commits again and again, for one thread; `tell` hears of each version with something new."""

    def __init__(
        self,
        loaded: Loaded,
        run_id: str,
        metrics: Unmeasured,
        tell: Callable[[str], None],
    ) -> None:
        self._name, self._source = source_of(loaded)
        self._every_s = loaded.settings.stream.commit_s
        self._metrics, self._tell = metrics, tell
        self.fault: Exception | None = None
        self._path = loaded.path(loaded.settings.serving.events)
        self.bench = bench_for(loaded, "ingest", run_id)

    def run(self, ended: Flag, give_up: Flag) -> None:
        """Commit until it is ended. What goes wrong is logged, and tried again.

        What nobody foresaw stands in `fault`, and sets the other flag.
        """
        try:
            self._run(ended)
        except Exception as error:  # noqa: BLE001 - raised again where the stream was begun
            self.fault = error
            give_up.set()

    def _run(self, ended: Flag) -> None:
        wait_s = self._every_s
        while not ended.wait(wait_s):
            try:
                self.once()
                wait_s = self._every_s
            except LakeBusyError as error:
                log.info("commit_put_off", holder=error.holder)
                wait_s = BUSY_S
            except RecomartError as error:
                log.error("commit_failed", code=error.code, cause=error.cause)
                self._metrics.not_committed()
                wait_s = self._every_s
            self._tell_waiting()

    def once(self) -> None:
        """Commit what there is. Raises LakeBusyError, and what stores raise."""
        bench = replace(self.bench, now_us=time.time_ns() // 1_000)
        with full_disk_told(), bench.lake.lease(bench.run_id):
            intake = Intake(bench, self._name)
            before = intake.before
            intake.take_log(self._source)
        if intake.before is not None and intake.before is not before:
            self._metrics.committed(intake.n_rows)
            version = f"version {intake.before.number} of {intake.before.name}"
            self._tell(f"{intake.n_rows:,} rows: {version}")

    def _tell_waiting(self) -> None:
        with closing(StreamFile(self._path)) as file:
            kept = seq_kept(newest(self.bench.lake, self._name), file.log_id)
            self._metrics.stands(waiting=file.newest_seq() - kept)


def new_run_id() -> str:
    """Return the id under which a stream commits: one whose leases are short."""
    from recomart.pipeline.runner import new_run_id as new

    return f"{BRIEF}{new()}"


def open_shop(loaded: Loaded) -> tuple[Lake, str]:
    """Return the lake, and the name of the source that the stream feeds."""
    return open_lake(loaded), source_of(loaded)[0]
