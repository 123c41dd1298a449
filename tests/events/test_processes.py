"""Several processes on one file: none is starved, all see everything soon, the log stays short."""

import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from recomart.events import EventFile, EventLog, Tail
from tests.events.made import event

WORKER = Path(__file__).with_name("worker.py")
PATIENCE_S = 30


@contextmanager
def worker(path, name, threads=1, events=0, *changes):
    """Run one until it ends by itself, or to the end of the block."""
    command = [sys.executable, WORKER, path, name, threads, events, *changes]
    with tempfile.TemporaryFile(dir=path.parent) as output:  # a pipe would fill
        process = subprocess.Popen([*map(str, command)], stdout=output)
        process.output = output
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def acks(process):
    """Wait for a worker's end; return the ids, outcomes and times that it said."""
    assert process.wait(PATIENCE_S) == 0
    process.output.seek(0)
    lines = [line.split() for line in process.output.read().decode().splitlines()]
    return [(event_id, outcome, float(at)) for _, event_id, outcome, at in lines]


def ids(path):
    with closing(EventFile(path)) as log_file:
        return [found.event_id for _, found in log_file.read_after(0, 1_000_000)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.sqlite"


def test_processes_that_begin_together_share_one_file(path):
    with (
        worker(path, "a", 8, 30) as a,
        worker(path, "b", 8, 30) as b,
        worker(path, "a", 8, 30) as c,
    ):
        said = [acks(process) for process in (a, b, c)]

    outcomes = Counter(outcome for one in said for _, outcome, _ in one)
    assert outcomes == {"accepted": 480, "duplicate": 240}  # two of them sent the same
    assert len(ids(path)) == len(set(ids(path))) == 480


def test_no_process_is_starved_by_another_that_is_never_idle(path):
    with worker(path, "busy", 32), worker(path, "one", 1, 40) as one:
        said = acks(one)  # who is starved loses patience, and acknowledges less

    assert len(said) == 40


def test_an_event_is_seen_by_another_process_within_20_ms(path):
    delays = []
    with closing(Tail(path, 0)) as tail, worker(path, "a", 1, 200) as process:
        seen = {}
        while len(seen) < 200:
            found, now = tail.poll(), time.monotonic()
            seen.update((one.event_id, now) for one in found)
            time.sleep(0.001)
        for event_id, _, at in acks(process):
            delays.append(seen[event_id] - at)

    assert sorted(delays)[len(delays) // 2] < 0.020


def test_the_write_ahead_log_stays_short_although_processes_take_turns(path):
    small = ("WAL_BYTES=400000", "MOST_WAL_BYTES=800000")
    sizes = []
    with (
        worker(path, "a", 16, 0, *small),
        worker(path, "b", 16, 0, *small),
        closing(Tail(path, 0)) as tail,
    ):
        n_seen, end = 0, time.monotonic() + PATIENCE_S
        while n_seen < 6_000 and time.monotonic() < end:
            n_seen += len(tail.poll())
            time.sleep(0.002)
            wal = path.with_name("events.sqlite-wal")
            sizes.append(wal.stat().st_size if wal.exists() else 0)

    assert n_seen >= 6_000
    assert max(sizes) < 3_000_000  # without a checkpoint it would be ten times that


def test_threads_and_a_process_that_prunes_get_along(path):
    stop = threading.Event()

    def prune():
        with closing(EventFile(path)) as log_file:
            while not stop.is_set():
                log_file.prune(log_file.newest_seq(), 2**62)

    with EventLog(path) as log:
        thread = threading.Thread(target=prune)
        thread.start()
        answers = [log.append([event(n)]) for n in range(2_000)]
        found = Counter(answer.result(PATIENCE_S)[0] for answer in answers)
        stop.set()
        thread.join()

    assert found == {"accepted": 2_000}
