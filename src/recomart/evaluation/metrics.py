"""Ranking metrics at a cut-off k, relevance yes or no, for many users at once.

Each takes `hits`, bool, shape (n_users, n): True where the item at that rank was relevant, and
`n_relevant`, shape (n_users,): how many there were to find. Each gives one number a user, from 0
to 1, and NaN where nothing was relevant: such a user has no answer; averages leave them out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray
    from scipy.sparse import csr_array

    Floats = NDArray[np.float64]
    Metric = Callable[[NDArray[np.bool_], NDArray[np.int64], int], Floats]


def hits_of(recommended: NDArray[np.int32], relevant: csr_array) -> NDArray[np.bool_]:
    """Tell which recommended items were relevant.

    recommended  shape (n_users, n); -1 is padding, never a hit
    relevant     shape (n_users, n_items), boolean or weights; sorted indices are not needed
    """
    n_users, n_items = relevant.shape
    rows = np.repeat(np.arange(n_users), np.diff(relevant.indptr))
    known = np.sort(rows * np.int64(n_items) + relevant.indices)
    wanted = np.arange(n_users)[:, None] * np.int64(n_items) + recommended
    place = np.searchsorted(known, wanted).clip(max=max(len(known) - 1, 0))
    found = known[place] == wanted if len(known) else np.zeros(recommended.shape, dtype=bool)
    return np.asarray(found & (recommended >= 0))


def precision(hits: NDArray[np.bool_], n_relevant: NDArray[np.int64], k: int) -> Floats:
    """Share of the k places that hold a relevant item: ``hits / k``."""
    share: Floats = _found(hits, k)
    share /= k
    return _where_any(share, n_relevant)


def recall(hits: NDArray[np.bool_], n_relevant: NDArray[np.int64], k: int) -> Floats:
    """Share of the relevant items that stand among the first k: ``hits / n_relevant``."""
    share: Floats = _found(hits, k)
    share /= np.maximum(n_relevant, 1)
    return _where_any(share, n_relevant)


def hit_rate(hits: NDArray[np.bool_], n_relevant: NDArray[np.int64], k: int) -> Floats:
    """1 if any of the first k is relevant, else 0."""
    found: Floats = hits[:, :k].max(axis=1, initial=False).astype(np.float64)
    return _where_any(found, n_relevant)


def mrr(hits: NDArray[np.bool_], n_relevant: NDArray[np.int64], k: int) -> Floats:
    """Reciprocal rank of the first relevant item, 0 if none is among the first k.

    Voorhees, "The TREC-8 Question Answering Track Report", 1999.
    """
    cut = hits[:, :k]
    first = cut.argmax(axis=1)
    return _where_any(np.where(cut.any(axis=1), 1 / (first + 1), 0.0), n_relevant)


def average_precision(hits: NDArray[np.bool_], n_relevant: NDArray[np.int64], k: int) -> Floats:
    """Mean precision at the ranks of the hits: ``sum_r hits[r] precision@r / min(k, n_relevant)``.

    Buckley and Voorhees, "Evaluating Evaluation Measure Stability", SIGIR 2000.
    """
    cut = hits[:, :k]
    at_rank = np.cumsum(cut, axis=1) / np.arange(1, cut.shape[1] + 1)
    best = np.minimum(np.maximum(n_relevant, 1), k)
    return _where_any((at_rank * cut).sum(axis=1) / best, n_relevant)


def ndcg(hits: NDArray[np.bool_], n_relevant: NDArray[np.int64], k: int) -> Floats:
    """Discounted gain of the list over that of the best possible list.

    ``sum_r hits[r] / log2(r + 2)  /  sum_{r < min(k, n_relevant)} 1 / log2(r + 2)``

    Järvelin and Kekäläinen, "Cumulated gain-based evaluation", TOIS 20(4), 2002.
    """
    discount = 1 / np.log2(np.arange(2, k + 2))
    cut = hits[:, :k]
    gain = cut @ discount[: cut.shape[1]]
    best = np.cumsum(discount)[np.minimum(np.maximum(n_relevant, 1), k) - 1]
    return _where_any(gain / best, n_relevant)


METRICS: dict[str, Metric] = {
    "ndcg": ndcg,
    "recall": recall,
    "precision": precision,
    "map": average_precision,
    "mrr": mrr,
    "hit_rate": hit_rate,
}
"""Every ranking metric by its name in reports."""


def ranking_metrics(
    recommended: NDArray[np.int32], relevant: csr_array, ks: Sequence[int]
) -> dict[str, Floats]:
    """Return ``metric@k`` → one number a user, for every metric and cut-off."""
    hits = hits_of(recommended, relevant)
    n_relevant = np.diff(relevant.indptr).astype(np.int64)
    return {
        f"{name}@{k}": metric(hits, n_relevant, k) for name, metric in METRICS.items() for k in ks
    }


def rmse(predicted: ArrayLike, actual: ArrayLike) -> float:
    """Root mean squared error of explicit ratings, in rating points."""
    return float(np.sqrt(np.mean((np.asarray(predicted) - np.asarray(actual)) ** 2)))


def mae(predicted: ArrayLike, actual: ArrayLike) -> float:
    """Mean absolute error of explicit ratings, in rating points."""
    return float(np.mean(np.abs(np.asarray(predicted) - np.asarray(actual))))


def _found(hits: NDArray[np.bool_], k: int) -> Floats:
    """Count the hits among the first k."""
    counts: Floats = hits[:, :k].sum(axis=1, dtype=np.float64)
    return counts


def _where_any(values: Floats, n_relevant: NDArray[np.int64]) -> Floats:
    return np.where(n_relevant > 0, values, np.nan)
