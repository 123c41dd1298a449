"""A share with its interval, Wilson's.

With z = 1.96 and p = hits / n it is (p + z²/2n ± z √(p(1 - p)/n + z²/4n²)) / (1 + z²/n): it stays
within 0 and 1, and holds where hits are few, as clicks are. Wilson, "Probable Inference, the Law of
Succession, and Statistical Inference", Journal of the American Statistical Association 22, 1927.
"""

from __future__ import annotations

from math import sqrt

from pydantic import BaseModel

Z = 1.959964
"""Two-sided 95 %."""


class Share(BaseModel, frozen=True, extra="forbid"):
    """Hits among `n`; the share and its interval are null where there is nothing to count."""

    hits: int
    n: int
    share: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, hits: int, n: int) -> Share:
        """Make the share of `hits` among `n`."""
        if not n:
            return cls(hits=hits, n=n, share=None, low=None, high=None)
        p, z2 = hits / n, Z * Z / n
        half = Z * sqrt(p * (1 - p) / n + z2 / (4 * n))
        middle, scale = p + z2 / 2, 1 + z2
        low = (middle - half) / scale if hits else 0.0  # exactly, whatever the rounding
        high = (middle + half) / scale if hits < n else 1.0
        return cls(hits=hits, n=n, share=p, low=low, high=high)

    def written(self) -> str:
        """Return it as ``3.2% [2.9%, 3.6%]``."""
        if self.share is None:
            return "–"
        return f"{self.share:.1%} [{self.low:.1%}, {self.high:.1%}]"
