"""A shop that takes a stream, here or as a process, and what stands in its lake."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
import time
from contextlib import contextmanager, suppress

from recomart.lake import open_lake
from recomart.settings import load_settings
from recomart.stream import stream

MAIN = "from recomart.cli import main; main()"
PATIENCE_S = 60


def until(is_so, what, seconds=PATIENCE_S):
    """Wait until something is so, and return it."""
    end = time.monotonic() + seconds
    while not (found := is_so()):
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.02)
    return found


class Shop:
    """A folder whose settings name the topic of a sender; a shop that is there is kept."""

    def __init__(self, folder, sender, **more):
        self.folder, self.sender = folder, sender
        told = {"url": sender.url, "topic": sender.topic, "commit_s": 0.3, **more}
        lines = "".join(f"  {name}: {value}\n" for name, value in told.items())
        settings = folder / "recomart.yaml"
        text = settings.read_text(encoding="utf-8") if settings.exists() else "sources:\n"
        text = text.replace("sources:\n", "sources:\n  server: {kind: event_log}\n")
        settings.write_text(f"{text}stream:\n{lines}", encoding="utf-8")

    @property
    def loaded(self):
        return load_settings(self.folder, environment={})

    @property
    def log(self):
        return self.folder / "data" / "events.sqlite"

    def once(self, **options):
        """Take what there is; return what it told."""
        told = []
        stream(self.loaded, is_once=True, tell=told.append, **options)
        return told

    @contextmanager
    def process(self, *words):
        """Run `recomart stream` until the block ends."""
        command = [sys.executable, "-c", MAIN, "-s", str(self.folder), "stream", *words]
        with (self.folder / "told").open("a") as told:
            env = {k: v for k, v in os.environ.items() if not k.startswith("RECOMART_")}
            running = subprocess.Popen(command, stdout=told, stderr=told, env=env)
        try:
            yield running
        finally:
            running.terminate()
            with suppress(subprocess.TimeoutExpired):
                running.wait(20)
            running.kill()
            running.wait()

    def told(self):
        return (self.folder / "told").read_text(encoding="utf-8")

    def manifest(self):
        return open_lake(self.loaded).find("raw_server")

    def rows(self, kind="events"):
        """Return the rows that the newest version has of events, or of what was refused."""
        lake, manifest = open_lake(self.loaded), self.manifest()
        rows = []
        for entry in manifest.files if manifest else ():
            if entry.details["name"].startswith(kind):
                text = lake.objects.get(entry.key).decode()
                rows += csv.DictReader(io.StringIO(text, newline=""))
        return rows

    def ids(self):
        return sorted(row["event_id"] for row in self.rows())


def killed(process):
    """kill -9."""
    with suppress(ProcessLookupError):
        os.kill(process.pid, 9)
    process.wait()
