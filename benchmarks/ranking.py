"""The cascade: beside its best retriever on a real shop, and beside CatBoost alone in speed.

    python -m benchmarks.ranking            # all parts, some minutes on 2 cores
    python -m benchmarks.ranking quality    # Online Retail, the last month held out
    python -m benchmarks.ranking speed      # 200 candidates of 235,000 items
    python -m benchmarks.ranking fits       # 2.76 M events: seconds and memory of each model

Reads `../shared/data/online_retail`; writes `benchmarks/results/ranking.json`.
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
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.gowalla_report import RESULTS, origin
from recomart.evaluation.stage import read_evaluation
from recomart.models.interactions import Interactions
from recomart.models.registry import MODELS
from recomart.pipeline import run
from recomart.ranking.candidates import Candidates
from recomart.ranking.cascade import in_order
from recomart.ranking.knowledge import Knowledge, View, category_span, columns_of, matrix_of
from recomart.ranking.ranker import Ranker, Rows
from recomart.settings import RankingSettings, load_settings
from recomart.settings.templates import template_text
from recomart.sources.generator.behaviour import STAGES, simulate
from recomart.sources.generator.spec import RETAILROCKET_SHOP
from recomart.sources.generator.stock import make_stock

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data"
FITTED = ("popularity", "itemknn", "rp3beta", "sessionknn", "ials", "graphfilter")
STRENGTHS = {"view": 1.0, "click": 2.0, "add_to_cart": 3.0, "purchase": 5.0, "cancel": -5.0}
N_ITEMS, N_CANDIDATES, N_TREES, N_CALLS = 235_061, 200, 500, 400
MOST_OVER_CATBOOST, MOST_FIT_S, MOST_FIT_GIB = 1.3, 60.0, 4.0


def main() -> None:
    """Measure, print, write; a part that was not asked for stays as it was."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="*", choices=[*PARTS, []], default=[])
    parser.add_argument("--fit", choices=FITTED, help="one model, in a process of its own")
    arguments = parser.parse_args()
    if arguments.fit:
        print(json.dumps(fit_one(arguments.fit)))
        return
    path = RESULTS / "ranking.json"
    report = json.loads(path.read_text()) if path.exists() else {}
    for part in arguments.part or PARTS:
        start = origin(f"python -m benchmarks.ranking {part}")
        report[part] = {**start, **PARTS[part]()}
        path.write_text(json.dumps(report, indent=1) + "\n")


