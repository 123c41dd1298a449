"""The records of all runs: those that ended lie in the lake, one that goes on beside its logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from recomart.errors import IntegrityError, NotFoundError, RecomartError
from recomart.lake import replace_file
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

    def ids(self) -> list[str]:
        """Return the ids of every run that is known here, oldest first."""
        local = (path.stem for path in self.folder.glob("*.json"))
        return sorted({*self._ended(), *local})

    def read(self, run_id: str) -> RunRecord:
        """Return a run as it stands. One that ended says the same here and in the lake."""
        name = f"{run_id}.json"
        here = self.folder / name
        record = _read(name, here.read_bytes()) if here.is_file() else None
        if record is not None and record.outcome != "running":
            return record
        try:
            return _read(name, self.lake.objects.get(f"{FOLDER}/{name}"))
        except KeyError:
            if record is None:
                raise NotFoundError.of("run", run_id, self.ids()) from None
            return record

    def all(self) -> list[RunRecord]:
        """Return every run that is known here, as it stands."""
        return [self.read(run_id) for run_id in self.ids()]

    def get(self, name: str) -> RunRecord:
        """Return a run by its id, the only beginning of it, or ``last``. Raises NotFoundError."""
        known = self.ids()
        found = [known[-1]] if name == LAST and known else []
        found = found or [run_id for run_id in known if run_id.startswith(name)]
        if len(found) != 1:
            raise NotFoundError.of("run", name, known)
        return self.read(found[0])

    def save(self, record: RunRecord) -> None:
        """Write the record as it stands, beside the logs, in one step."""
        self.folder.mkdir(parents=True, exist_ok=True)
        body = record.model_dump_json(indent=1).encode()
        replace_file(self.folder / f"{record.run_id}.json", body)

    def end(self, record: RunRecord) -> None:
        """Keep the record of a run that ended, in the lake, too."""
        self.save(record)
        body = record.model_dump_json(indent=1).encode()
        self.lake.objects.put_if_absent(f"{FOLDER}/{record.run_id}.json", body)

    def settle(self) -> list[RunRecord]:
        """End the records of runs that were cut off; under the lease, so none of them goes on.

        Those that ended while the lake could not be reached are brought there.
        """
        ended = self._ended()
        left = [one for one in self._local() if one.run_id not in ended]
        for record in left:
            if record.outcome == "running":
                record.outcome = "killed"
                for stage in record.stages:
                    if stage.outcome == "running":
                        stage.outcome = "killed"
                StageLog("pipeline").warning("killed_run_found", run_id=record.run_id)
            self.end(record)
        return left

    def _ended(self) -> set[str]:
        keys = self.lake.objects.keys(FOLDER)
        return {key.rpartition("/")[2].removesuffix(".json") for key in keys}

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
