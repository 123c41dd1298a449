"""What tracking, lineage and versioning add to the demonstration.

Run with ``python -m benchmarks.overhead [--rounds 3]``. The same made-up shop is taken from raw
files to recommendations in fresh folders, by turns plain and with MLflow (SQLite), OpenLineage (a
file) and a DVC snapshot at the end; each in a process of its own. The fastest of the rounds count,
since whatever else runs on the machine only adds.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.gowalla_report import RESULTS, origin

RECOMART = (sys.executable, "-c", "from recomart.cli import main; main()")
PLAIN = ("tracking.is_on=false", "lineage.file=")
ALL = ("versioning.every_run=true",)
TARGET = 0.2


def once(work: Path, wanted: tuple[str, ...], *, versioned: bool) -> dict[str, float]:
    """Take a fresh shop all the way; wall seconds in all, and of the run itself."""
    folder = Path(tempfile.mkdtemp(dir=work)) / "demo"
    options = [word for one in wanted for word in ("--set", one)]
    if versioned:
        prepare(folder)
    began = time.perf_counter()
    call(*options, "demo", "--folder", str(folder))
    wall = time.perf_counter() - began
    record = json.loads(call("--json", "-s", str(folder), "runs", "show", "last"))
    shutil.rmtree(folder.parent)
    return {"wall_s": round(wall, 2), "stages_s": record["seconds"]}


def prepare(folder: Path) -> None:
    """Put a shop under DVC, before the clock runs."""
    from recomart.settings.templates import template_text

    folder.mkdir(parents=True)
    (folder / "recomart.yaml").write_text(template_text("demo"), encoding="utf-8")
    call("-s", str(folder), "data", "init")


def call(*words: str) -> str:
    """Run the command line; return what it printed."""
    done = subprocess.run([*RECOMART, *words], check=True, capture_output=True, text=True)
    return done.stdout


def main() -> None:
    """Measure by turns, print, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as place:
        taken: dict[str, list[dict[str, float]]] = {"plain": [], "all": []}
        for _ in range(rounds):
            taken["plain"].append(once(Path(place), PLAIN, versioned=False))
            taken["all"].append(once(Path(place), ALL, versioned=True))
    found = summary(taken)
    found["origin"] = origin(f"python -m benchmarks.overhead --rounds {rounds}")
    (RESULTS / "overhead.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({key: found[key] for key in ("plain", "all", "overhead", "verdict")}))


def summary(taken: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    """Compare the fastest of each side."""
    best = {side: min(one["wall_s"] for one in rounds) for side, rounds in taken.items()}
    overhead = best["all"] / best["plain"] - 1
    return {
        "plain": best["plain"],
        "all": best["all"],
        "overhead": round(overhead, 3),
        "target": TARGET,
        "verdict": "met" if overhead <= TARGET else "MISSED",
        "rounds": taken,
    }


if __name__ == "__main__":
    main()
