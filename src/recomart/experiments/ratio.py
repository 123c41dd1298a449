"""The sample-ratio check: whether variants have as many units as chance should have given them.

If not, units were lost on the way of one of them, and what the rest did proves nothing: Fabijan et
al., "Diagnosing Sample Ratio Mismatch in Online Controlled Experiments", KDD 2019.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

LEAST_P = 0.001
"""Below it the ratio is no accident; small, as it is looked at again and again."""


def ratio_p(counts: Sequence[int], shares: Sequence[float]) -> float:
    """Return p of Pearson's chi-square test of counts against the shares they should have."""
    from scipy.stats import chi2

    found, wanted = np.array(counts, dtype=np.float64), np.array(shares, dtype=np.float64)
    expected = found.sum() * wanted / wanted.sum()
    if not found.sum():
        return 1.0
    statistic = float((((found - expected) ** 2) / expected).sum())
    return float(chi2.sf(statistic, len(found) - 1))
