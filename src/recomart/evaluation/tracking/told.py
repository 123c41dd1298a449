"""What tracking hears of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class TrackedRun:
    """A run that ended, as plain data.

    status    in MLflow's words
    settings  the tree that it ran with, without secrets
    metrics   what the record itself has: seconds, rows
    versions  data set → the version that the run left
    made      those of them that it made
    record    the whole record as JSON
    """

    run_id: str
    status: Literal["FINISHED", "FAILED", "KILLED"]
    began_ms: int
    ended_ms: int
    tags: Mapping[str, str]
    settings: Mapping[str, Any]
    metrics: Mapping[str, float]
    versions: Mapping[str, str]
    made: frozenset[str]
    record: bytes
