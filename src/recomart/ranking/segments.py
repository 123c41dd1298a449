"""Segments: the same metric for kinds of users and kinds of items."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

if TYPE_CHECKING:
    from numpy.typing import NDArray


HEAD_SHARE = 0.8
"""The head: the most popular items that make up this share of the interactions."""


USER_SEGMENTS = ("cold users", "light users", "heavy users")
SESSION_EVENTS = 3
"""A history of at most so many items is like an anonymous session that has just begun."""


def segment_of(lengths: NDArray[np.integer], light: int) -> NDArray[np.int8]:
    """Return the place in `USER_SEGMENTS` of histories of these lengths."""
    return ((lengths > 0).astype(np.int8) + (lengths > light)).astype(np.int8)


def user_segments(history: csr_array, light: int) -> dict[str, NDArray[np.bool_]]:
    """Part users by the number of items in their history; short ones are light as well."""
    lengths = np.diff(history.indptr)
    kinds = segment_of(lengths, light)
    parts = {name: kinds == kind for kind, name in enumerate(USER_SEGMENTS)}
    return {**parts, "1–3 items": (lengths > 0) & (lengths <= SESSION_EVENTS)}


def item_segments(relevant: csr_array, train: csr_array) -> dict[str, csr_array]:
    """Part what is relevant by the item: head, tail (see `is_tail`), and of the tail the new."""
    counts = users_of(train)
    tail = is_tail(counts)
    parts = {"head items": ~tail, "tail items": tail, "new items": counts == 0}
    return {name: _only(relevant, chosen) for name, chosen in parts.items()}


def users_of(history: csr_array) -> NDArray[np.int64]:
    """Return how many users have each item in their history."""
    return np.bincount(history.indices, minlength=history.shape[1])


def is_tail(counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which items are outside the head, by how many users have each; ties go by index."""
    order = np.argsort(-counts, kind="stable")
    before = np.cumsum(counts[order]) - counts[order]
    tail = np.ones(len(counts), dtype=bool)
    tail[order[before < HEAD_SHARE * counts.sum()]] = False
    return tail


def _only(relevant: csr_array, items: NDArray[np.bool_]) -> csr_array:
    kept = relevant.tocoo()
    chosen = items[kept.col]
    data, rows, cols = kept.data[chosen], kept.row[chosen], kept.col[chosen]
    return csr_array((data, (rows, cols)), shape=relevant.shape)
