"""The point-in-time join beside DuckDB's own as-of join and Feast, on the same data.

Run with ``python -m benchmarks.point_in_time [--feast ENV]``: 2.76 M label rows, 2.76 M feature
rows over 235,000 keys whose popularity falls as in a shop; one feature row in ten arrives up to a
day late. Each side runs in a process of its own, best of three. Feast wants pandas 2, so it lives
in an environment of its own, which is made if it is not there.

Feast 0.67 joins every label with every earlier row of its key before it takes the newest: at the
full size it filled the disk (more than 70 GB) and failed. It is measured at 180,000 label rows and
571,000 feature rows, beside ours at that size.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.gowalla_report import RESULTS, origin
from recomart.vocabulary import DAY_US

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

SIZES = {
    "full": (2_760_000, 2_760_000, 0.8),
    "beside Feast": (180_000, 571_000, 0.8),
    "beside Feast, even": (180_000, 571_000, 0.0),
}
"""Label rows, feature rows, and the exponent by which popularity falls with rank."""
N_KEYS, DAYS = 235_000, 140
START_US = 1_430_000_000_000_000
TRIES, THREADS = 3, 2
FEAST = "feast[duckdb]==0.67.*"


def make_data(folder: Path, n_labels: int, n_values: int, skew: float) -> None:
    """Write labels.parquet and features.parquet, the same each time."""
    rng = np.random.default_rng(1)
    weight = 1 / np.arange(1, N_KEYS + 1) ** skew
    weight /= weight.sum()
    names = pa.array(np.char.add("i", np.arange(N_KEYS).astype(str)), pa.string())

    def keys(n: int) -> pa.Array:
        return names.take(pa.array(rng.choice(N_KEYS, n, p=weight)))

    def moments(n: int) -> NDArray[np.int64]:
        return START_US + rng.integers(0, DAYS * DAY_US, n)

    labels = {"item_id": keys(n_labels), "at_us": moments(n_labels)}
    occurred = moments(n_values)
    late = np.where(rng.random(n_values) < 0.1, rng.integers(0, DAY_US, n_values), 0)
    values = {"item_id": keys(n_values), "occurred_us": occurred, "arrived_us": occurred + late}
    pq.write_table(pa.table(labels), folder / "labels.parquet")
    pq.write_table(pa.table({**values, "value": rng.random(n_values)}), folder / "features.parquet")


def best(work: Callable[[], Any]) -> float:
    """Return the best of some wall times, s."""
    times = []
    for _ in range(TRIES):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def run_duckdb(folder: Path) -> dict[str, float]:
    """Join on what occurred alone: raw DuckDB, tables in memory."""
    import duckdb

    con = duckdb.connect(config={"threads": THREADS})
    for name in ("labels", "features"):
        con.execute(f"CREATE TABLE {name} AS FROM read_parquet('{folder}/{name}.parquet')")
    query = (
        "CREATE OR REPLACE TEMP TABLE found AS SELECT l.*, f.value FROM labels l "
        "ASOF LEFT JOIN features f ON l.item_id = f.item_id AND l.at_us > f.occurred_us"
    )
    return {"seconds": best(lambda: con.execute(query))}


def run_ours(folder: Path) -> dict[str, float]:
    """Join on both clocks: our expression on the same tables; then the store, from files."""
    from recomart.engines import DuckDBEngine, connect
    from recomart.engines.asof import latest_known
    from recomart.settings import EngineSettings

    con = connect(EngineSettings(threads=THREADS))
    with DuckDBEngine(con) as engine:
        tables = [
            engine.keep(name, con.read_parquet(str(folder / f"{name}.parquet")))
            for name in ("labels", "features")
        ]
        found = latest_known(*tables, ["item_id"], {"value": "value"}, has_asof=True)
        seconds = best(lambda: engine.keep("found", found))
        checked = check(engine.stream(found).read_all(), pq.read_table(folder / "features.parquet"))
    return {"seconds": seconds, "store_s": run_store(folder), "checked_rows": checked}


def check(found: pa.Table, features: pa.Table, n: int = 300) -> int:
    """Hold some rows to a search through all feature rows; return how many."""
    keys = features["item_id"].to_numpy(zero_copy_only=False)
    occurred, arrived = (features[c].to_numpy() for c in ("occurred_us", "arrived_us"))
    values = features["value"].to_numpy()
    rng = np.random.default_rng(2)
    for row in found.take(pa.array(rng.integers(0, len(found), n))).to_pylist():
        known = (keys == row["item_id"]) & (np.maximum(occurred, arrived) < row["at_us"])
        newest = np.flatnonzero(known)[np.argmax(occurred[known])] if known.any() else None
        expected = None if newest is None else values[newest]
        if expected != row["value"]:
            raise SystemExit(f"Wrong: {row}, not {expected}")
    return n


def run_store(folder: Path) -> float:
    """Time `FeatureStore.training_set` on a saved feature: Arrow in, Arrow out."""
    from recomart.features.store import FeatureStore
    from recomart.settings import Loaded, Settings

    with tempfile.TemporaryDirectory() as shop, FeatureStore(Loaded(Settings(), Path(shop))) as s:
        s.register_feature("value", "", "float64", "benchmark", "random")
        s.save_feature(pq.read_table(folder / "features.parquet"), "value")
        labels = pq.read_table(folder / "labels.parquet")
        return best(lambda: s.training_set(labels, ["value"]))


def run_feast(folder: Path, environment: Path) -> dict[str, float]:
    """Run Feast in its environment, made if it is not there."""
    python = environment / "bin" / "python"
    if not python.exists():
        venv.create(environment, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", FEAST], check=True)
    script = Path(__file__).with_name("point_in_time_feast.py")
    return _answer([str(python), str(script), str(folder), str(TRIES)])


def _answer(command: list[str]) -> dict[str, float]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stderr[-2000:])
        return {}
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure each side, print a table, write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--feast", type=Path, default=Path(tempfile.gettempdir()) / "feast-env")
    parser.add_argument("--side", choices=["duckdb", "ours"])
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    if options.side:
        run = run_duckdb if options.side == "duckdb" else run_ours
        print(json.dumps(run(options.data)))
        return
    found = {name: measured(*size) for name, size in SIZES.items()}
    for name in list(SIZES)[1:]:
        with tempfile.TemporaryDirectory() as folder:
            make_data(Path(folder), *SIZES[name])
            found[name]["feast"] = run_feast(Path(folder), options.feast)
    report(found)


def measured(n_labels: int, n_values: int, skew: float) -> dict[str, Any]:
    """Measure DuckDB and ours at one size."""
    with tempfile.TemporaryDirectory() as folder:
        make_data(Path(folder), n_labels, n_values, skew)
        side = [sys.executable, "-m", "benchmarks.point_in_time", "--data", folder, "--side"]
        return {name: _answer([*side, name]) for name in ("duckdb", "ours")}


def report(found: dict[str, dict[str, Any]]) -> None:
    """Print what was measured and write it down."""
    for name, sides in found.items():
        print(f"{name}: {SIZES[name][0]:,} label rows, {SIZES[name][1]:,} feature rows")
        for side, times in sides.items():
            print(f"  {side:<7}", ", ".join(f"{what} {value:.2f}" for what, value in times.items()))
    full = found["full"]
    ratios = {"ours_to_raw_asof": full["ours"]["seconds"] / full["duckdb"]["seconds"]} | {
        f"feast_to_our_store, {name}": sides["feast"]["seconds"] / sides["ours"]["store_s"]
        for name, sides in found.items()
        if sides.get("feast")
    }
    print(ratios)
    result = {
        **origin("python -m benchmarks.point_in_time"),
        "sizes": SIZES,
        "keys": N_KEYS,
        "threads": THREADS,
        "found": found,
        "ratios": ratios,
        "targets": {"ours_to_raw_asof": "at most 2", "feast_to_our_store": "at least 3"},
        "feast_at_full_size": "filled the disk with more than 70 GB of spilled rows, and failed",
    }
    (RESULTS / "point_in_time.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
