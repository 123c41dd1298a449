"""HTTP servers under the same two doors: which one `recomart serve` should run.

Run with ``python -m benchmarks.http_servers``; wants wrk, and httptools, uvloop and granian
installed. Each server has one process; wrk asks over 64 connections from the same machine, five
seconds a round, the servers in turns. Told is the best of the rounds, which is the one that others
on the machine disturbed least: requests a second, and the processor time of the server for each.
``empty`` is a FastAPI application that answers nothing; ``live`` is our own ``/health/live`` with
all limits before it.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import psutil

from benchmarks.gowalla_report import RESULTS, origin

if TYPE_CHECKING:
    from fastapi import FastAPI

SERVERS = {
    "uvicorn, h11": {"http": "h11", "loop": "asyncio"},
    "uvicorn, httptools": {"http": "httptools", "loop": "asyncio"},
    "uvicorn, httptools, uvloop": {"http": "httptools", "loop": "uvloop"},
    "granian": {"loop": "asyncio"},
    "granian, uvloop": {"loop": "uvloop"},
}
DOORS = {"empty": "/", "live": "/health/live"}
CONNECTIONS, ROUND_S, ROUNDS = 64, 5, 3


def empty() -> FastAPI:
    """Make an application that does nothing."""
    from fastapi import FastAPI
    from starlette.responses import Response

    async def nothing() -> Response:
        return Response()

    app = FastAPI()
    app.add_api_route("/", nothing)
    return app


def live() -> FastAPI:
    """Make ours over the shop in the working directory."""
    from recomart.serving.app import create_app
    from recomart.serving.service import Service
    from recomart.settings import load_settings

    loaded = load_settings(Path.cwd(), environment={})
    return create_app(Service(loaded), loaded.settings.serving)


def serve(name: str, door: str, port: int) -> None:
    """Be a server, until killed."""
    app, options = f"benchmarks.http_servers:{door}", SERVERS[name]
    if name.startswith("granian"):
        from granian import Granian

        Granian(
            app, port=port, interface="asgi", factory=True, log_enabled=False, **options
        ).serve()
        return
    import uvicorn

    quiet: dict[str, Any] = {"log_config": None, "access_log": False, "ws": "none"}
    uvicorn.run(app, port=port, factory=True, backlog=2_048, **quiet, **options)


def started(name: str, door: str, folder: Path, port: int) -> subprocess.Popen[bytes]:
    """Start a server and wait until it answers."""
    command = [sys.executable, "-m", "benchmarks.http_servers", "--serve", name, door, str(port)]
    path = {"PYTHONPATH": str(RESULTS.parents[1]) + ":" + str(RESULTS.parents[1] / "src")}
    process = subprocess.Popen(command, cwd=folder, env={**path, "PATH": "/usr/bin:/bin"})
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError), urlopen(f"http://127.0.0.1:{port}{DOORS[door]}"):
            return process
        time.sleep(0.1)
    sys.exit(f"{name} did not start.")


def processor_s(pid: int) -> float:
    """Return the processor time that a process and those it started have had."""
    parent = psutil.Process(pid)
    times = [one.cpu_times() for one in (parent, *parent.children(recursive=True))]
    return sum(each.user + each.system for each in times)


def asked(url: str, seconds: int) -> tuple[int, float]:
    """Let wrk ask; return how many were answered, and how many of them a second."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout=30s", url]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        sys.exit(f"{url}: {said}")
    n = re.findall(r"(\d+) requests in", said)
    rate = re.findall(r"Requests/sec:\s+([\d.]+)", said)
    return int(n[0]), float(rate[0])


def round_of(name: str, door: str, folder: Path, port: int) -> dict[str, float]:
    """Measure a server once."""
    process = started(name, door, folder, port)
    url = f"http://127.0.0.1:{port}{DOORS[door]}"
    try:
        asked(url, 1)
        before = processor_s(process.pid)
        n, per_s = asked(url, ROUND_S)
        us = 1e6 * (processor_s(process.pid) - before) / n
    finally:
        for child in psutil.Process(process.pid).children(recursive=True):
            child.kill()
        process.kill()
        process.wait()
    return {"per_s": per_s, "processor_us": us}


def measure(folder: Path) -> dict[str, dict[str, dict[str, float]]]:
    """Measure all, in turns."""
    rounds: dict[str, dict[str, list[dict[str, float]]]] = {
        door: {name: [] for name in SERVERS} for door in DOORS
    }
    port = 18_700
    for _ in range(ROUNDS):
        for door in DOORS:
            for name in SERVERS:
                port += 1
                rounds[door][name].append(round_of(name, door, folder, port))
                print(door, name, rounds[door][name][-1], flush=True)
    return {
        door: {
            name: {
                "per_s": round(max(one["per_s"] for one in found)),
                "processor_us": round(min(one["processor_us"] for one in found)),
            }
            for name, found in of_door.items()
        }
        for door, of_door in rounds.items()
    }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--serve", nargs=3, metavar=("SERVER", "DOOR", "PORT"))
    given = parser.parse_args().serve
    if given:
        serve(given[0], given[1], int(given[2]))
        return
    if not shutil.which("wrk"):
        sys.exit("This needs wrk (Debian: apt install wrk).")
    from tests.small_shop import make_shop

    with tempfile.TemporaryDirectory() as folder:
        found = measure(make_shop(Path(folder)))
    print(json.dumps(found, indent=1))
    result = {**origin("python -m benchmarks.http_servers"), "found": found}
    (RESULTS / "http_servers.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
