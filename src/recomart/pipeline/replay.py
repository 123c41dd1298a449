"""Trying quarantined rows again, under the lease and with the log of any other run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from recomart.errors import NotFoundError
from recomart.lake import open_lake
from recomart.pipeline.runner import open_bench, run
from recomart.sources.stage import take_file

if TYPE_CHECKING:
    from pathlib import Path

    from recomart.settings import Loaded


@dataclass(frozen=True)
class Replayed:
    """Rows of a source in quarantine before and after a replay."""

    source: str
    before: int
    after: int


def replay(loaded: Loaded, source: str | None = None, mended: Path | None = None) -> list[Replayed]:
    """Validate again; return the rows in quarantine of each source before and after.

    A mended file is brought in first, as one more raw object of its source; the rows as they were
    stay where they are, so that the counts of the past stay true.
    """
    sources = loaded.settings.sources
    before = _rows_waiting(loaded)
    if mended is not None:
        name = source or next(iter(sources))
        if name not in sources:
            raise NotFoundError.of("source", name, sources)
        with open_bench(loaded, "ingest") as bench:
            take_file(bench, name, mended)
    run(loaded, ["validate"])
    after = _rows_waiting(loaded)
    return [Replayed(name, before[name], after[name]) for name in sources]


def _rows_waiting(loaded: Loaded) -> dict[str, int]:
    lake = open_lake(loaded)
    found = {name: lake.find(f"quarantined_{name}") for name in loaded.settings.sources}
    return {name: manifest.rows if manifest else 0 for name, manifest in found.items()}
