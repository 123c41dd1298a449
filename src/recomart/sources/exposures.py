"""Draining exposures: the lists that were shown since the last time, as a file of the lake.

As with events, how far the lake has come stands with the file that brought it there, and the
workers' file forgets only what is in the lake. To whom a list was shown stays behind: whoever is
forgotten cannot come back by it.
"""

from __future__ import annotations

from contextlib import closing
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pyarrow as pa
from pydantic_core import from_json

from recomart.errors import StoreUnavailableError
from recomart.events.exposures import ExposureFile, beside
from recomart.vocabulary import EXPOSURE_COLUMNS, SECOND_US

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydantic import JsonValue

    from recomart.events.exposures import Exposure
    from recomart.lake import FileEntry, Workbench

DATASET = "exposures"
ROWS = 5_000
"""Lists read and written at a time."""
_ARROW = {"string": pa.string(), "int32": pa.int32(), "int64": pa.int64(), "float64": pa.float64()}
SCHEMA = pa.schema([(name, _ARROW[kind]) for name, kind in EXPOSURE_COLUMNS.items()])


def drain(bench: Workbench) -> None:
    """Bring in the lists that workers showed since the last drain; let go of those that are old.

    A shop that never served has no such file, and gets no data set. A file that cannot be read is
    told of in the log, and holds nothing up: events are learned from all the same.
    """
    path = beside(bench.loaded.path(bench.settings.serving.events))
    if not path.exists():
        return
    try:
        with closing(ExposureFile(path)) as file:
            _drain(bench, file)
    except StoreUnavailableError as error:
        bench.log.error("exposures_not_drained", code=error.code, cause=error.cause)


def _drain(bench: Workbench, file: ExposureFile) -> None:
    before = bench.lake.find(DATASET)
    files = before.files if before else ()
    lists = _Lists(file, _taken(files, file.file_id), file.newest_seq())
    if lists.last > lists.after:
        _write(bench, files, lists, file.file_id)
        bench.log.info("exposures_drained", lists=lists.n_lists, lost=lists.n_lost)
    file.prune(lists.last)


class _Lists:
    """The lists after one number and up to another, counted as they are read."""

    def __init__(self, file: ExposureFile, after: int, last: int) -> None:
        self._file, self.after, self.last = file, after, last
        self.n_lists = 0

    @property
    def n_lost(self) -> int:
        """Numbers that nothing stands under: more came than are kept, or somebody was forgotten."""
        return self.last - self.after - self.n_lists

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield their lines."""
        seq = self.after
        while found := self._file.read(seq, self.last, ROWS):
            seq = found[-1][0]
            self.n_lists += len(found)
            rows = [row for _, exposure in found for row in _rows(exposure)]
            yield pa.RecordBatch.from_pylist(rows, SCHEMA)


def _rows(exposure: Exposure) -> Iterator[dict[str, object]]:
    of = {
        "recommendation_id": exposure.recommendation_id,
        "shown_us": exposure.at_us,
        "model": exposure.model,
        "model_version": exposure.version,
        "experiment": exposure.experiment,
        "variant": exposure.variant,
        "unit": exposure.unit,
        "propensity": exposure.propensity,
    }
    for place, line in enumerate(from_json(exposure.lines), start=1):
        told = dict(zip(("item_id", "source", "score", "confidence"), line, strict=True))
        yield {**of, "rank": place, **told}


def _write(bench: Workbench, files: Sequence[FileEntry], lists: _Lists, file_id: str) -> None:
    now = datetime.fromtimestamp(bench.now_us / SECOND_US, timezone.utc)
    first_kept = str((now - timedelta(days=bench.settings.monitoring.keep_days)).date())
    draft = bench.draft(DATASET)
    for entry in files:
        if entry.partition >= first_kept:
            draft.keep(entry)
    reader = pa.RecordBatchReader.from_batches(SCHEMA, lists.batches())
    details: dict[str, JsonValue] = {"file_id": file_id, "last_seq": lists.last}
    draft.add_table(reader, f"{now.date()}/{file_id[:8]}-{lists.last:012d}", details=details)
    bench.commit(draft, counts={"lists": lists.n_lists, "lost": lists.n_lost})


def _taken(files: Sequence[FileEntry], file_id: str) -> int:
    """Return the number up to which this file was drained; another one counts anew."""
    of = [entry.details["last_seq"] for entry in files if entry.details["file_id"] == file_id]
    return max((int(str(seq)) for seq in of), default=0)
