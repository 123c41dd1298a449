"""The table stages, from raw files to features, beside the same logic in pandas.

Run with ``python -m benchmarks.pipeline [--scales 0.36,3.6]``. A shop of RetailRocket's
size is made (2.76 M events, 1.4 M users, 20.3 M property rows); each side runs in a process of its
own, one after the other, and reports its wall time and peak memory. Scaling runs take shops with
that many times the events (0.36,3.6: 1 M and 10 M) under a DuckDB memory limit of 4 GiB.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.gowalla_report import RESULTS, origin

STAGES = ("ingest", "validate", "prepare", "build_features")
PROPERTIES = """
  properties:
    kind: csv
    holds: item_properties
    path: {data}/item_properties_part*.csv
    columns:
      item_id: itemid
      occurred_at: {from: timestamp, unit: ms}
      property: property
      value: value

preparation:"""


def make_shop(folder: Path, shrink: float, grow: float = 1.0) -> None:
    """Make the files of a shop: RetailRocket's size divided by `shrink`, events times `grow`."""
    from recomart.sources.generator import RETAILROCKET_SHOP, generate_shop

    spec = RETAILROCKET_SHOP
    sizes = {
        "n_events": int(spec.n_events / shrink * grow),
        "n_users": int(spec.n_users / shrink * grow),
        "n_items": int(spec.n_items / shrink),
        "n_property_rows": int(spec.n_property_rows / shrink),
    }
    generate_shop(folder, spec.model_copy(update=sizes))


def run_ours(data: Path) -> dict[str, float]:
    """Run the stages on a fresh lake; seconds by stage."""
    from recomart.pipeline import run
    from recomart.settings import load_settings
    from recomart.settings.templates import template_text

    shop = Path(tempfile.mkdtemp(dir=data.parent))
    text = template_text("retailrocket").replace("\npreparation:", PROPERTIES, 1)
    (shop / "recomart.yaml").write_text(text.replace("{data}", str(data)), encoding="utf-8")
    loaded = load_settings(shop, environment={})
    seconds: dict[str, float] = {}
    run(loaded, STAGES, watch=lambda _, s, r: seconds.update({s.name: r.seconds} if r else {}))
    shutil.rmtree(shop)
    return seconds


def run_pandas(data: Path) -> dict[str, float]:
    """Run the same logic in pandas."""
    from benchmarks.pipeline_pandas import run

    return run(data, Path(tempfile.mkdtemp(dir=data.parent)))


def measured(side: str, data: Path) -> dict[str, Any]:
    """Run one side in a process of its own; wall seconds, peak GiB, seconds by step."""
    command = [sys.executable, "-m", "benchmarks.pipeline", "--side", side, "--work", str(data)]
    began = time.perf_counter()
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=RESULTS.parents[1]
    )
    wall = time.perf_counter() - began
    told = json.loads(done.stdout.splitlines()[-1])
    return {
        "seconds": round(wall, 1),
        "peak_gib": round(told["peak_gib"], 2),
        "steps": told["steps"],
    }


def report_side(side: str, data: Path) -> None:
    """Be the process that is measured: run, and print what it took."""
    steps = (run_ours if side == "recomart" else run_pandas)(data)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"peak_gib": peak, "steps": {k: round(v, 2) for k, v in steps.items()}}))


def compare(work: Path, shrink: float) -> dict[str, Any]:
    """Measure both sides on one shop."""
    data = work / "compared"
    make_shop(data, shrink)
    ours, theirs = measured("recomart", data), measured("pandas", data)
    shutil.rmtree(data)
    faster = theirs["seconds"] / ours["seconds"]
    memory = ours["peak_gib"] / theirs["peak_gib"]
    return {
        "recomart": ours,
        "pandas": theirs,
        "times_faster": round(faster, 2),
        "target_times_faster": 10,
        "memory_ratio": round(memory, 2),
        "target_memory_ratio": 0.5,
        "verdict": {
            "speed": "met" if faster >= 10 else "MISSED",
            "memory": "met" if memory <= 0.5 else "MISSED",
        },
    }


def scale(work: Path, shrink: float, factors: list[float]) -> dict[str, Any]:
    """Measure how time grows with the events, against the smallest of the factors."""
    rows = []
    for factor in factors:
        data = work / f"scale-{factor:g}"
        make_shop(data, shrink, factor)
        rows.append({"factor": factor, **measured("recomart", data)})
        shutil.rmtree(data)
    first, last = rows[0], rows[-1]
    growth = last["seconds"] / first["seconds"] / (last["factor"] / first["factor"])
    return {"rows": rows, "growth_over_linear": round(growth, 2), "target": 1.1}


def show(found: dict[str, Any]) -> None:
    """Print the table: each step, both sides, and what became of the targets."""
    ours, theirs = found["compared"]["recomart"], found["compared"]["pandas"]
    print(f"{'step':<16}{'recomart s':>12}{'pandas s':>12}")
    for step, seconds in ours["steps"].items():
        print(f"{step:<16}{seconds:>12.1f}{theirs['steps'][step]:>12.1f}")
    print(f"{'whole':<16}{ours['seconds']:>12.1f}{theirs['seconds']:>12.1f}")
    print(f"{'peak GiB':<16}{ours['peak_gib']:>12.2f}{theirs['peak_gib']:>12.2f}")
    for what in ("times_faster", "memory_ratio"):
        print(f"{what}: {found['compared'][what]}, target {found['compared'][f'target_{what}']}")
    for row in found.get("scaling", {}).get("rows", ()):
        print(f"events x {row['factor']:g}: {row['seconds']} s, peak {row['peak_gib']} GiB")
    if "scaling" in found:
        print(f"growth over linear: {found['scaling']['growth_over_linear']}, target 1.1")


def main() -> None:
    """Measure, print, write benchmarks/results/pipeline.json."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--side", choices=("recomart", "pandas"))
    asked.add_argument("--work", type=Path)
    asked.add_argument("--shrink", type=float, default=1.0, help="divide RetailRocket's size")
    asked.add_argument("--scales", default="", help="factors of the events, such as 0.36,3.6")
    options = asked.parse_args()
    if options.side:
        report_side(options.side, options.work)
        return
    with tempfile.TemporaryDirectory(dir=options.work or os.environ.get("TMPDIR")) as folder:
        found = {"compared": compare(Path(folder), options.shrink)}
        if options.scales:
            factors = [float(one) for one in options.scales.split(",")]
            found["scaling"] = scale(Path(folder), options.shrink, factors)
    command = f"python -m benchmarks.pipeline {' '.join(sys.argv[1:])}".strip()
    result = {**origin(command), "shrink": options.shrink, **found}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "pipeline.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    show(found)


if __name__ == "__main__":
    main()
