"""Telling MLflow: from run records to what tracking takes."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from recomart.errors import StoreUnavailableError
from recomart.evaluation.tracking import TrackedRun, Tracker, connected
from recomart.ranking.aliases import HOLD

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Literal

    from recomart.lake import Lake
    from recomart.pipeline.record import Outcome, RunRecord
    from recomart.settings import Loaded

    Status = Literal["FINISHED", "FAILED", "KILLED"]

STATUS: dict[Outcome, Status] = {"failed": "FAILED", "killed": "KILLED"}
"""Outcome → MLflow's word; any other has ended well."""
ABOUT = {
    "recomart": "recomart.release",
    "python": "recomart.python",
    "platform": "recomart.platform",
}
"""What a record says of the code → its tag; the rest are libraries."""


def tell(loaded: Loaded, lake: Lake, records: Sequence[RunRecord]) -> Iterator[str]:
    """Tell MLflow of runs; see `recomart.pipeline.followers`.

    A run that only moved an alias moves it there, too, and is no run of MLflow. Raises
    MissingExtraError, StoreUnavailableError.
    """
    if not loaded.settings.tracking.is_on:
        return
    with connected(loaded) as client, _alone(loaded):
        tracker = Tracker(client, loaded, lake)
        for record in records:
            run = tracked(record)
            if run.made != {HOLD}:
                tracker.tell(run)
            tracker.follow_aliases()
            yield record.run_id


@contextmanager
def _alone(loaded: Loaded) -> Iterator[None]:
    """Let one process of this shop at a time look up what MLflow has, and create the rest."""
    settings = loaded.settings
    folder = loaded.path(settings.paths.logs)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".tracking.lock", timeout=settings.tracking.timeout_s):
            yield
    except Timeout:
        raise StoreUnavailableError("MLflow", "another process is telling it of runs") from None


def tracked(record: RunRecord) -> TrackedRun:
    """Return what tracking takes of a record."""
    seconds = {f"seconds/{stage.stage}": stage.seconds for stage in record.stages}
    rows = {name: n for stage in record.stages for name, n in stage.rows.items()}
    return TrackedRun(
        run_id=record.run_id,
        status=STATUS.get(record.outcome, "FINISHED"),
        began_ms=_ms(record.started_at),
        ended_ms=_ms(record.ended_at or _last_sign(record)),
        tags=_tags(record),
        settings=record.settings,
        metrics={
            "seconds/all": record.seconds,
            **seconds,
            **{f"rows/{name}": float(n) for name, n in rows.items()},
        },
        versions=record.outputs,
        made=frozenset(name for stage in record.stages for name in stage.made),
        record=record.model_dump_json(indent=1).encode(),
    )


def _tags(record: RunRecord) -> dict[str, str]:
    tags = {"recomart.outcome": record.outcome, "recomart.why": record.why}
    about = {name: record.code[name] for name in ABOUT if name in record.code}
    libraries = [f"{name} {found}" for name, found in record.code.items() if name not in about]
    tags |= {ABOUT[name]: found for name, found in about.items()}
    tags["recomart.libraries"] = ", ".join(libraries)
    for name, commit in record.git.items():
        if commit is not None:
            tags[f"recomart.git.{name}"] = commit.commit
            tags[f"recomart.git.{name}.is_dirty"] = str(commit.is_dirty).lower()
    if code := record.git.get("code"):
        tags["mlflow.source.git.commit"] = code.commit
    for stage in record.stages:
        if stage.error:
            tags["recomart.error"] = f"{stage.stage}: {stage.error}"
    return tags | {"mlflow.source.name": "recomart", "mlflow.source.type": "LOCAL"}


def _last_sign(record: RunRecord) -> str:
    """Return the last moment that a run which was killed wrote down."""
    return max([record.started_at, *(stage.started_at for stage in record.stages)])


def _ms(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp() * 1000)
