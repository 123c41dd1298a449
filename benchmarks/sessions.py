"""Sessions and last purchases of RetailRocket: what comes next, and what is bought in the end.

    python -m benchmarks.sessions      # a minute on 2 cores

`next item` is the protocol of session-rec on nine days of events, the last day held out: after each
event of a session, is the next one on the list? Its authors publish five other slices of a longer
log, so their figures stand beside ours for orientation only. `last purchase` holds out one purchase
of each of 2,174 buyers. Hyper-parameters are the defaults, which were looked at on the two days
before the last. Reads `../shared/data/retailrocket`; writes `benchmarks/results/sessions.json`.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv
from scipy.sparse import csr_array

from benchmarks.gowalla_report import RESULTS, origin
from recomart.evaluation.bootstrap import interval
from recomart.evaluation.metrics import ranking_metrics
from recomart.evaluation.nextitem import cut_sessions, next_item
from recomart.models.interactions import Interactions
from recomart.models.registry import MODELS
from recomart.models.sequences import Sequences, recommend_for
from recomart.vocabulary import DAY_US, MINUTE_US

FOLDER = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "retailrocket"
DEEP = ("twotower", "sasrec")
NEXT = ("popularity", "cooccurrence", "itemknn", "rp3beta", "sessionknn")
STRENGTHS = {"view": 1.0, "addtocart": 3.0, "transaction": 5.0}
PUBLISHED = {
    "source": "session-rec, RetailRocket, five slices: HR@20 / MRR@20",
    "STAN": (0.594, 0.364),
    "V-SkNN": (0.575, 0.340),
    "GRU4Rec": (0.567, 0.324),
}
K = 20


def main() -> None:
    """Measure both, print, write."""
    report = {
        **origin("python -m benchmarks.sessions"),
        "published": PUBLISHED,
        "next_item": next_items(),
        "last_purchase": last_purchases(),
    }
    (RESULTS / "sessions.json").write_text(json.dumps(report, indent=1) + "\n")


def next_items() -> dict[str, Any]:
    """Return HR@20 and MRR@20 of the last of nine days."""
    table = pyarrow.csv.read_csv(FOLDER / "events_2015-09-10_18_union.csv").sort_by("timestamp")
    users, items = (
        np.unique(table[name].to_numpy(), return_inverse=True)[1]
        for name in ("visitorid", "itemid")
    )
    when = table["timestamp"].to_numpy() * 1_000
    shape = (int(users.max()) + 1, int(items.max()) + 1)
    is_known = when < when[-1] - DAY_US
    known, later = (
        Interactions.from_events(
            users[part], items[part], np.ones(int(part.sum())), when[part], shape=shape
        )
        for part in (is_known, ~is_known)
    )
    asked, _ = cut_sessions(known, later, 30 * MINUTE_US)
    rows = {}
    for name in NEXT:
        began = time.perf_counter()
        model = MODELS[name].make().fit(known)
        fitted = time.perf_counter()
        found = next_item(model, asked, K)
        each_ms = (time.perf_counter() - fitted) / len(asked.targets) * 1_000
        rows[name] = {**found, "fit_s": round(fitted - began, 2), "list_ms": round(each_ms, 3)}
        print(f"next item      {name:14} {written(found)}  {each_ms:.2f} ms a list", flush=True)
    return {"n_events": len(known.users), "n_asked": len(asked.targets), "models": rows}


def last_purchases() -> dict[str, Any]:
    """Return Recall@20 and NDCG@20 of one held-out purchase a buyer."""
    known, relevant = buyers()
    rows = np.arange(relevant.shape[0])
    seen = relevant.multiply(known.weights.astype(bool)).nnz
    found = {}
    for name in (n for n in MODELS if n not in (*DEEP, "sparkals")):
        model = MODELS[name].make().fit(known)
        for exclude_seen in (False, True):
            top = recommend_for(
                model,
                known.weights,
                Sequences.of_users(known, rows),
                K,
                exclude_seen=exclude_seen,
            )
            metrics = ranking_metrics(top.items, relevant, [K])
            figures = {
                metric: interval(metrics[f"{metric}@{K}"], 1_000, 7).model_dump()
                for metric in ("recall", "ndcg")
            }
            found.setdefault(name, {})["new only" if exclude_seen else "all"] = figures
        shown = {metric: found[name]["all"][metric]["mean"] for metric in ("recall", "ndcg")}
        print(f"last purchase  {name:14} {written(shown)}", flush=True)
    return {"n_buyers": int(relevant.shape[0]), "n_seen_before": int(seen), "models": found}


def buyers() -> tuple[Interactions, csr_array]:
    """Return what buyers did, and the purchase of each that is held out."""
    table = pyarrow.csv.read_csv(FOLDER / "events_train.csv")
    truth = pyarrow.csv.read_csv(FOLDER / "test_purchase_per_visitor.csv")
    users, items = table["visitorid"].to_numpy(), table["itemid"].to_numpy()
    wanted = truth["visitorid"].to_numpy(), truth["itemid"].to_numpy()
    shape = tuple(
        1 + max(int(a.max()), int(b.max())) for a, b in zip((users, items), wanted, strict=True)
    )
    strengths = np.array([STRENGTHS[event] for event in table["event"].to_pylist()])
    when = table["timestamp"].to_numpy() * 1_000
    known = Interactions.from_events(users, items, strengths, when, shape=shape)
    ones = np.ones(len(wanted[0]), dtype=np.int64)
    return known, csr_array((ones, wanted), shape=shape)


def written(figures: dict[str, float]) -> str:
    """Write figures on a line."""
    return "  ".join(f"{name} {value:.4f}" for name, value in figures.items())


if __name__ == "__main__":
    main()
