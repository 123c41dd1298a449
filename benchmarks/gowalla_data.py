"""Gowalla as others split it: read, held out, judged.

The files are those of LightGCN: a user and then the user's items on each line. Full ranking over
all 40,981 items, what was seen in training left out, averages over users with a test item.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from recomart.evaluation.metrics import hits_of, ndcg, recall

if TYPE_CHECKING:
    from numpy.typing import NDArray

FOLDER = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "gowalla"
SHAPE = (29_858, 40_981)
K = 20


def read(name: str) -> csr_array:
    """Return `train` or `test` as ones, shape `SHAPE`."""
    text = (FOLDER / f"{name}.txt").read_text()
    lines = [np.array(line.split(), dtype=np.int64) for line in text.splitlines()]
    rows = np.repeat([line[0] for line in lines], [len(line) - 1 for line in lines])
    columns = np.concatenate([line[1:] for line in lines])
    ones = np.ones(len(rows), dtype=np.float32)
    return csr_array((ones, (rows, columns)), shape=SHAPE)


def hold_out(train: csr_array, share: float, seed: int) -> tuple[csr_array, csr_array]:
    """Hold a share of each user's items out at random, rounded, but never all: (kept, held)."""
    entries = train.tocoo()
    drawn = np.random.default_rng(seed).random(entries.nnz)
    order = np.lexsort((drawn, entries.row))
    place = np.empty(entries.nnz, dtype=np.int64)
    place[order] = np.arange(entries.nnz) - np.repeat(train.indptr[:-1], np.diff(train.indptr))
    is_held = place < np.round(share * np.diff(train.indptr))[entries.row]
    kept, held = (
        csr_array((entries.data[part], (entries.row[part], entries.col[part])), shape=train.shape)
        for part in (~is_held, is_held)
    )
    return kept, held


def judge(items: NDArray[np.int32], truth: csr_array) -> dict[str, float]:
    """Return Recall@20 and NDCG@20."""
    hits = hits_of(items, truth)
    n_true = np.diff(truth.indptr).astype(np.int64)
    return {
        "recall": round(float(np.nanmean(recall(hits, n_true, K))), 4),
        "ndcg": round(float(np.nanmean(ndcg(hits, n_true, K))), 4),
    }
