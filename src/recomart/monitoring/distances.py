"""How far a column moved: the index that is judged, and what else one wants to know then.

psi        population stability index, see `recomart.monitoring.psi`
js         Jensen–Shannon divergence over the same bins, in bits, 0 to 1: JS = H((p + q) / 2) −
           (H(p) + H(q)) / 2 (Lin, "Divergence Measures Based on the Shannon Entropy", IEEE
           Transactions on Information Theory 37, 1991); bounded, so that columns compare
ks         largest gap between the two distribution functions, 0 to 1 (Smirnov, "On the Estimation
           of the Discrepancy Between Empirical Curves of Distribution", 1939); without bins;
           numbers only
new_share  share of rows now whose word the reference has nowhere; words only
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc
from pydantic import BaseModel

from recomart.monitoring.psi import are_words, binned, numbers_of, psi_of

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from recomart.monitoring.psi import Counts


class Distances(BaseModel, frozen=True, extra="forbid"):
    """What `distances` finds; null where it does not apply to the kind of column."""

    psi: float = 0.0
    js: float = 0.0
    ks: float | None = None
    new_share: float | None = None
    null_then: float | None = None
    null_now: float | None = None


def distances(reference: pa.ChunkedArray, now: pa.ChunkedArray) -> Distances:
    """Hold a column against that of a reference; both are of one type."""
    counts = binned(reference, now)
    words = are_words(reference)
    return Distances(
        psi=psi_of(*counts),
        js=js_of(*counts),
        ks=None if words else ks_of(numbers_of(reference), numbers_of(now)),
        new_share=_new_share(reference, now) if words else None,
        null_then=_null_share(reference),
        null_now=_null_share(now),
    )


def js_of(reference: Counts, now: Counts) -> float:
    """Return the divergence from the number of rows in each bin; 0 where one has no rows."""
    n, m = int(reference.sum()), int(now.sum())
    if not n or not m:
        return 0.0
    p, q = reference / n, now / m
    return max(0.0, float(_entropy((p + q) / 2) - (_entropy(p) + _entropy(q)) / 2))


def ks_of(reference: NDArray[np.float64], now: NDArray[np.float64]) -> float | None:
    """Return the gap between what is known of both; None where nothing is of one."""
    one, other = (np.sort(values[~np.isnan(values)]) for values in (reference, now))
    if not len(one) or not len(other):
        return None
    at = np.concatenate([one, other])
    below = (np.searchsorted(values, at, side="right") / len(values) for values in (one, other))
    return float(np.abs(next(below) - next(below)).max())


def _entropy(shares: NDArray[np.float64]) -> float:
    there = shares[shares > 0]
    return float(-(there * np.log2(there)).sum())


def _new_share(reference: pa.ChunkedArray, now: pa.ChunkedArray) -> float | None:
    known = now.drop_null()
    if not len(now):
        return None
    there = pc.is_in(known, value_set=pc.unique(reference.drop_null()).cast(known.type))
    return (len(known) - (pc.sum(there).as_py() or 0)) / len(now)


def _null_share(values: pa.ChunkedArray) -> float | None:
    return values.null_count / len(values) if len(values) else None