def quality() -> dict[str, Any]:
    """Run the whole pipeline on Online Retail, and return what the gate saw."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = (SHARED / "online_retail" / "by-day").as_posix()
        (folder / "recomart.yaml").write_text(template_text("online-retail", data=data))
        loaded = load_settings(folder, environment={})
        run(loaded)
        found = read_evaluation(loaded)
    main_metric = found.main_metric
    for one in found.models:
        print(f"quality  {one.model:14} {main_metric} {one.metrics[main_metric].written()}")
    print(f"quality  {found.decision.says}")
    for one in found.coverage:
        told = {n: p.coverage and round(p.coverage, 3) for n, p in one.parts.items()}
        print(f"quality  coverage of {one.model}, nominal {one.level:.0%}: {told}")
    return {
        "data": found.data.model_dump(),
        "models": {
            one.model: {
                "metrics": {n: v.model_dump() for n, v in one.metrics.items()},
                "segments": {n: v.model_dump() for n, v in one.segments.items()},
                "against popularity": {n: v.model_dump() for n, v in one.segments_against.items()},
            }
            for one in found.models
        },
        "decision": found.decision.model_dump(),
        "coverage": [one.model_dump() for one in found.coverage],
        "loss": found.ranker and {"chosen": found.ranker.loss, "tried": found.ranker.tried},
    }


def speed() -> dict[str, Any]:
    """Time ranking 200 candidates, from look-ups to the ordered list, beside CatBoost alone."""
    rng = np.random.default_rng(1)
    knowledge = made_knowledge(rng)
    candidates = made_candidates(rng)
    users = np.zeros(1, dtype=np.int32)
    columns = columns_of(candidates.retrievers, knowledge)
    rows = [matrix_of(made_candidates(rng), users, knowledge) for _ in range(60)]
    learn = Rows(
        np.concatenate(rows),
        (rng.random(60 * N_CANDIDATES) < 0.1).astype(np.int64),
        np.repeat(np.arange(60), N_CANDIDATES),
    )
    settings = RankingSettings(trees=N_TREES, losses=("QueryRMSE",), learning_rate=0.001)
    ranker = Ranker.fit(columns, learn, learn, settings, seed=1)
    matrix = matrix_of(candidates, users, knowledge)

    def whole() -> None:
        scores = ranker.scores(matrix_of(candidates, users, knowledge))
        in_order(candidates, scores, knowledge.categories)

    alone = timed(lambda: ranker.trees.predict(matrix, thread_count=1))
    ours = timed(whole)
    ratio = ours["p50_ms"] / alone["p50_ms"]
    verdict = "met" if ratio <= MOST_OVER_CATBOOST else "missed"
    print(f"speed    CatBoost alone {alone}, ranking {ours}: {ratio:.2f} x, {verdict}")
    return {
        "n_items": N_ITEMS,
        "n_candidates": N_CANDIDATES,
        "n_columns": len(columns),
        "n_trees": int(ranker.trees.tree_count_),
        "catboost_alone": alone,
        "ranking": ours,
        "ratio_of_p50": round(ratio, 3),
        "target": MOST_OVER_CATBOOST,
    }


def made_knowledge(rng: np.random.Generator) -> Knowledge:
    """Return features of all items and of one user, as many as a shop has."""

    def view(name: str, by: str, n_keys: int, n_columns: int) -> View:
        values = rng.normal(size=(n_columns, n_keys)).astype(np.float32)
        names = {f"{name}__f{place}": column for place, column in enumerate(values)}
        return View.of((by,), np.arange(n_keys), names)

    views = (view("user", "user_id", 1, 18), view("item", "item_id", N_ITEMS, 24))
    categories = rng.integers(0, 1_000, N_ITEMS).astype(np.int32)
    return Knowledge(views, categories, category_span(categories))


def made_candidates(rng: np.random.Generator) -> Candidates:
    """Return candidates of three retrievers."""
    items = np.sort(rng.choice(N_ITEMS, N_CANDIDATES, replace=False)).astype(np.int32)
    scores = rng.normal(size=(N_CANDIDATES, 3)).astype(np.float32)
    rows = np.zeros(N_CANDIDATES, dtype=np.int32)
    return Candidates(("a", "b", "c"), rows, items, scores, scores, scores[:, 0], 1)


def timed(call: Callable[[], object]) -> dict[str, float]:
    """Return the median and the 99th percentile of many calls, in milliseconds."""
    found = []
    for _ in range(N_CALLS):
        began = time.perf_counter()
        call()
        found.append((time.perf_counter() - began) * 1_000)
    middle, late = np.quantile(found[N_CALLS // 10 :], [0.5, 0.99])
    return {"p50_ms": round(float(middle), 3), "p99_ms": round(float(late), 3)}


def fits() -> dict[str, Any]:
    """Fit each model to a made shop of RetailRocket's size, in a process of its own."""
    found = {}
    for name in FITTED:
        command = [sys.executable, "-m", "benchmarks.ranking", "--fit", name]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found[name] = json.loads(done.stdout.splitlines()[-1])
        is_met = found[name]["fit_s"] <= MOST_FIT_S and found[name]["peak_gib"] <= MOST_FIT_GIB
        print(f"fits     {name:12} {found[name]} {'met' if is_met else 'missed'}", flush=True)
    return {"target": {"fit_s": MOST_FIT_S, "peak_gib": MOST_FIT_GIB}, "models": found}


def fit_one(name: str) -> dict[str, float]:
    """Fit a model; return seconds, peak memory, and the time of one fold-in and list."""
    known = made_interactions()
    before = peak_gib()
    began = time.perf_counter()
    model = MODELS[name].make().fit(known)
    fit_s = time.perf_counter() - began
    row = int(np.argmax(np.diff(known.weights.indptr) == 5))
    history = known.weights[[row]]
    taste = timed(lambda: model.taste(history))
    listed = timed(lambda: model.recommend(history, 100))
    return {
        "fit_s": round(fit_s, 1),
        "peak_gib": round(peak_gib(), 2),
        "peak_before_gib": round(before, 2),
        "fold_in_ms": taste["p50_ms"],
        "list_ms": listed["p50_ms"],
    }


def made_interactions() -> Interactions:
    """Return 2.76 M events of 1.4 M visitors with 235 k items."""
    spec = RETAILROCKET_SHOP.model_copy(update={"n_items": N_ITEMS})
    events = simulate(spec, make_stock(spec))
    strengths: NDArray[np.float64] = np.array([STRENGTHS[name] for name in STAGES])
    return Interactions.from_events(
        events.user.astype(np.int32),
        events.item.astype(np.int32),
        strengths[events.stage],
        events.time_ms * 1_000,
        shape=(spec.n_users, spec.n_items),
    )


def peak_gib() -> float:
    """Return the most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "quality": quality,
    "speed": speed,
    "fits": fits,
}

if __name__ == "__main__":
    main()
