"""`recomart serve` as a process, a load that notes what it hears, and a proxy that can be slow."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Event, Lock, Thread

import httpx

from recomart.events import EventFile
from tests.servers import free_port
from tests.serving.door.workers import MAIN, workers_of

PATIENCE_S = 60
HONEST = {200, 429, 503}
"""What may be said under a fault."""


class Served:
    """A server that runs: how to ask it, and how it is."""

    def __init__(self, process, url, log, events):
        self.process, self.url, self.log, self.events = process, url, log, events
        self.http = httpx.Client(base_url=url, timeout=20)

    def workers(self):
        """Return the processes that answer."""
        return workers_of(self.process.pid)

    def memory_bytes(self):
        """Return the largest resident memory of a worker."""
        told = [Path(f"/proc/{pid}/statm").read_text(encoding="ascii") for pid in self.workers()]
        return max(int(one.split()[1]) for one in told) * 4_096

    def recommended(self, user_id="u01"):
        """Ask for a list over a connection of its own."""
        body, alone = {"user_id": user_id}, {"connection": "close"}
        return httpx.post(f"{self.url}/recommendations", json=body, headers=alone, timeout=20)

    def degraded(self):
        """Return what is said to be out of order with a list."""
        answer = self.recommended()
        assert answer.status_code == 200, answer.text
        return answer.json()["degraded_parts"]

    def health(self):
        """Return how it says it is."""
        return self.http.get("/health").json()

    def raw(self, *sent):
        """Open a connection, send bytes, and leave it open."""
        host, port = self.url.removeprefix("http://").split(":")
        connection = socket.create_connection((host, int(port)), timeout=20)
        for part in sent:
            connection.sendall(part)
        return connection

    def held_ids(self):
        """Return the ids of all events that the log holds."""
        with closing(EventFile(self.events)) as file:
            return [event.event_id for _, event in file.read_after(0, 10_000_000)]


def until(is_so, what, seconds=PATIENCE_S):
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not (found := is_so()):
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.05)
    return found


@contextmanager
def serving(folder, *options, workers=2, events="data/events.sqlite", under=(), **settings):
    """Run the server over a shop until the block ends; `under`: a program that starts it."""
    port = free_port()
    told = [f"serving.{name}={value}" for name, value in settings.items()]
    told += [f"serving.events={events}", *options]
    sets = [word for one in told for word in ("--set", one)]
    command = [*under, sys.executable, "-c", MAIN, "-s", str(folder), *sets]
    command += ["serve", "--port", str(port), "--workers", str(workers)]
    log = folder / "serve.log"
    with log.open("w") as stderr:
        process = subprocess.Popen(command, stdout=stderr, stderr=stderr, start_new_session=True)
    served = Served(process, f"http://127.0.0.1:{port}", log, folder / events)
    try:
        with served.http:
            until(lambda: _is_ready(served), "the start")
            yield served
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _is_ready(served):
    assert served.process.poll() is None, served.log.read_text(encoding="utf-8")
    with suppress(httpx.TransportError):
        return served.http.get("/health/ready").status_code == 200
    return False


class Load:
    """Threads that ask for lists and post events until the block ends, and note what they hear."""

    def __init__(self, served, callers=4):
        self.served = served
        self.statuses = Counter()
        """(door, status) → how often; a status of 0: the connection broke under a request."""
        self.acknowledged = []
        self.seconds = []
        self.broken = []
        self.n_not_connected = 0
        self._stop, self._lock = Event(), Lock()
        self._threads = [Thread(target=self._run, args=(k,)) for k in range(callers)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, caller):
        number = 0
        with httpx.Client(base_url=self.served.url, timeout=30) as http:
            while not self._stop.is_set():
                number += 1
                self._ask(http, "/recommendations", {"user_id": f"u{number % 60:02d}"})
                self._ask(http, "/events", self.event(f"{caller}-{number}"))

    def event(self, name):
        """Make an event up whose id is new."""
        event_id = f"{os.getpid()}-{id(self)}-{name}"
        told = {"user_id": "u01", "item_id": "1", "event_type": "view", "timestamp": time.time()}
        return {"event_id": event_id, **told}

    def _ask(self, http, door, body):
        began = time.monotonic()
        try:
            status = http.post(door, json=body).status_code
        except (httpx.ConnectError, httpx.ConnectTimeout):
            with self._lock:
                self.n_not_connected += 1
            self._stop.wait(0.05)
            return
        except httpx.TransportError as error:
            status = 0
            self.broken.append(repr(error))
        if status == 503:
            self._stop.wait(0.05)  # Retry-After says 1 s; a fault is to be over sooner
        with self._lock:
            self.statuses[door, status] += 1
            if door == "/recommendations":
                self.seconds.append(time.monotonic() - began)
            elif status == 200:
                self.acknowledged.append(body["event_id"])

    def n(self, door, *statuses):
        """Return how often a door said one of these."""
        return sum(
            n
            for (one, status), n in self.statuses.items()
            if (one, status) in {(door, each) for each in statuses}
        )

    def hold(self, *, broken=0):
        """Hold what was heard to what is promised; tell it."""
        bad = {key: n for key, n in self.statuses.items() if key[1] not in HONEST | {0}}
        assert not bad, f"said {bad}"
        n_broken = sum(n for (_, status), n in self.statuses.items() if not status)
        assert n_broken <= broken, f"{n_broken} requests broke off: {self.broken[0]}"
        assert self.n("/recommendations", 200), "no list was given"
        held = Counter(self.served.held_ids())
        lost = [one for one in self.acknowledged if one not in held]
        doubled = [one for one in self.acknowledged if held[one] > 1]
        assert not lost, f"{len(lost)} acknowledged events are lost"
        assert not doubled, f"{len(doubled)} acknowledged events are there twice"
        slowest = max(self.seconds, default=0)
        return (
            f"{self.n('/recommendations', 200)} lists, {len(self.acknowledged)} events "
            f"acknowledged and kept, {self._refused()} refused, slowest list {slowest:.2f} s"
        )

    def _refused(self):
        return sum(n for (_, status), n in self.statuses.items() if status in {429, 503})


class Proxy:
    """Stands before a server; answers through it may be slow, or connections cut."""

    def __init__(self, port):
        self._target = port
        self.delay_s = 0.0
        self._is_down = False
        self._pairs = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        Thread(target=self._accept, daemon=True).start()

    def go_down(self):
        """Cut all connections and take no new one."""
        self._is_down = True
        for pair in self._pairs:
            for one in pair:
                _shut(one)
        self._pairs.clear()

    def come_back(self):
        """Take connections again."""
        self._is_down = False

    def close(self):
        """End."""
        _shut(self._listener)
        self.go_down()

    def _accept(self):
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self._is_down:
                    _shut(client)
                    continue
                server = socket.create_connection(("127.0.0.1", self._target))
                self._pairs.append((client, server))
                Thread(target=self._pass, args=(client, server, False), daemon=True).start()
                Thread(target=self._pass, args=(server, client, True), daemon=True).start()

    def _pass(self, given, taken, is_answer):
        with suppress(OSError):
            while data := given.recv(65_536):
                if is_answer and self.delay_s:
                    time.sleep(self.delay_s)
                taken.sendall(data)
        _shut(given)
        _shut(taken)


def _shut(one):
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
