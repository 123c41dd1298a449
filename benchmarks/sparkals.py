"""ALS on Spark MLlib beside the local iALS: quality at the best parameters of each, and seconds.

Run with ``python -m benchmarks.sparkals`` (ten minutes on 2 cores). MovieLens 100K in
`../shared/data/ml-100k`: ratings of 4 and 5 are interactions, cut into fifths by a seed. Each fifth
is tested on once; an eighth of the rest is for choosing parameters, which are found by a walk from
the defaults, one parameter at a time, to the best NDCG@10. The verdict goes by the mean over the
fifths of the difference; its standard error is that of users' paired differences.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array

from benchmarks.gowalla_report import RESULTS, origin
from benchmarks.ml100k import FILE
from recomart.models import Interactions
from recomart.models.registry import model_kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

K, SEED, LIKED, TARGET, FIFTHS = 10, 0, 4, 0.005, 5
WALKS: dict[str, dict[str, tuple[float | int, ...]]] = {
    "ials": {
        "embedding_size": (16, 32, 64, 128),
        "regularisation": (0.001, 0.003, 0.01, 0.03, 0.1),
        "unobserved_weight": (0.05, 0.1, 0.3, 0.6),
        "epochs": (2, 5, 10),
    },
    "sparkals": {
        "embedding_size": (16, 32, 64),
        "alpha": (0.3, 1.0, 2.0, 5.0, 10.0),
        "regularisation": (0.01, 0.03, 0.1, 0.3, 1.0),
        "epochs": (5, 10, 20),
    },
}
START: dict[str, dict[str, float | int]] = {
    "ials": {"embedding_size": 32, "unobserved_weight": 0.3},
    "sparkals": {"embedding_size": 32, "blocks": 2},
}


def parts(fifth: int) -> tuple[csr_array, csr_array, csr_array]:
    """Return what is learned from, what is chosen by, and what is tested on."""
    rows = np.loadtxt(FILE, dtype=np.int64)
    shape = tuple(rows[:, :2].max(axis=0))
    rows = rows[rows[:, 2] >= LIKED]
    place = (np.random.default_rng(SEED).random(len(rows)) - fifth / FIFTHS) % 1

    def of(low: float, high: float) -> csr_array:
        some = rows[(place >= low) & (place < high)]
        ones = np.ones(len(some), dtype=np.float32)
        return csr_array((ones, (some[:, 0] - 1, some[:, 1] - 1)), shape=shape)

    return of(0.3, 1.0), of(0.2, 0.3), of(0.0, 0.2)


def ndcg(items: NDArray[np.int32], relevant: csr_array) -> NDArray[np.float64]:
    """Return the NDCG@10 of each user with something relevant."""
    discounts = 1 / np.log2(np.arange(2, K + 2))
    values = []
    for row, found in enumerate(items):
        wanted = relevant.indices[relevant.indptr[row] : relevant.indptr[row + 1]]
        if len(wanted):
            gained = (np.isin(found, wanted) * discounts).sum()
            values.append(gained / discounts[: len(wanted)].sum())
    return np.array(values)


def fitted(
    name: str, options: dict[str, Any], known: csr_array, relevant: csr_array
) -> dict[str, Any]:
    """Fit a model and look at its lists."""
    began = time.perf_counter()
    model = model_kind(name).make(options).fit(Interactions.from_weights(known))
    seconds = time.perf_counter() - began
    values = ndcg(model.recommend(known, K).items, relevant)
    print(name, options, f"NDCG@10 {values.mean():.4f}, {seconds:.1f} s", flush=True)
    return {"options": options, "of_users": values, "ndcg@10": values.mean(), "fit_s": seconds}


def walk(name: str, known: csr_array, chosen_by: csr_array) -> dict[str, Any]:
    """Return the best options that a walk finds."""
    best = fitted(name, START[name], known, chosen_by)
    for option, values in WALKS[name].items():
        for value in values:
            options = {**best["options"], option: value}
            if options != best["options"]:
                found = fitted(name, options, known, chosen_by)
                best = max(best, found, key=lambda one: one["ndcg@10"])
    return dict(best["options"])


def main() -> None:
    """Measure, print, write."""
    from recomart.engines.spark import open_session
    from recomart.settings import EngineSettings

    options = {"spark.sql.shuffle.partitions": "2", "spark.driver.memory": "2g"}
    options |= {"spark.log.level": "ERROR"}
    session, _ = open_session(EngineSettings(spark_master="local[2]", spark_options=options))
    fifths = [compared(fifth) for fifth in range(FIFTHS)]
    session.stop()
    result = {**origin("python -m benchmarks.sparkals"), "spark": "local[2]", **summary(fifths)}
    print(json.dumps({name: result[name] for name in ("ials_minus_sparkals", "verdict")}))
    (RESULTS / "sparkals.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def compared(fifth: int) -> dict[str, dict[str, Any]]:
    """Return how either does on a fifth."""
    learned, chosen_by, tested = parts(fifth)
    known = csr_array(learned + chosen_by)
    return {name: fitted(name, walk(name, learned, chosen_by), known, tested) for name in WALKS}


def summary(fifths: list[dict[str, dict[str, Any]]]) -> dict[str, Any]:
    """Return means over the fifths, and the verdict."""
    told = ("options", "ndcg@10", "fit_s")
    models = {
        name: {
            "ndcg@10": float(np.mean([one[name]["ndcg@10"] for one in fifths])),
            "fifths": [{key: one[name][key] for key in told} for one in fifths],
        }
        for name in WALKS
    }
    differences = [one["ials"]["of_users"] - one["sparkals"]["of_users"] for one in fifths]
    short = float(np.mean([of_users.mean() for of_users in differences]))
    pooled = np.concatenate(differences)
    return {
        "models": models,
        "ials_minus_sparkals": short,
        "standard_error": float(pooled.std() / np.sqrt(len(pooled))),
        "target": TARGET,
        "verdict": "met" if short <= TARGET else "MISSED",
    }


if __name__ == "__main__":
    main()
