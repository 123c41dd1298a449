"""Every benchmark, one after the other: ``make bench``. Each writes into benchmarks/results.

python benchmarks/run.py           # all
python benchmarks/run.py models    # those of the models: ``make bench-models``
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BENCHMARKS = (
    ("benchmarks.pipeline", "--scales", "0.36,3.6"),
    ("benchmarks.gowalla",),
    ("benchmarks.ml100k",),
    ("benchmarks.sessions",),
    ("benchmarks.ranking",),
    ("benchmarks.deep",),
    ("benchmarks.point_in_time",),
    ("benchmarks.online",),
    ("benchmarks.events",),
    ("benchmarks.stream",),
    ("benchmarks.overhead",),
    ("benchmarks.erase",),
    ("benchmarks.serving",),
    ("benchmarks.features_scale", "--events", "100", "--spark", "20"),
)
MODELS = tuple(
    f"benchmarks.{name}" for name in ("gowalla", "ml100k", "sessions", "ranking", "deep")
)


def main() -> None:
    """Run them; fail if one fails."""
    failed = []
    only_models = sys.argv[1:] == ["models"]
    for module, *arguments in BENCHMARKS:
        if only_models and module not in MODELS:
            continue
        print(f"\n{module} {' '.join(arguments)}", flush=True)
        done = subprocess.run([sys.executable, "-m", module, *arguments], cwd=ROOT, check=False)
        if done.returncode:
            failed.append(module)
    if failed:
        sys.exit(f"These benchmarks failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
