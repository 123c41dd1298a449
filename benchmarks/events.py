"""The event log: acknowledged appends, beside SQLite alone on the same disk.

Run with ``python -m benchmarks.events``. Everything that is acknowledged has been fsynced and
deduplicated. 64 callers append single events; 8 callers parse and append batches of 500; three
processes of 16 callers share one file; one process follows what another takes. SQLite alone
commits the same rows without parsing, queue or index of ids. The disk's own fsync is told, too:
nothing that waits for one can be quicker.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.gowalla_report import RESULTS, origin
from recomart.events import Event, EventFile, EventLog, Tail, parse_event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

CALLERS, BATCH_CALLERS, BATCH = 64, 8, 500
N_SINGLE, N_BATCHES, N_FOLLOWED = 20_000, 600, 2_000
TARGETS = {
    "single_per_s": 2_000,
    "batches_per_s": 100_000,
    "parse_us": 5.0,
    "tail_p99_ms": 20.0,
}


def now_us() -> int:
    """Return the present moment."""
    return time.time_ns() // 1_000


def sent(first: int, n: int) -> list[dict[str, object]]:
    """Make up what a shop sends: a view every hundredth of a second, without ids."""
    began_us = now_us() - 3_600_000_000
    return [
        {
            "user_id": f"user-{k * 7919 % 100_000}",
            "item_id": f"item-{k * 104_729 % 20_000}",
            "event_type": "view",
            "timestamp": began_us + k * 1_000,
            "session_id": f"session-{k % 5_000}",
            "device": "phone",
        }
        for k in range(first, first + n)
    ]


def read(told: Iterable[dict[str, object]]) -> list[Event]:
    """Parse events that arrive now."""
    now = now_us()
    return [parse_event(one, now) for one in told]


def percentiles(seconds: Iterable[float]) -> dict[str, float]:
    """Return some, in ms."""
    times = 1e3 * np.fromiter(seconds, float)
    return {f"p{p}_ms": round(float(np.percentile(times, p)), 3) for p in (50, 90, 99)}


def timed(callers: int, call: Callable[[int], object], n: int) -> tuple[float, dict[str, float]]:
    """Call n times from many threads; return calls a second, and how long they took."""

    def one(number: int) -> float:
        began = time.perf_counter()
        call(number)
        return time.perf_counter() - began

    with ThreadPoolExecutor(callers) as pool:
        began = time.perf_counter()
        seconds = list(pool.map(one, range(n)))
        return n / (time.perf_counter() - began), percentiles(seconds)


def singles(folder: Path) -> dict[str, object]:
    """Append events one by one."""
    told = sent(0, N_SINGLE)
    with EventLog(folder / "single.sqlite") as log:
        rate, times = timed(CALLERS, lambda k: log.append(read([told[k]])).result(), N_SINGLE)
    return {"single_per_s": round(rate), **{f"single_{k}": v for k, v in times.items()}}


def batches(folder: Path, name: str, ids: Callable[[int], str] | None = None) -> dict[str, object]:
    """Parse and append batches; with ids of the client's, or with those that are derived."""
    told = [sent(k * BATCH, BATCH) for k in range(N_BATCHES)]
    if ids is not None:
        for k, batch in enumerate(told):
            for number, one in enumerate(batch):
                one["event_id"] = ids(k * BATCH + number)
    with EventLog(folder / f"{name}.sqlite") as log:
        call: Callable[[int], object] = lambda k: log.append(read(told[k])).result()  # noqa: E731
        rate, times = timed(BATCH_CALLERS, call, N_BATCHES)
    return {f"{name}_per_s": round(rate * BATCH), **{f"{name}_{k}": v for k, v in times.items()}}


def raw_sqlite(folder: Path) -> dict[str, object]:
    """Commit the same rows with SQLite alone, one thread: single ones, and 500 at a time."""
    found: dict[str, object] = {}
    marks = ",".join("?" * len(Event._fields))
    for name, size, n in (("single", 1, 2_000), ("batches", BATCH, N_BATCHES)):
        rows = [read(sent(k * size, size)) for k in range(n)]
        with closing(sqlite3.connect(folder / f"raw-{name}", isolation_level=None)) as con:
            con.execute("PRAGMA journal_mode = WAL")
            con.execute("PRAGMA synchronous = FULL")
            con.execute(f"CREATE TABLE events ({', '.join(Event._fields)})")
            began = time.perf_counter()
            for batch in rows:
                con.execute("BEGIN")
                con.executemany(f"INSERT INTO events VALUES ({marks})", batch)  # noqa: S608 - marks
                con.execute("COMMIT")
            found[f"sqlite_{name}_per_s"] = round(n * size / (time.perf_counter() - began))
    return found


