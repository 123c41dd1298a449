"""Erasing one user from a shop of 1 M events, and telling all that is known of one.

Run with ``python -m benchmarks.erase [--events 1000000]``. The shop is generated and goes through
the stages up to the stores; the models are the cheapest two, and one that keeps sessions, which
says more about erasing than about learning. Erased are the user with most events and one of few,
one after the other: the second finds nothing left of killed runs, and a lake stated anew once.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from benchmarks.gowalla_report import RESULTS, origin
from recomart.lake import open_lake
from recomart.pipeline import run
from recomart.pipeline.erasing import erase, known_of
from recomart.settings import Loaded, load_settings
from recomart.sources.generator import ShopSpec, generate_shop

SETTINGS = """\
project: Erasing
sources:
  events: {kind: csv, path: shop/events/*.csv}
  categories: {kind: csv, holds: categories, path: shop/categories.csv}
engine: {threads: 2, memory_limit: 2GiB}
models: {train: [popularity, cooccurrence, sessionknn], serve: sessionknn}
ranking: {retrievers: [popularity, cooccurrence], losses: [QueryRMSE], trees: 20, max_users: 500}
evaluation: {test_days: 7, max_users: 500, bootstrap: 100}
tracking: {is_on: false}
"""
TARGET_S = 60.0


def make(folder: Path, n_events: int) -> Loaded:
    """Make the shop and run all stages on it."""
    spec = ShopSpec(n_users=n_events // 20, n_items=5_000, n_events=n_events, days=90, dirt=0.01)
    generate_shop(folder / "shop", spec)
    (folder / "recomart.yaml").write_text(SETTINGS, encoding="utf-8")
    loaded = load_settings(folder, environment={})
    run(loaded)
    return loaded


def chosen(loaded: Loaded) -> list[str]:
    """Return the user with most events, and one with few."""
    lake = open_lake(loaded)
    paths = lake.paths(lake.latest("events").files)
    users: Counter[str] = Counter()
    for path in paths:
        users.update(pq.read_table(path, columns=["user_id"])["user_id"].to_pylist())
    ranked = users.most_common()
    return [ranked[0][0], ranked[3 * len(ranked) // 4][0]]


def measure(loaded: Loaded, user: str) -> dict[str, Any]:
    """Export a user, then erase them."""
    began = time.perf_counter()
    n_known = sum(1 for _ in known_of(loaded, user))
    exported = time.perf_counter()
    receipt = erase(loaded, user, "the benchmark")
    return {
        "records_exported": n_known,
        "export_s": round(exported - began, 2),
        "erase_s": round(time.perf_counter() - exported, 2),
        "places": len(receipt.touched),
        "rows": sum(one.rows for one in receipt.touched),
        "found_after": receipt.found_after,
    }


def main() -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    n_events = parser.parse_args().events
    with tempfile.TemporaryDirectory() as name:
        began = time.perf_counter()
        loaded = make(Path(name), n_events)
        made_s = round(time.perf_counter() - began, 1)
        files = [path for path in loaded.folder.rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files)
        most, few = chosen(loaded)
        users = {"of most events": measure(loaded, most), "of few events": measure(loaded, few)}
    found = {
        **origin("python -m benchmarks.erase"),
        "events": n_events,
        "files": len(files),
        "folder_mb": round(size / 1e6, 1),
        "shop_made_s": made_s,
        "users": users,
        "target_s": TARGET_S,
        "is_met": all(user["erase_s"] <= TARGET_S for user in users.values()),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    (RESULTS / "erase.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(users, indent=1))


if __name__ == "__main__":
    main()
