"""Running a stream until it is told to stop; looking at one, pausing and resuming it."""

from __future__ import annotations

import signal
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from threading import Event as Flag
from threading import Thread
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from recomart.errors import RecomartError, UnavailableError
from recomart.events import StreamFile
from recomart.log import recording
from recomart.stream.base import Begin
from recomart.stream.brokers import name_of
from recomart.stream.commits import (
    Commits,
    new_run_id,
    newest,
    open_shop,
    positions_kept,
    seq_kept,
    source_of,
)
from recomart.stream.consumer import Consumer
from recomart.stream.metrics import measured

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from recomart.settings import Loaded
    from recomart.stream.base import Start


PROBE_S = 1.0
"""Longer than anybody who only looks whether a stream runs holds the lock."""


@dataclass(frozen=True)
class Partition:
    """How far a stream has come in one partition; None where the lake knows nothing of it."""

    stream: str
    partition: str
    taken: str
    in_lake: str | None


@dataclass(frozen=True)
class Standing:
    """How a stream stands."""

    stream: str
    is_running: bool
    is_paused: bool
    waiting_for_lake: int
    partitions: list[Partition]


def stream(
    loaded: Loaded,
    *,
    start: Start = "kept",
    is_once: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> None:
    """Take events until SIGTERM or SIGINT, or until there are no more; then commit what came.

    `tell` is told, in sentences, what a person would like to see. Raises SettingsError,
    MissingExtraError, UnavailableError, and what the broker raises when it is asked first.
    """
    settings = loaded.settings.stream
    name, path = name_of(settings), loaded.path(loaded.settings.serving.events)
    lake, source = open_shop(loaded)
    run_id, stop, committed = new_run_id(), Flag(), Flag()
    with ExitStack() as stack:
        stack.enter_context(_alone(path))
        stack.enter_context(recording(loaded.path(loaded.settings.paths.logs), run_id))
        file = stack.enter_context(closing(StreamFile(path)))
        metrics, url = stack.enter_context(measured(settings))
        stack.enter_context(_ended_by_signals(stop))
        commits = Commits(loaded, run_id, metrics, tell)
        consumer = Consumer(
            settings,
            file,
            metrics,
            stop,
            Begin(positions_kept(lake, source, name), start),
            is_once=is_once,
            tell=tell,
        )
        if url:
            tell(f"Metrics at {url}")
        committer = Thread(target=commits.run, args=(committed, stop), name="commits", daemon=True)
        committer.start()
        try:
            consumer.run()
        finally:
            committed.set()
            committer.join()
        if commits.fault is not None:
            raise commits.fault
        _commit_last(commits, tell)


def _commit_last(commits: Commits, tell: Callable[[str], None]) -> None:
    try:
        commits.once()
    except RecomartError as error:  # what was taken is on the disk, and a run brings it in, too
        tell(f"Not yet in the lake: {error.cause}")


def standing(loaded: Loaded) -> Standing:
    """Tell how the stream stands."""
    name, path = name_of(loaded.settings.stream), loaded.path(loaded.settings.serving.events)
    lake, source = open_shop(loaded)
    with closing(StreamFile(path)) as file:
        reach, is_paused = file.reach(), file.is_paused(name)
        log_id = file.log_id
    kept = positions_kept(lake, source, name)
    return Standing(
        stream=name,
        is_running=_is_running(path),
        is_paused=is_paused,
        waiting_for_lake=reach.last_seq - seq_kept(newest(lake, source), log_id),
        partitions=[
            Partition(name, partition, taken, kept.get(partition))
            for partition, taken in reach.positions.get(name, {}).items()
        ],
    )


def pause(loaded: Loaded, *, is_paused: bool) -> str:
    """Pause the stream of the settings, or let it go on; return its name."""
    name = name_of(loaded.settings.stream)
    source_of(loaded)
    with closing(StreamFile(loaded.path(loaded.settings.serving.events))) as file:
        file.pause(name, is_paused=is_paused)
    return name


def _lock_of(path: Path, patience_s: float = 0) -> FileLock:
    return FileLock(path.with_name(f"{path.name}.stream"), patience_s, poll_interval=0.02)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Be the only stream of an event log. Raises UnavailableError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _lock_of(path, PROBE_S):
            yield
    except Timeout:
        raise UnavailableError(
            f"Another `recomart stream` takes events into {path.name}.",
            remedy="End it first; one is enough for all partitions.",
        ) from None


def _is_running(path: Path) -> bool:
    try:
        with _lock_of(path):
            return False
    except Timeout:
        return True


@contextmanager
def _ended_by_signals(stop: Flag) -> Iterator[None]:
    """Let SIGTERM and SIGINT set the flag; the second SIGINT ends at once."""

    def end(number: int, _frame: object) -> None:
        stop.set()
        signal.signal(number, signal.default_int_handler)

    before = {one: signal.signal(one, end) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
