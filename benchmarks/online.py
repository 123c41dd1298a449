"""The online store: reading for one request, and filling it.

Run with ``python -m benchmarks.online``. A request reads one user, and 50 features of 200 items:
in process from SQLite and the column table in memory, and all of it over Redis on loopback
(``redis-server`` is started for it). Then a million rows of 26 columns go into SQLite.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from benchmarks.gowalla_report import RESULTS, origin
from recomart.features.definition import FeatureView
from recomart.features.online import ColumnTable, OnlineFeatures, open_online
from recomart.features.online.materialise import Materialiser
from recomart.lake import Draft, Lake, LocalObjects, Making

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from recomart.lake import Manifest

N_ITEMS, N_FEATURES, N_USERS, N_COLUMNS = 235_000, 50, 1_000_000, 25
REQUESTS, CANDIDATES = 2_000, 200
TARGETS = {"in_process_p99_ms": 1.0, "redis_p99_ms": 5.0, "materialise_1m_s": 30.0}


def view_of(name: str, key: str, n_columns: int) -> tuple[FeatureView, dict[str, str]]:
    """Return a view of numbers, and its columns."""
    columns = {key: "string", **{f"f{n}": "float64" for n in range(n_columns)}}
    view = FeatureView(name, {key: "string"}, "made up", lambda _: (), lambda i: i.events)
    return view, columns


def publish(lake: Lake, name: str, key: str, n_rows: int, n_columns: int) -> Manifest:
    """Write a data set of made-up features."""
    rng = np.random.default_rng(3)
    ids = np.char.add(key[0], np.arange(n_rows).astype(str))
    columns = {key: pa.array(ids, pa.string())}
    columns |= {f"f{n}": pa.array(rng.random(n_rows)) for n in range(n_columns)}
    draft = Draft(lake, name)
    draft.add_table(pa.table(columns).to_reader())
    return draft.commit(Making(key="k", stage="bench", run_id="r"), details={"at_us": 1})


def latencies(request: Callable[[], object]) -> dict[str, float]:
    """Return percentiles of a request's time, ms."""
    for _ in range(50):
        request()
    times = []
    for _ in range(REQUESTS):
        began = time.perf_counter()
        request()
        times.append((time.perf_counter() - began) * 1e3)
    return {f"p{p}": round(float(np.percentile(times, p)), 3) for p in (50, 99)}


@contextmanager
def redis_server() -> Iterator[str]:
    """Run a Redis of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = shutil.which("redis-server") or "redis-server"
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        time.sleep(1)
        yield f"redis://127.0.0.1:{port}/0"
        server.terminate()


def measure(folder: Path, redis_url: str) -> dict[str, object]:
    """Fill the stores, and time requests."""
    lake = Lake(LocalObjects(folder / "lake"))
    users = publish(lake, "users", "user_id", N_USERS, N_COLUMNS)
    items = publish(lake, "items", "item_id", N_ITEMS, N_FEATURES)
    sqlite, redis = open_online("online.sqlite", folder), open_online(redis_url, folder)
    began = time.perf_counter()
    Materialiser(lake, sqlite, 1).bring(*view_of("users", "user_id", N_COLUMNS), users)
    filled_s = time.perf_counter() - began
    for name, key, n, manifest in (
        ("users", "user_id", N_COLUMNS, users),
        ("items", "item_id", N_FEATURES, items),
    ):
        Materialiser(lake, redis, 1).bring(*view_of(name, key, n), manifest)
    rng = np.random.default_rng(4)
    table = ColumnTable.read(lake, items, "item_id")
    features = [f"f{n}" for n in range(N_FEATURES)]

    def asked() -> tuple[str, list[str]]:
        user = f"u{rng.integers(N_USERS)}"
        return user, [f"i{n}" for n in rng.integers(0, N_ITEMS, CANDIDATES).tolist()]

    def from_sqlite() -> object:
        user, candidates = next(questions)
        return local.get("users", [user]), table.take(candidates)

    def from_redis() -> object:
        user, candidates = next(questions)
        return remote.get("users", [user]), remote.matrix("items", candidates, features)

    questions = iter([asked() for _ in range(2 * (REQUESTS + 50))])
    local, remote = OnlineFeatures(sqlite), OnlineFeatures(redis)
    found = {"in_process_ms": latencies(from_sqlite), "redis_ms": latencies(from_redis)}
    local.close()
    remote.close()
    return {**found, "materialise_1m_s": round(filled_s, 2)}


def main() -> None:
    """Measure, print, write."""
    with tempfile.TemporaryDirectory() as folder, redis_server() as url:
        found = measure(Path(folder), url)
    print(json.dumps(found, indent=1))
    result = {**origin("python -m benchmarks.online"), "found": found, "targets": TARGETS}
    (RESULTS / "online.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
