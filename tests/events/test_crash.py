"""What was acknowledged has been fsynced, and survives kill -9.

``RECOMART_KILLS=500`` makes the test of kills a long one.
"""

import os
import random
import re
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from recomart.events import Event, EventFile
from tests.servers import find

WORKER = Path(__file__).with_name("worker.py")
KILLS = int(os.environ.get("RECOMART_KILLS", "25"))


@contextmanager
def killed_under_load(path, name, rng):
    """Run a worker of four threads, and kill it within a fifth of a second of its first answer."""
    command = [sys.executable, WORKER, path, name, "4", "0"]
    with subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE) as process:
        first = process.stdout.readline()
        yield process
        time.sleep(rng.random() * 0.1)
        process.kill()
        process.said = first + process.stdout.read()


def acknowledged(said):
    """Return the ids; every one was new. The last line may have been cut."""
    lines = [line.split() for line in said.decode().splitlines(keepends=True) if line[-1] == "\n"]
    assert {outcome for _, _, outcome, _ in lines} <= {"accepted"}
    return [event_id for _, event_id, _, _ in lines]


@pytest.mark.long
def test_killed_again_and_again_it_loses_nothing_acknowledged_and_doubles_nothing(tmp_path):
    path, rng, seq = tmp_path / "events.sqlite", random.Random(7), 0
    for number in range(KILLS):
        with (
            killed_under_load(path, f"a{number}", rng) as a,
            killed_under_load(path, f"b{number}", rng) as b,
        ):
            pass
        promised = acknowledged(a.said + b.said)
        with closing(EventFile(path)) as log_file:  # replays
            rows = log_file.read_after(seq, 1_000_000)
            held = [event.event_id for _, event in rows]
            again = log_file.add([Event(one, "ann", "mug", "view", 1, 2) for one in promised])
        seq = rows[-1][0]

        assert len(promised) >= 2
        assert set(promised) <= set(held)
        assert len(held) == len(set(held))
        assert set(again) == {"duplicate"}


def traced(tmp_path, *changes):
    """Append 20 events one by one under strace; return the lines of writes and fsyncs."""
    out = tmp_path / "trace"
    calls = "trace=pwrite64,write,fsync,fdatasync"
    command = [find("strace"), "-f", "-y", "-e", calls, "-o", out, sys.executable, WORKER]
    command += [tmp_path / "events.sqlite", "a", "1", "20", *changes]
    subprocess.run([*map(str, command)], check=True, capture_output=True)
    return out.read_text(encoding="utf-8").splitlines()


def answered_too_early(lines):
    """Return the ids that were acknowledged while what was written had not been fsynced.

    One event is on its way at a time: whatever is written to the log belongs to it.
    """
    early, is_synced, syncing = [], False, set()
    for line in lines:
        thread, call = line.split(maxsplit=1)
        if re.match(r"p?write(64)?\(\d+<[^>]*-wal>", call):
            is_synced = False
        elif re.match(r"f(data)?sync\(\d+<[^>]*-wal>", call):
            is_synced = call.endswith("= 0")
            syncing |= set() if is_synced else {thread}
        elif "sync resumed>" in call and thread in syncing and call.endswith("= 0"):
            is_synced = True
            syncing.discard(thread)
        elif found := re.match(r'write\(1<[^>]*>, "ack (\S+) ', call):
            early += [] if is_synced else [found[1]]
            is_synced = False  # the next one needs an fsync of its own
    return early


def test_no_answer_is_given_before_its_fsync(tmp_path):
    lines = traced(tmp_path)

    assert sum('"ack ' in line for line in lines) == 20
    assert answered_too_early(lines) == []


@pytest.mark.parametrize("mode", ["NORMAL", "OFF"])
def test_a_log_that_answers_before_the_fsync_would_be_caught(tmp_path, mode):
    assert len(answered_too_early(traced(tmp_path, f"SYNCHRONOUS={mode}"))) >= 19
