"""`recomart serve` as processes of their own, asked over connections that any worker may take."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from tests.servers import free_port

MAIN = "from recomart.cli import main; main()"


@contextmanager
def served(folder, *options):
    """Serve a shop until the block ends; give the process and how to ask any of its workers."""
    port = free_port()
    words = [sys.executable, "-c", MAIN, "-s", str(folder), "serve", "--port", str(port), *options]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(words, stderr=log, start_new_session=True)

    def ask(method, path, **what):
        told = {"connection": "close"}
        url = f"http://127.0.0.1:{port}{path}"
        return httpx.request(method, url, headers=told, timeout=20, **what)

    ask.port = port
    try:
        end = time.monotonic() + 60
        while not _is_ready(ask):
            is_coming = process.poll() is None and time.monotonic() < end
            assert is_coming, (folder / "log").read_text()
            time.sleep(0.05)
        yield process, ask
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _is_ready(ask):
    with suppress(httpx.TransportError):
        return ask("GET", "/health/ready").status_code == 200
    return False


def workers_of(pid):
    """The processes that answer."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    told = {int(child): Path(f"/proc/{child}/cmdline").read_bytes() for child in children}
    return [child for child, line in told.items() if b"resource_tracker" not in line]
