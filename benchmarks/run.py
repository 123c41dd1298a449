"""Every benchmark, one after the other: ``make bench``. Each writes into benchmarks/results."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BENCHMARKS = (
    ("benchmarks.pipeline", "--scales", "0.36,3.6"),
    ("benchmarks.gowalla",),
    ("benchmarks.ml100k",),
    ("benchmarks.point_in_time",),
    ("benchmarks.online",),
    ("benchmarks.features_scale", "--events", "100", "--spark", "20"),
)


def main() -> None:
    """Run them; fail if one fails."""
    failed = []
    for module, *arguments in BENCHMARKS:
        print(f"\n{module} {' '.join(arguments)}", flush=True)
        done = subprocess.run([sys.executable, "-m", module, *arguments], cwd=ROOT, check=False)
        if done.returncode:
            failed.append(module)
    if failed:
        sys.exit(f"These benchmarks failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
