"""User and item features of many events: DuckDB within a memory limit, Spark beside it.

Run with ``python -m benchmarks.features_scale [--events 100] [--spark 20]`` (millions; 0 leaves a
side out). Prepared events are made by DuckDB as Parquet files; each side reads them, computes
`user_features` and `item_features` as of the end, and streams the rows out; each in a process of
its own. Spark runs on ``local-cluster`` with two executors, each a process with one core.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.gowalla_report import RESULTS, origin

MEMORY_LIMIT = "5GiB"
N_FILES = 20
EVENTS = """
COPY (
    SELECT
        'u' || user_no AS user_id,
        'i' || item_no AS item_id,
        CASE WHEN kind < 90 THEN 'view' WHEN kind < 97 THEN 'add_to_cart' ELSE 'purchase' END
            AS event_type,
        'c' || item_no % 1000 AS category_id,
        occurred_us,
        occurred_us AS arrived_us,
        CASE WHEN kind < 90 THEN 1.0 WHEN kind < 97 THEN 3.0 ELSE 5.0 END::DOUBLE AS strength,
        (item_no % 977 + 0.99)::DOUBLE AS price,
        NULL::DOUBLE AS rating,
        (occurred_us // 86400000000)::INTEGER AS day,
        (occurred_us // 3600000000 % 24)::TINYINT AS hour,
        ((occurred_us // 86400000000 + 3) % 7)::TINYINT AS day_of_week,
        'u' || user_no || '-' || (occurred_us // 86400000000) AS session_id,
        1::INTEGER AS session_position
    FROM (
        SELECT
            -- most users come once, some often; popularity falls with rank
            floor(pow(hash(n * 7 + 1) / 18446744073709551615.0, 2) * {n_users})::BIGINT AS user_no,
            floor(pow(hash(n * 7 + 2) / 18446744073709551615.0, 3) * {n_items})::BIGINT AS item_no,
            hash(n * 7 + 3) % 100 AS kind,
            1700000000000000 + n * {step} AS occurred_us
        FROM range({first}, {last}) t(n)
    )
) TO '{path}' (FORMAT PARQUET, COMPRESSION ZSTD)
"""


def make_events(folder: Path, millions: int) -> None:
    """Write the events of 140 days: half as many users, a hundredth as many items."""
    import duckdb

    n = millions * 1_000_000
    con = duckdb.connect(config={"threads": 2, "memory_limit": "4GiB"})
    for file in range(N_FILES):
        con.execute(
            EVENTS.format(
                n_users=n // 2,
                n_items=n // 100,
                step=140 * 86_400_000_000 // n,
                first=n * file // N_FILES,
                last=n * (file + 1) // N_FILES,
                path=folder / f"events-{file:02d}.parquet",
            )
        )


def run_side(side: str, folder: Path) -> dict[str, float]:
    """Compute both views on one engine; seconds by view, rows, peak memory of this process."""
    from recomart.engines import DuckDBEngine, connect
    from recomart.engines.base import empty
    from recomart.engines.spark import SparkEngine
    from recomart.features.definition import CATEGORIES, HISTORY, SEEN, Inputs
    from recomart.features.inputs import as_of_the_end
    from recomart.features.parts import stream_view
    from recomart.features.views import VIEWS
    from recomart.settings import EngineSettings, FeatureSettings

    if side == "duckdb":
        settings = EngineSettings(threads=2, memory_limit=MEMORY_LIMIT)
        engine = DuckDBEngine(connect(settings, folder / "spill"))
    else:
        options = {"spark.sql.shuffle.partitions": "8", "spark.driver.memory": "2g"}
        options |= {"spark.executor.memory": "4g", "spark.ui.showConsoleProgress": "false"}
        settings = EngineSettings(spark_master="local-cluster[2,1,4096]", spark_options=options)
        engine = SparkEngine(settings, folder)
    found: dict[str, float] = {}
    files = sorted(folder.glob("events-*.parquet"))
    with engine:
        began = time.perf_counter()
        inputs = Inputs(
            events=engine.read("events", files, SEEN),
            categories=engine.load("categories", empty(CATEGORIES)),
            history=engine.load("item_history", empty(HISTORY)),
            at_us=0,
            settings=FeatureSettings(),
        )
        n_events = sum(pq.read_metadata(path).num_rows for path in files)
        inputs, _ = as_of_the_end(engine, inputs, n_events)
        found["open_s"] = time.perf_counter() - began
        for name in ("user_features", "item_features"):
            began = time.perf_counter()
            rows = stream_view(engine, VIEWS[name], inputs, n_events)
            found[f"{name}_rows"] = sum(batch.num_rows for batch in rows)
            found[f"{name}_s"] = time.perf_counter() - began
    found["total_s"] = sum(value for name, value in found.items() if name.endswith("_s"))
    found["peak_gib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {name: round(value, 2) for name, value in found.items()}


def measured(side: str, folder: Path) -> dict[str, float]:
    """Run one side in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.features_scale", "--side", side]
    done = subprocess.run(
        [*command, "--data", str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stderr[-3000:])
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(side, found, flush=True)
    return found


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100)
    parser.add_argument("--spark", type=int, default=20)
    parser.add_argument("--side", choices=["duckdb", "spark"])
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    if options.side:
        print(json.dumps(run_side(options.side, options.data)))
        return
    target = RESULTS / "features_scale.json"
    found = json.loads(target.read_text())["found"] if target.is_file() else {}
    for millions, sides in ((options.spark, ("duckdb", "spark")), (options.events, ("duckdb",))):
        if millions:
            with tempfile.TemporaryDirectory(dir=options.data) as folder:
                make_events(Path(folder), millions)
                found[f"{millions} M"] = {side: measured(side, Path(folder)) for side in sides}
    origin_of = origin("python -m benchmarks.features_scale")
    result = {**origin_of, "duckdb_memory_limit": MEMORY_LIMIT, "target_gib": 8, "found": found}
    target.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
