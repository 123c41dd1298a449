"""The records of all runs: those that ended lie in the lake, one that goes on beside its logs."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from pydantic import ValidationError

from recomart.errors import IntegrityError, NotFoundError, RecomartError
from recomart.log import StageLog
from recomart.pipeline.record import RunRecord

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from recomart.lake import Lake
    from recomart.settings import Loaded

FOLDER = "runs"
LAST = "last"


class Runs:
    """Reads the records of a shop's runs, oldest first, and writes them.

    A run that was killed leaves a record that still says "running"; whoever holds the lease next
    knows better, and settles it.
    """

    def __init__(self, lake: Lake, folder: Path) -> None:
        self.lake = lake
        self.folder = folder

    @classmethod
    def of(cls, loaded: Loaded, lake: Lake) -> Runs:
        """Return the runs of a shop."""
        return cls(lake, loaded.path(loaded.settings.paths.logs) / FOLDER)

    def all(self) -> list[RunRecord]:
        """Return every run that is known here, as it stands."""
        ended = {key.rpartition("/")[2]: key for key in self.lake.objects.keys(FOLDER)}
        found = {name: _read(name, self.lake.objects.get(key)) for name, key in ended.items()}
        for record in self._local():
            found.setdefault(f"{record.run_id}.json", record)
        return [found[name] for name in sorted(found)]

    def get(self, name: str) -> RunRecord:
        """Return a run by its id, the only beginning of it, or ``last``. Raises NotFoundError."""
        known = self.all()
        if name == LAST and known:
            return known[-1]
        found = [record for record in known if record.run_id.startswith(name)]
        if len(found) != 1:
            raise NotFoundError.of("run", name, [record.run_id for record in known])
        return found[0]

    def save(self, record: RunRecord) -> None:
        """Write the record as it stands, beside the logs, in one step."""
        self.folder.mkdir(parents=True, exist_ok=True)
        aside = self.folder / f".{uuid4().hex}.partial"
        try:
            aside.write_text(record.model_dump_json(indent=1), encoding="utf-8")
            aside.replace(self.folder / f"{record.run_id}.json")
        finally:
            aside.unlink(missing_ok=True)  # what a full disk left

    def end(self, record: RunRecord) -> None:
        """Keep the record of a run that ended, in the lake, too."""
        self.save(record)
        body = record.model_dump_json(indent=1).encode()
        self.lake.objects.put_if_absent(f"{FOLDER}/{record.run_id}.json", body)

    def settle(self) -> list[RunRecord]:
        """End the records of runs that were cut off; under the lease, so none of them goes on.

        Those that ended while the lake could not be reached are brought there.
        """
        ended = {key.rpartition("/")[2] for key in self.lake.objects.keys(FOLDER)}
        left = [one for one in self._local() if f"{one.run_id}.json" not in ended]
        for record in left:
            if record.outcome == "running":
                record.outcome = "killed"
                for stage in record.stages:
                    if stage.outcome == "running":
                        stage.outcome = "killed"
                StageLog("pipeline").warning("killed_run_found", run_id=record.run_id)
            self.end(record)
        return left

    def _local(self) -> Iterator[RunRecord]:
        for path in sorted(self.folder.glob("*.json")):
            yield _read(path.name, path.read_bytes())


def end_quietly(runs: Runs, record: RunRecord) -> None:
    """Keep a record; where the lake cannot be reached, the next run brings it there."""
    try:
        runs.end(record)
    except (RecomartError, OSError) as error:
        StageLog("pipeline").warning("record_not_kept", run_id=record.run_id, error=str(error))


def _read(name: str, body: bytes) -> RunRecord:
    try:
        return RunRecord.model_validate_json(body)
    except ValidationError as error:
        raise IntegrityError(
            f"The record of run {name!r} cannot be read: {error.error_count()} fault(s).",
            remedy="Restore it from a backup, or delete it.",
        ) from None
