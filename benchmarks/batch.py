"""Lists for every user of a shop of RetailRocket's size: time and memory, model by model.

Run with ``python -m benchmarks.batch [--models auto ials …] [--part 20000]``. Reads the shop of
`benchmarks.serving_shop` and writes into a temporary copy of its published model. Each model of
``--models`` makes the lists of all 1.4 million users with `recomart batch`, in a process of its
own. The blend, which is not published there, and the cascade are timed on a seeded part of the
users and extrapolated, and marked so.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.gowalla_report import RESULTS, origin
from benchmarks.serving_shop import serving_shop

if TYPE_CHECKING:
    from collections.abc import Callable

RECOMART = (sys.executable, "-c", "from recomart.cli import main; main()")
N = 20
TARGET_S, TARGET_GIB = 900, 6
ROWS_AT_ONCE = 2_048
NEEDED = ("published_model", "evaluation")


def copied(shop: Path, folder: Path) -> Path:
    """Copy what `recomart batch` reads of a shop."""
    for name in NEEDED:
        part = Path("data") / "lake" / "models" / name
        shutil.copytree(shop / part, folder / part)
    shutil.copy(shop / "recomart.yaml", folder)
    return folder


def whole(folder: Path, model: str) -> dict[str, Any]:
    """Make the lists of all users in a process of its own."""
    flags = ("--set", "tracking.is_on=false", "--set", "lineage.file=''")
    words = (*RECOMART, "--json", "-s", str(folder), *flags, "batch", "-n", str(N))
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.batch", "--watched", *words, "--model", model],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stderr[-3000:])
    told: dict[str, Any] = json.loads(done.stdout)
    found = {name: told[name] for name in ("model", "n_users", "rows", "seconds", "peak_gib")}
    return {**found, "measured": "all users", "verdict": verdict(found)}


def watched(words: list[str]) -> None:
    """Run a command, and add to its answer the most memory that it held."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(json.dumps({**json.loads(done.stdout), "peak_gib": round(peak, 2)}))


def verdict(found: dict[str, Any]) -> str:
    """Hold a row to the target."""
    met = found["seconds"] <= TARGET_S and found.get("peak_gib", 0) <= TARGET_GIB
    return "met" if met else "MISSED"


def parts(shop: Path, folder: Path, n_users: int) -> list[dict[str, Any]]:
    """Time what is dear on some users."""
    from recomart.lake import open_lake
    from recomart.ranking.aliases import champion_of
    from recomart.ranking.listers import Task, listers, lists_of
    from recomart.ranking.shop import Shop
    from recomart.ranking.training import read_model
    from recomart.settings import load_settings

    shutil.copy(shop / "data" / "online.sqlite", folder / "data")
    flags = {("paths", "lake"): str(shop / "data" / "lake")}
    loaded = load_settings(folder, environment={}, flags=flags)
    lake = open_lake(loaded)
    published = champion_of(lake)
    whole_shop, blend = Shop.read(lake, published), read_model(lake, "model_blend")
    known = len(whole_shop.users)
    start = int(np.random.default_rng(0).integers(known - n_users))
    users = range(start, start + n_users)
    task = Task(loaded, published, "cascade", N, exclude_seen=True)
    with listers(task, known) as lists_of_blocks:
        sides: dict[str, Callable[[range], object]] = {
            "blend": lambda some: lists_of(blend, whole_shop, some, N, exclude_seen=True),
            "cascade": lambda some: list(lists_of_blocks(in_blocks(some))),
        }
        return [timed(name, side, users, known) for name, side in sides.items()]


def in_blocks(users: range) -> list[range]:
    """Cut users as `recommend_all` does."""
    edges = range(users.start, users.stop, ROWS_AT_ONCE)
    return [range(edge, min(edge + ROWS_AT_ONCE, users.stop)) for edge in edges]


def timed(name: str, side: Callable[[range], object], users: range, known: int) -> dict[str, Any]:
    """Time some users, and tell how long all would take."""
    side(users[:ROWS_AT_ONCE])  # what is loaded at first use
    began = time.perf_counter()
    side(users)
    taken = time.perf_counter() - began
    found = {"model": name, "n_users": known, "seconds": round(taken / len(users) * known)}
    told = f"{len(users):,} users in {taken:.1f} s, without writing; extrapolated"
    return {**found, "measured": told, "verdict": verdict(found)}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="*", default=["auto", "sessionknn", "ials"])
    parser.add_argument("--part", type=int, default=20_000)
    parser.add_argument("--watched", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    if options.watched:
        watched(options.watched)
        return
    shop = serving_shop()
    rows = []
    with tempfile.TemporaryDirectory() as place:
        folder = copied(shop, Path(place))
        for model in options.models:
            rows.append(whole(folder, model))
            print(rows[-1], flush=True)
        if options.part:
            rows += parts(shop, folder, options.part)
            print(*rows[-2:], sep="\n")
    target = {"seconds": TARGET_S, "peak_gib": TARGET_GIB, "n_items_of_a_list": N}
    found = {
        **origin(f"python -m benchmarks.batch --part {options.part}"),
        "target": target,
        "found": rows,
    }
    (RESULTS / "batch.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
