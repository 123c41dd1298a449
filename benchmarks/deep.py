"""The deep models: two towers on Gowalla, SASRec on MovieLens 100K, on the processor.

    python -m benchmarks.deep            # some ten minutes on 2 cores
    python -m benchmarks.deep twotower   # Gowalla, Recall@20 / NDCG@20
    python -m benchmarks.deep sasrec     # leave-last, HR@10 / NDCG@10, beside other models

Settings of the two towers were chosen on a fifth of Gowalla's training interactions, held out;
those of SASRec are the defaults. Reads `../shared/data`; writes `benchmarks/results/deep.json`.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.gowalla_data import K, judge, read
from benchmarks.gowalla_report import RESULTS, origin
from recomart.evaluation.bootstrap import interval
from recomart.evaluation.metrics import ranking_metrics
from recomart.evaluation.splits import leave_last
from recomart.models.deep.configs import TwoTowerConfig
from recomart.models.deep.twotower import TwoTower
from recomart.models.interactions import Interactions
from recomart.models.registry import MODELS
from recomart.models.sequences import recommend_for

if TYPE_CHECKING:
    from collections.abc import Callable

ML100K = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "ml-100k" / "u.data"
TWO_TOWERS = TwoTowerConfig(epochs=40, negatives=4096)
TARGET = (0.175, 0.147)
BESIDE = ("popularity", "rp3beta", "ials", "sessionknn", "sasrec")
CUT = 10


def main() -> None:
    """Measure, print, write; a part that was not asked for stays as it was."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="*", choices=[*PARTS, []], default=[])
    path = RESULTS / "deep.json"
    report = json.loads(path.read_text()) if path.exists() else {}
    for part in parser.parse_args().part or PARTS:
        start = origin(f"python -m benchmarks.deep {part}")
        report[part] = {**start, **PARTS[part]()}
        path.write_text(json.dumps(report, indent=1) + "\n")


def twotower() -> dict[str, Any]:
    """Fit two towers to Gowalla's training file, and judge them by its test file."""
    train, test = read("train"), read("test")
    began = time.perf_counter()
    model = TwoTower(TWO_TOWERS).fit(Interactions.from_weights(train))
    seconds = time.perf_counter() - began
    found = judge(model.recommend(train, K).items, test)
    met = found["recall"] >= TARGET[0] and found["ndcg"] >= TARGET[1]
    print(f"twotower  {found}  {seconds:.0f} s  target {TARGET}: {'met' if met else 'missed'}")
    return {
        "config": TWO_TOWERS.model_dump(),
        **found,
        "target": TARGET,
        "fit_s": round(seconds),
        "peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        "published": {"YoutubeDNN, 800 negatives (BARS)": (0.1754, 0.1473)},
    }


def sasrec() -> dict[str, Any]:
    """Hold out the last item of everybody, and rank all others."""
    rows = np.loadtxt(ML100K, dtype=np.int64)
    users, items = rows[:, 0] - 1, rows[:, 1] - 1
    shape = (int(users.max()) + 1, int(items.max()) + 1)
    whole = Interactions.from_events(
        users, items, np.ones(len(rows)), rows[:, 3] * 1_000_000, shape=shape
    )
    split = leave_last(whole)
    found = {}
    for name in BESIDE:
        began = time.perf_counter()
        model = MODELS[name].make().fit(split.known)
        seconds = time.perf_counter() - began
        top = recommend_for(model, split.history, split.sequences, CUT, exclude_seen=True)
        metrics = ranking_metrics(top.items, split.relevant, [CUT])
        figures = {
            metric: interval(metrics[f"{metric}@{CUT}"], 1_000, 7).model_dump()
            for metric in ("hit_rate", "ndcg")
        }
        found[name] = {**figures, "fit_s": round(seconds, 1)}
        shown = {metric: round(figures[metric]["mean"], 4) for metric in ("hit_rate", "ndcg")}
        print(f"sasrec    {name:12} {shown}  {seconds:.1f} s", flush=True)
    return {"n_users": len(split.users), "models": found}


PARTS: dict[str, Callable[[], dict[str, Any]]] = {"twotower": twotower, "sasrec": sasrec}

if __name__ == "__main__":
    main()
