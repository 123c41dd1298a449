"""A snapshot after every run that made something, where the settings ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recomart.errors import RecomartError
from recomart.log import StageLog
from recomart.pipeline.versioning.taking import snapshot

if TYPE_CHECKING:
    from recomart.pipeline.record import RunRecord
    from recomart.settings import Loaded


def snapshot_after(loaded: Loaded, record: RunRecord) -> None:
    """Take a snapshot of what a run left; what cannot be taken is logged, the run has gone well."""
    is_asked_for = loaded.settings.versioning.every_run
    if not is_asked_for or record.outcome != "done" or not record.is_news:
        return
    log = StageLog("versioning")
    try:
        taken = snapshot(loaded, f"Data of run {record.run_id}")
        log.info("snapshot_taken", revision=taken.revision, is_new=taken.is_new)
    except Exception as error:  # noqa: BLE001 -- whatever DVC comes with, the run is done
        told = f"{error.cause} {error.remedy}" if isinstance(error, RecomartError) else repr(error)
        log.warning("snapshot_not_taken", cause=told)
