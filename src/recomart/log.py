"""Structured events, the stage logs, the run record.

Rooms log events, not sentences: ``log.info("rows_parted", valid=9_812)``. Nothing is
written unless a run records: then each stage has a log file in the line format
``2024-01-15 10:30:45 - ingestion - INFO - Ingested 10000 interactions``, and the run a
JSON file with a line for every event and one record at the end.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ROOT = "recomart"
SHOP: ContextVar[str] = ContextVar("shop", default="")
"""Which of the shops of a process is at work here; empty where there is but one."""
SENTENCES = {
    "stage_started": "Started",
    "stage_finished": "Finished in {seconds} s: {outcome}",
    "stage_failed": "Failed after {seconds} s: {error}",
    "file_ingested": "Ingested {rows} rows from {file} into {path}",
    "rows_ingested": "Ingested {rows} interactions",
    "fetch_attempted": "Attempt {attempt} of {url}: {outcome}",
}
"""Event → sentence of its log line; any other event is spelled out with its fields."""


def for_this_shop(do: Callable[[], None]) -> Callable[[], None]:
    """Let what another thread does be logged for the shop that is at work here."""
    return partial(copy_context().run, do)


@dataclass(frozen=True)
class StageLog:
    """What a stage writes its events to."""

    stage: str

    def info(self, event: str, **fields: Any) -> None:
        """Record that something happened; `event` in snake_case past tense."""
        self._write(logging.INFO, event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        """Record something that a person should look at."""
        self._write(logging.WARNING, event, fields)

    def error(self, event: str, **fields: Any) -> None:
        """Record a failure."""
        self._write(logging.ERROR, event, fields)

    def _write(self, level: int, event: str, fields: dict[str, Any]) -> None:
        logger = logging.getLogger(f"{ROOT}.{self.stage}")
        logger.log(level, _Sentence(event, fields), extra={"event": event, "fields": fields})


@dataclass(frozen=True)
class _Sentence:
    """Put into words only where somebody reads it."""

    event: str
    fields: dict[str, Any]

    def __str__(self) -> str:
        return sentence(self.event, self.fields)


def sentence(event: str, fields: dict[str, Any]) -> str:
    """Say an event in words, as a person reads it in a stage log."""
    form = SENTENCES.get(event)
    if form is not None:
        try:
            return form.format(**fields)
        except KeyError:
            pass  # a field is missing: spell the event out instead of losing it
    told = ", ".join(f"{name}={value}" for name, value in fields.items())
    return f"{event.replace('_', ' ').capitalize()}{': ' if told else ''}{told}"


@contextmanager
def recording(folder: Path, run_id: str) -> Iterator[Path]:
    """Write what is logged inside to `folder`; give the file of the run's events."""
    runs = folder / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    events = runs / f"{run_id}.jsonl"
    handlers: list[logging.Handler] = [_StageFiles(folder), _RunEvents(events, run_id)]
    logger = logging.getLogger(ROOT)
    level, propagate = logger.level, logger.propagate
    logger.setLevel(logging.INFO)
    logger.propagate = False
    for handler in handlers:
        logger.addHandler(handler)
    try:
        yield events
    finally:
        for handler in handlers:
            logger.removeHandler(handler)
            handler.close()
        logger.setLevel(level)
        logger.propagate = propagate


class _StageFiles(logging.Handler):
    """One file a stage, in the line format of people."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        line = logging.Formatter("%(asctime)s - %(stage)s - %(levelname)s - %(message)s")
        line.datefmt = "%Y-%m-%d %H:%M:%S"
        line.converter = time.gmtime
        self.setFormatter(line)

    def emit(self, record: logging.LogRecord) -> None:
        """Append the line to its stage's file."""
        stage = record.name.removeprefix(f"{ROOT}.")
        record.__dict__["stage"] = stage
        _append(self.folder / f"{stage}.log", self.format(record))


class _RunEvents(logging.Handler):
    """One JSON line an event, for machines."""

    def __init__(self, path: Path, run_id: str) -> None:
        super().__init__()
        self.path = path
        self.run_id = run_id

    def emit(self, record: logging.LogRecord) -> None:
        """Append the event."""
        line = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "run_id": self.run_id,
            "stage": record.name.removeprefix(f"{ROOT}."),
            "level": record.levelname.lower(),
            "event": getattr(record, "event", record.getMessage()),
            **getattr(record, "fields", {}),
        }
        _append(self.path, json.dumps(line, default=str))


def _append(path: Path, line: str) -> None:
    """Add a line to a log; where the disk is full, say it aloud: a log ends no run."""
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
    except OSError as error:
        sys.stderr.write(f"{path}: {error.strerror}: {line}\n")
