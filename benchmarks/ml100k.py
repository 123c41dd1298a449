"""MovieLens 100K: errors of predicted ratings in five random folds and in time; and speed.

    python -m benchmarks.ml100k      # a minute on 2 cores

Reads `../shared/data/ml-100k/u.data`. Every model has its defaults; the size of BPMF's vectors was
chosen on a random fifth of the first training fold, and SVD's are those of Surprise, but for 50
factors. Prints a
table with target and met or missed; writes `benchmarks/results/ml100k.json`.
"""

from __future__ import annotations

import json
import time
import tracemalloc
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import recomart
from benchmarks.gowalla_report import RESULTS, origin
from recomart.evaluation.ratings import cross_validate, errors_of, split_in_time
from recomart.models.explicit import BPMF, SVD, Ratings, SVDConfig

if TYPE_CHECKING:
    from collections.abc import Callable

    from recomart.models.explicit import RatingModel

FILE = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "ml-100k" / "u.data"
MODELS: dict[str, Callable[[], RatingModel]] = {
    "mean and biases": lambda: SVD(SVDConfig(embedding_size=0)),
    "svd": SVD,
    "bpmf": BPMF,
}
TARGETS = {"mean and biases": (None, None), "svd": (0.934, 0.737), "bpmf": (0.915, 0.718)}
PUBLISHED = {
    "source": "Surprise, README: 5-fold, defaults; measured there, not here",
    "SVD": {"rmse": 0.934, "mae": 0.737},
    "SVD++": {"rmse": 0.919, "mae": 0.721},
}
N_FOLDS, SEED, SHARE, FEW = 5, 0, 0.2, 10_000
SECONDS_OF_FEW, SECONDS_OF_LIST = 1.0, 0.001


def read() -> Ratings:
    """Return the 100,000 ratings; 943 users, 1,682 items."""
    rows = np.loadtxt(FILE, dtype=np.int64)
    users, items = (rows[:, column].astype(np.int32) - 1 for column in (0, 1))
    values, times = rows[:, 2].astype(np.float64), rows[:, 3] * 1_000_000
    return Ratings(users, items, values, int(users.max()) + 1, int(items.max()) + 1, times)


def main() -> None:
    """Measure, print, write."""
    ratings = read()
    start = origin("python -m benchmarks.ml100k")
    protocol = {"n_folds": N_FOLDS, "seed": SEED, "share_of_test_in_time": SHARE}
    rows = [measured(name, ratings) for name in MODELS]
    speed = speeds(ratings)
    report = {**start, **protocol, "published": PUBLISHED, "models": rows, "speed": speed}
    (RESULTS / "ml100k.json").write_text(json.dumps(report, indent=1) + "\n")


def measured(name: str, ratings: Ratings) -> dict[str, Any]:
    """Return and print a row of one model."""
    begin = time.perf_counter()
    found = cross_validate(ratings, MODELS[name], N_FOLDS, SEED)
    seconds = (time.perf_counter() - begin) / N_FOLDS
    later = errors_of(MODELS[name](), *split_in_time(ratings, SHARE))
    rmse, mae = TARGETS[name]
    verdict = None
    if rmse is not None and mae is not None:
        verdict = "met" if found.rmse <= rmse and found.mae <= mae else "MISSED"
    print(
        f"{name:<15} RMSE {found.rmse:.4f} (target {rmse})  MAE {found.mae:.4f} (target {mae})"
        f"  in time {later.rmse:.4f} {later.mae:.4f}  {seconds:.2f} s a fold  {verdict or ''}",
        flush=True,
    )
    return {
        "model": name,
        "options": MODELS[name]().config.model_dump(),
        "rmse": round(found.rmse, 4),
        "mae": round(found.mae, 4),
        "target": {"rmse": rmse, "mae": mae},
        "verdict": verdict,
        "folds": [asdict(fold) for fold in found.folds],
        "in_time": asdict(later),
        "seconds_a_fold": round(seconds, 3),
        "peak_mib": peak(MODELS[name](), ratings),
    }


def peak(model: RatingModel, ratings: Ratings) -> float:
    """Return the most memory that Python and NumPy held during a fit, in MiB."""
    tracemalloc.start()
    model.fit(ratings)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return round(most / 2**20, 1)


def speeds(ratings: Ratings) -> dict[str, Any]:
    """Return and print how long 10,000 ratings take to learn, and one list to make."""
    few = ratings[np.sort(np.random.default_rng(SEED).permutation(len(ratings))[:FEW])]
    fits = {name: timed(lambda make=make: make().fit(few), 3) for name, make in MODELS.items()}
    columns = {
        "user_id": ratings.users.astype(str),
        "item_id": ratings.items.astype(str),
        "rating": ratings.values,
    }
    model = recomart.MatrixFactorizationRecommender(n_factors=50).fit(columns)
    lists = timed(lambda: model.recommend_items("195", 10), 1000)
    verdicts = {
        "fit_of_10k": "met" if fits["svd"] < SECONDS_OF_FEW else "MISSED",
        "list": "met" if lists < SECONDS_OF_LIST else "MISSED",
    }
    print(f"10,000 ratings: {fits}, target < 1 s: {verdicts['fit_of_10k']}")
    print(f"one list: {1000 * lists:.3f} ms, target < 1 ms: {verdicts['list']}")
    return {
        "fit_of_10k_seconds": {name: round(seconds, 3) for name, seconds in fits.items()},
        "fit_of_10k_target": SECONDS_OF_FEW,
        "list_seconds": round(lists, 6),
        "list_target": SECONDS_OF_LIST,
        "verdicts": verdicts,
    }


def timed(work: Callable[[], object], rounds: int) -> float:
    """Return the median seconds of several rounds."""
    seconds = []
    for _ in range(rounds):
        begin = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begin)
    return float(np.median(seconds))


if __name__ == "__main__":
    main()
