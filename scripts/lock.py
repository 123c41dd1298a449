"""Write requirements/*.txt from pyproject.toml: exact versions with hashes, for every Python.

    python scripts/lock.py [--upgrade]

Versions that stand in a lock file stay unless `--upgrade` is given. The other files take the
versions of core.txt, so that they can be installed into one environment; Airflow has its own. No
file names the index it was made from; pip finds that in its own settings. The pip that installs
them is locked, too: older ones do not find the hash of what is also asked for with an extra.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

EXTRAS_OF_SERVING = (
    *("--group", "build", "--extra", "serve", "--extra", "rank", "--extra", "postgres"),
    *("--extra", "redis", "--extra", "s3", "--extra", "otel"),
)
LOCKS = {
    "core": ["--group", "build"],
    "rank": ["--extra", "rank", "--constraint", "requirements/core.txt"],  # what a demo shows
    "dev": [
        *("--group", "dev", "--group", "docs", "--constraint", "requirements/core.txt"),
        *("--extra", "postgres", "--extra", "redis", "--extra", "spark"),  # tests use them all
        *("--extra", "rank", "--extra", "tune", "--extra", "s3", "--extra", "tracking"),
        *("--extra", "versioning", "--extra", "lineage", "--extra", "prefect", "--extra", "serve"),
        *("--extra", "otel", "--extra", "dashboard"),
        *("--extra", "kafka", "--extra", "nats", "--extra", "rabbitmq"),
    ],
    "bench": ["--extra", "bench", "--constraint", "requirements/core.txt"],
    "serve": [*EXTRAS_OF_SERVING, "--constraint", "requirements/dev.txt"],  # an image that answers
    "work": [  # an image that answers and runs the pipeline
        *(*EXTRAS_OF_SERVING, "--extra", "tracking", "--extra", "prefect", "--extra", "lineage"),
        *("--constraint", "requirements/dev.txt"),
    ],
}
APART = ("pip", "airflow")
"""Written from ``requirements/<name>.in``: pip comes before all others, Airflow lives apart."""
COMPILE = (
    *("--quiet", "--universal", "--python-version", "3.10", "--generate-hashes"),
    *("--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"),
)


def command(name: str, options: list[str]) -> list[str]:
    """Build the call of uv that writes one lock file."""
    source = [f"requirements/{name}.in"]
    if name in LOCKS:
        source = ["pyproject.toml", *LOCKS[name]]
    return [
        *(str(Path(sys.executable).with_name("uv")), "pip", "compile", *COMPILE),
        *("--output-file", f"requirements/{name}.txt"),
        *source,
        *options,
    ]


def main() -> None:
    """Write each lock file; core first, for the others follow it."""
    for name in (*LOCKS, *APART):
        subprocess.run(command(name, sys.argv[1:]), cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