def fsync(folder: Path) -> dict[str, object]:
    """Measure what the disk takes to make 16 kB durable."""
    seconds = []
    with (folder / "fsync").open("wb") as file:
        for _ in range(500):
            began = time.perf_counter()
            file.seek(0)
            file.write(b"x" * 16_384)
            file.flush()
            os.fdatasync(file.fileno())
            seconds.append(time.perf_counter() - began)
    return {f"fsync_{k}": v for k, v in percentiles(seconds).items()}


def parsing() -> dict[str, object]:
    """Measure the time of this thread that parsing one event takes."""
    told, now = sent(0, 20_000), now_us()
    best = min(_thread_seconds(lambda: [parse_event(one, now) for one in told]) for _ in range(5))
    return {"parse_us": round(best / len(told) * 1e6, 2)}


def _thread_seconds(work: Callable[[], object]) -> float:
    began = time.thread_time()
    work()
    return time.thread_time() - began


def append_for_others(path: Path, name: str, n: int, callers: int) -> None:
    """Be one of several processes: append single events, and tell when each was acknowledged."""
    with EventLog(path) as log:

        def call(k: int) -> tuple[str, float]:
            event = Event(f"{name}-{k}", "ann", "mug", "view", 1, now_us())
            log.append([event]).result()
            return event.event_id, time.monotonic()

        with ThreadPoolExecutor(callers) as pool:
            said = dict(pool.map(call, range(n)))
    print(json.dumps(said))


def _process(*arguments: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "benchmarks.events", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def followed(folder: Path) -> dict[str, object]:
    """Follow what another process takes; how long after its acknowledgement it is seen."""
    path, seen = folder / "followed.sqlite", {}
    with closing(Tail(path, 0)) as tail, _process("--append", path, "a", N_FOLLOWED, 1) as process:
        while len(seen) < N_FOLLOWED:
            found, now = tail.poll(), time.monotonic()
            seen.update((event.event_id, now) for event in found)
            time.sleep(0.001)
        said = json.loads(process.communicate()[0])
        idle = min(_thread_seconds(lambda: [tail.poll() for _ in range(1_000)]) for _ in range(5))
    times = percentiles(max(0.0, seen[event_id] - at) for event_id, at in said.items())
    return {**{f"tail_{k}": v for k, v in times.items()}, "idle_poll_us": round(idle * 1e3, 1)}


def shared(folder: Path) -> dict[str, object]:
    """Let three processes append to one file."""
    path, n = folder / "shared.sqlite", 10_000
    EventFile(path).close()
    began = time.perf_counter()
    processes = [_process("--append", path, name, n, 16) for name in "abc"]
    for process in processes:
        process.communicate()
    rate = 3 * n / (time.perf_counter() - began)
    return {"three_processes_per_s": round(rate)}


def measure(folder: Path) -> dict[str, object]:
    """Measure everything."""
    scattered: Callable[[int], str] = lambda k: f"{k * 2_654_435_761 % 2**32:08x}-{k:08x}"  # noqa: E731
    return {
        **fsync(folder),
        **raw_sqlite(folder),
        **parsing(),
        **singles(folder),
        **batches(folder, "batches"),
        **batches(folder, "batches_scattered_ids", scattered),
        **shared(folder),
        **followed(folder),
    }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--append", nargs=4, metavar=("PATH", "NAME", "N", "CALLERS"))
    given = parser.parse_args().append
    if given:
        append_for_others(Path(given[0]), given[1], int(given[2]), int(given[3]))
        return
    with tempfile.TemporaryDirectory(dir=RESULTS) as folder:  # /tmp may be memory
        found = measure(Path(folder))
    print(json.dumps(found, indent=1))
    result = {**origin("python -m benchmarks.events"), "found": found, "targets": TARGETS}
    (RESULTS / "events.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
