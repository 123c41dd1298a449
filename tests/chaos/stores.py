"""Faults of what is behind the service: online store, event log, lake."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager, suppress
from urllib.parse import urlsplit

from recomart.pipeline import run
from recomart.settings import load_settings
from tests.chaos.served import MAIN, Load, Proxy, serving, until
from tests.servers import redis_server
from tests.small_shop import publish, spoil

FEATURES = ["features"]


@contextmanager
def through_proxy(folder):
    """Serve with features in a Redis behind a proxy."""
    with redis_server() as url:
        run(
            load_settings(folder, environment={}, flags={("paths", "online"): url}), ["materialise"]
        )
        proxy = Proxy(urlsplit(url).port)
        try:
            with serving(folder, f"paths.online=redis://127.0.0.1:{proxy.port}/0") as served:
                assert served.degraded() == []
                yield served, proxy
        finally:
            proxy.close()


def store_slow(folder):
    """The online store answers after two seconds."""
    with through_proxy(folder) as (served, proxy), Load(served) as load:
        proxy.delay_s = 2.0
        until(lambda: served.degraded() == FEATURES, "degraded lists")
        n = load.n("/recommendations", 200)
        until(lambda: load.n("/recommendations", 200) > n + 100, "lists")
        proxy.delay_s = 0.0
        until(lambda: served.degraded() == [], "whole lists")
    return f"degraded, and whole again after; {load.hold()}"


def store_down(folder):
    """The online store cuts its connections in flight, and comes back."""
    with through_proxy(folder) as (served, proxy), Load(served) as load:
        until(lambda: load.n("/recommendations", 200) > 20, "lists")
        proxy.go_down()
        until(lambda: served.degraded() == FEATURES, "degraded lists")
        n = load.n("/recommendations", 200)
        until(lambda: load.n("/recommendations", 200) > n + 100, "lists")
        assert served.health()["status"] == "degraded"
        proxy.come_back()
        until(lambda: served.degraded() == [], "whole lists")
    return f"degraded, and whole again after; {load.hold()}"


def store_locked(folder):
    """The online store is an SQLite file that somebody holds for writing."""
    with serving(folder) as served, Load(served) as load:
        until(lambda: load.n("/recommendations", 200) > 20, "lists")
        with closing(sqlite3.connect(folder / "data/online.sqlite", isolation_level=None)) as con:
            con.execute("BEGIN EXCLUSIVE")
            n = load.n("/recommendations", 200)
            until(lambda: load.n("/recommendations", 200) > n + 100, "lists")
            con.execute("ROLLBACK")
        until(lambda: served.degraded() == [], "whole lists")
    return load.hold()


@contextmanager
def small_disk(folder):
    """Mount a disk of 2 MiB that may be filled; nothing where we may not mount."""
    place = folder / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
    is_there = (
        os.geteuid() == 0 and not subprocess.run(mount, capture_output=True, check=False).returncode
    )
    try:
        yield place if is_there else None
    finally:
        if is_there:
            subprocess.run(["umount", "-l", str(place)], check=True)


def disk_full(folder):
    """The disk of the event log fills up, and has room again."""
    with small_disk(folder) as place:
        return _disk_full(folder, place) if place else _file_too_large(folder)


def _disk_full(folder, place):
    ballast = place / "ballast"
    with serving(folder, events="small/events.sqlite") as served, Load(served) as load:
        until(lambda: load.n("/events", 200) > 20, "events")
        with ballast.open("wb", buffering=0) as file:
            _fill(file)
        until(lambda: load.n("/events", 503) > 20, "refusals")
        refused = served.http.post("/events", json=load.event("one"))
        assert refused.status_code == 503, refused.text
        assert int(refused.headers["retry-after"]) >= 1
        assert served.recommended().status_code == 200
        n = load.n("/events", 200)
        ballast.unlink()
        until(lambda: load.n("/events", 200) > n + 20, "events again")
    return f"503 while full, taken again after; {load.hold()}"


def _fill(file):
    for size in (1 << 16, 1 << 12, 1):
        with suppress(OSError):
            while True:
                file.write(b"x" * size)


def _file_too_large(folder):
    with serving(folder, under=("prlimit", "--fsize=400000")) as served, Load(served) as load:
        until(lambda: load.n("/events", 503) > 20, "refusals")
        assert served.recommended().status_code == 200
    return f"503 once the file may not grow (no right to mount a disk); {load.hold()}"


def disk_read_only(folder):
    """The disk of the event log can only be read, and is mended."""
    with small_disk(folder) as place:
        if not place:
            return "left out: no right to mount a disk"
        remount = ["mount", "-o"]
        subprocess.run([*remount, "remount,ro", str(place)], check=True)
        with serving(folder, events="small/events.sqlite") as served:
            with Load(served) as load:
                until(lambda: load.n("/events", 503) > 20, "refusals")
                assert served.health()["status"] == "degraded"
                subprocess.run([*remount, "remount,rw", str(place)], check=True)
                until(lambda: load.n("/events", 200) > 20, "events")
            return f"503 while read-only, taken after; {load.hold()}"


def model_damaged(folder):
    """The champion's files change under it; then the champion is one that is damaged."""
    publish(folder)
    with serving(folder) as served, Load(served) as load:
        number = served.health()["model"]["number"]
        spoil(folder, number)
        spoil(folder, 1)
        command = [sys.executable, "-c", MAIN, "-s", str(folder), "models", "rollback"]
        subprocess.run(command, check=True, capture_output=True)
        told = until(lambda: served.health()["refused_model"], "the refusal")
        assert "sha256" in told, told
        assert served.health()["model"]["number"] == number
        n = load.n("/recommendations", 200)
        until(lambda: load.n("/recommendations", 200) > n + 50, "lists")
    return f"the last good one goes on, refused is {told[:60]}…; {load.hold()}"


def model_damaged_at_start(folder):
    """The champion is damaged when the service starts."""
    publish(folder)
    spoil(folder, 2)
    with serving(folder) as served:
        with Load(served) as load:
            until(lambda: load.n("/recommendations", 200) > 20, "lists")
        health = served.health()
        assert health["model"]["number"] == 1
        assert health["status"] == "degraded"
        return f"the model before it serves, and it is told; {load.hold()}"


def lake_away(folder):
    """The lake goes away while it serves."""
    lake = folder / "data/lake"
    with serving(folder) as served, Load(served) as load:
        shutil.move(lake, folder / "away")
        until(lambda: served.health()["status"] == "degraded", "trouble")
        n = load.n("/recommendations", 200)
        until(lambda: load.n("/recommendations", 200) > n + 50, "lists")
        shutil.move(folder / "away", lake)
        until(lambda: served.health()["status"] == "ok", "health")
    return load.hold()
