"""A process that appends events and says on its output which were acknowledged.

    python worker.py FILE NAME THREADS EVENTS [SETTING=VALUE ...]

Each thread appends one event after the other, EVENTS of them, or for ever where that is 0, and
writes ``ack ID OUTCOME SECONDS``, the last being the machine's monotonic clock. A SETTING is a
constant of `recomart.events.file`, so that mutants can be made.
"""

import os
import sys
import threading
import time
from itertools import count
from pathlib import Path

from recomart.events import Event, EventLog, file


def append(log, name, n_events):
    for number in range(n_events) if n_events else count():
        event = Event(f"{name}-{number}", "ann", "mug", "view", 1, time.time_ns() // 1_000)
        [outcome] = log.append([event]).result()
        os.write(1, f"ack {event.event_id} {outcome} {time.monotonic():.6f}\n".encode())


def main(path, name, n_threads, n_events, *changes):
    for change in changes:
        constant, _, value = change.partition("=")
        setattr(file, constant, int(value) if value.isdigit() else value)
    with EventLog(Path(path)) as log:
        threads = [
            threading.Thread(target=append, args=(log, f"{name}-{k}", int(n_events)))
            for k in range(int(n_threads))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
