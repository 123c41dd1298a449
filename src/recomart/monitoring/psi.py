"""The population stability index: how far a distribution moved from that of a reference.

    PSI = sum over bins of (q - p) ln(q / p)

where p is the share of the reference in a bin and q the share of now: the symmetric divergence of
Kullback and Leibler ("On Information and Sufficiency", Annals of Mathematical Statistics 22, 1951),
in bins (Siddiqi, "Credit Risk Scorecards", 2006, whose rule of thumb is: below 0.1 no change to
speak of, above 0.25 a large one).

Numbers fall into ten bins between quantiles of the reference; a value that is a quantile several
times over has a bin of its own, since many features are mostly 0. Words: the most frequent of the
reference, and one bin for all others. Null is a bin of its own. Where a bin is empty on one side,
its share counts as `LEAST_SHARE`, or half a row if that is more: the index stays finite.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Counts = NDArray[np.int64]

N_BINS = 10
MOST_WORDS = 20
"""Words with a bin of their own."""
LEAST_SHARE = 1e-4


def psi(reference: pa.ChunkedArray, now: pa.ChunkedArray) -> float:
    """Return the index of a column against that of a reference; 0 where one has no rows.

    Both are of one type: numbers, booleans or strings.
    """
    return psi_of(*binned(reference, now))


def binned(reference: pa.ChunkedArray, now: pa.ChunkedArray) -> tuple[Counts, Counts]:
    """Count the rows of both in bins that the reference sets."""
    if are_words(reference):
        return _counts_of_words(reference, now)
    edges = edges_of(numbers_of(reference))
    return counts_in(numbers_of(reference), edges), counts_in(numbers_of(now), edges)


def are_words(values: pa.ChunkedArray) -> bool:
    """Tell whether a column holds words, not numbers."""
    return values.type in (pa.string(), pa.large_string())


def psi_of(reference: Counts, now: Counts) -> float:
    """Return the index from the number of rows in each bin; the same with the two exchanged."""
    n, m = int(reference.sum()), int(now.sum())
    if not n or not m:
        return 0.0
    least = max(LEAST_SHARE, 0.5 / min(n, m))
    p, q = np.maximum(reference / n, least), np.maximum(now / m, least)
    is_used = (reference + now) > 0
    return float(((q - p) * np.log(q / p))[is_used].sum())


def edges_of(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the edges of bins, rising; a bin holds values above one edge and up to the next.

    They lie halfway between values of the reference, so that a value that many rows share, and
    that moves by little, stays in its bin.
    """
    known = np.sort(values[~np.isnan(values)])
    if not len(known):
        return np.empty(0)
    different = np.unique(known)
    halfway = different[:-1] + np.diff(different) / 2
    edges = np.concatenate([np.nextafter(different[:1], -np.inf), halfway, different[-1:]])
    quantiles = known[len(known) * np.arange(1, N_BINS) // N_BINS]
    places, times = np.unique(np.searchsorted(different, quantiles), return_counts=True)
    return np.union1d(edges[places + 1], edges[places[times > 1]])


def counts_in(values: NDArray[np.float64], edges: NDArray[np.float64]) -> Counts:
    """Count the values in each bin; the last bin is of null."""
    is_null = np.isnan(values)
    places = np.searchsorted(edges, values[~is_null], side="left")
    counts = np.bincount(places, minlength=len(edges) + 1)
    return np.append(counts, int(is_null.sum())).astype(np.int64)


def _counts_of_words(reference: pa.ChunkedArray, now: pa.ChunkedArray) -> tuple[Counts, Counts]:
    counted = reference.drop_null().value_counts().flatten()
    words = pa.table(counted, ["word", "n"]).sort_by([("n", "descending"), ("word", "ascending")])
    kept = words["word"].slice(0, MOST_WORDS)
    return _counts_among(reference, kept), _counts_among(now, kept)


def _counts_among(values: pa.ChunkedArray, words: pa.ChunkedArray) -> Counts:
    """Count each of the words, then all others, then null."""
    known = values.drop_null().cast(words.type)
    places = pc.index_in(known, value_set=words.combine_chunks()).fill_null(len(words))
    counts = np.bincount(places.to_numpy(), minlength=len(words) + 1)
    return np.append(counts, values.null_count).astype(np.int64)


def numbers_of(values: pa.ChunkedArray) -> NDArray[np.float64]:
    """Return numbers, NaN for null; a boolean is 0 or 1."""
    if pa.types.is_boolean(values.type):
        values = values.cast(pa.int8())
    found: NDArray[np.float64] = values.cast(pa.float64(), safe=False).to_numpy()
    return found
