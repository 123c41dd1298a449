"""Hyper-parameters for Gowalla, tuned on a hold-out of its training data.

    python -m benchmarks.gowalla_tuning

A tenth of the training items is held out (seed 0), not more, so that what is left is nearly as
dense as what will be learned from; every third user is judged. The test file is not read. Writes
every setting tried to `benchmarks/results/gowalla_tuning.json`.
"""

from __future__ import annotations

import itertools
import json
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.gowalla_data import K, hold_out, judge, read
from benchmarks.gowalla_report import RESULTS, origin
from recomart.models import Interactions
from recomart.models.registry import MODELS

if TYPE_CHECKING:
    from scipy.sparse import csr_array

SEED, SHARE, EVERY = 0, 0.1, 3

GRIDS: dict[str, dict[str, list[Any]]] = {
    "ials": {
        "embedding_size": [512],
        "regularisation": [0.001, 0.002, 0.003, 0.006],
        "unobserved_weight": [0.01, 0.02, 0.04],
        "epochs": [2, 3],
    },
    "itemknn": {"shrinkage": [0.5, 1.0, 2.0, 5.0], "neighbours": [400, 1600]},
    "rp3beta": {
        "alpha": [0.5, 0.6, 0.7, 0.8],
        "beta": [0.0011, 0.1, 0.2],
        "neighbours": [400, 777],
    },
}


def main() -> None:
    """Try every setting; print and write what came of it."""
    kept, held = hold_out(read("train"), SHARE, SEED)
    rows = np.arange(0, kept.shape[0], EVERY)
    tried: dict[str, list[dict[str, Any]]] = {name: [] for name in GRIDS}
    for name, grid in GRIDS.items():
        for values in itertools.product(*grid.values()):
            options = dict(zip(grid, values, strict=True))
            tried[name].append(_try(name, options, kept, held, rows))
        tried[name].sort(key=lambda one: -one["ndcg"])
        print(f"best {name}: {tried[name][0]}", flush=True)
    report = {**origin("python -m benchmarks.gowalla_tuning"), "seed": SEED, "held_out": SHARE}
    text = json.dumps({**report, "judged": f"every {EVERY}rd user", "tried": tried}, indent=1)
    (RESULTS / "gowalla_tuning.json").write_text(text + "\n")


def _try(
    name: str, options: dict[str, Any], kept: csr_array, held: csr_array, rows: np.ndarray
) -> dict[str, Any]:
    """Fit with these options and judge."""
    start = time.perf_counter()
    model = MODELS[name].make(options).fit(Interactions.from_weights(kept))
    seconds = round(time.perf_counter() - start, 2)
    scores = judge(model.recommend(kept[rows], K).items, held[rows])
    print(name, options, scores, f"{seconds} s", flush=True)
    return {"options": options, **scores, "fit_seconds": seconds}


if __name__ == "__main__":
    main()
