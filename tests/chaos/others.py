"""Faults that programs of their own bring about: killed writers, a tracer, Schemathesis."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.chaos.served import serving

ROOT = Path(__file__).resolve().parents[2]
KILLS = 500


def _pytest(*words, **environment):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words]
    command += ["-m", "", "-o", "faulthandler_timeout=0", "tests/events/test_crash.py"]
    told = {**os.environ, **environment}
    done = subprocess.run(command, cwd=ROOT, env=told, capture_output=True, text=True, check=False)
    last = done.stdout.strip().splitlines()[-1]
    assert not done.returncode, last
    return last


def writers_killed(_):
    """kill -9 of two writers of one event log, again and again."""
    said = _pytest("-k", "killed_again", RECOMART_KILLS=str(KILLS))
    return f"{KILLS} times two writers, nothing lost or doubled: {said}"


def answers_before_fsync(_):
    """No answer precedes its fsync, as strace sees it; a log that cheats is caught."""
    return _pytest("-k", "fsync")


def schemathesis(url, *words):
    """Ask a server everything its description allows, and what it does not; return the last line.

    Raises AssertionError with what failed.
    """
    program, settings = Path(sys.executable).with_name("st"), ROOT / "schemathesis.toml"
    command = [program, "--config-file", settings, "run", f"{url}/openapi.json", "--checks", "all"]
    command += ["--no-color", "--continue-on-failure", *words]
    with tempfile.TemporaryDirectory() as folder:  # it keeps what failed where it runs
        done = subprocess.run(
            [*map(str, command)], cwd=folder, capture_output=True, text=True, check=False
        )
    said = done.stdout
    assert not done.returncode, said[said.find("FAILURES") :][:6_000] + done.stderr[-2_000:]
    found = re.search(r"(\d+) generated", said)
    assert found, said[-2_000:]
    return f"all checks, {found[1]} requests, no failure"


def described(folder):
    """Schemathesis without a key."""
    with serving(folder) as served:
        return schemathesis(served.url, "--max-examples", "100")


def described_with_key(folder):
    """Schemathesis with a key."""
    from recomart.serving.security import KeyFile

    told, _ = KeyFile(folder / "data/keys.json").create("chaos", "admin")
    with serving(folder) as served:
        header = f"Authorization: Bearer {told}"
        return schemathesis(served.url, "--max-examples", "100", "--header", header)
