"""Drift of predictions: what the champion would say now, against what it said when published.

Both are lists of a seeded sample of users: those with the histories and features of the moment of
publishing, and those with the histories and features of now. A user in both samples is the same
user, so that chance adds little; users who came since are in the second only.

Scores compare within a list only, so that their drift is told by the margin: how far a list's first
score lies above its last, as a share of the larger of the two. It is told, and not judged: it grows
with the histories.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from recomart.monitoring.answers import Asked
from recomart.monitoring.distances import distances
from recomart.monitoring.reason import Reason
from recomart.ranking.champion import CONFIDENCE
from recomart.ranking.confidence import Confidence
from recomart.ranking.questions import known_at
from recomart.ranking.segments import segment_of, users_of
from recomart.ranking.shop import Shop

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from recomart.models.base import TopN
    from recomart.monitoring.since import Since

NAME = "predictions"
N = 10
LEAST_USERS = 30
MARGIN = "margin"


def prediction_drift(since: Since, threshold: float) -> Reason:
    """Hold the lists of now against those of publishing."""
    if not since.is_news:
        return Reason.silent(NAME, threshold, "nothing happened since")
    asker = _Asker(since)
    then, now = asker.at(since.model.at_us), asker.at(since.now_us)
    n_users = min(then.n_users, now.n_users)
    if n_users < LEAST_USERS:
        return Reason.silent(NAME, threshold, f"only {n_users} users to look at")
    names = then.lines.column_names
    found = {name: distances(then.lines[name], now.lines[name]) for name in names}
    most = max((name for name in names if name != MARGIN), key=lambda name: found[name].psi)
    return Reason.of(
        NAME,
        found[most].psi,
        threshold,
        f"lists of {now.n_users} users; most: {most}",
        {
            "psi": {name: round(one.psi, 4) for name, one in found.items()},
            "moved": {name: one.model_dump() for name, one in found.items()},
        },
    )


@dataclass(frozen=True)
class _Lines:
    """Lines of the lists of some users: popularity percentile, category, price and so on."""

    n_users: int
    lines: pa.Table


class _Asker:
    """Asks the model about a sample of users at any moment."""

    def __init__(self, since: Since) -> None:
        self.since = since
        bench, published = since.bench, since.published
        self.shop = Shop.read(bench.lake, published)
        self.tail = self.shop.is_tail
        counts = users_of(self.shop.history)
        rising = np.sort(counts)
        self.popularity = np.searchsorted(rising, counts, side="right") / max(len(rising), 1)
        self.confidence = None
        if CONFIDENCE in published.by_partition():
            body = bench.lake.read_file(published, CONFIDENCE)
            self.confidence = Confidence.from_bytes(body)
        self.light = int(str(published.details["light_history"]))
        seed = bench.settings.evaluation.seed
        self.lot = np.random.default_rng(seed).random(since.events.shape[0])

    def at(self, at_us: int) -> _Lines:
        """Return the lines of the lists of those who had done something by then."""
        since = self.since
        known = known_at(since.events, at_us, since.bench.settings)
        there = np.flatnonzero(np.diff(known.weights.indptr))
        drawn = np.argsort(self.lot[there])[: since.settings.sample_users]
        users = np.sort(there[drawn]).astype(np.int32)
        asked = Asked.of(known, users)
        top = since.model.lists(since.bench, since.events, asked, at_us, N)
        rows, places = np.nonzero(top.items >= 0)
        lines = self._lines(asked, rows, top.items[rows, places], places + 1)
        return _Lines(len(users), lines.append_column(MARGIN, pa.array(margins(top)[rows])))

    def _lines(
        self,
        asked: Asked,
        rows: NDArray[np.intp],
        items: NDArray[np.int32],
        ranks: NDArray[np.intp],
    ) -> pa.Table:
        of = self.shop.items.take(pa.array(items))
        lines = {
            "popularity": pa.array(self.popularity[items]),
            "category": of["category_id"].cast(pa.string()),
            "price": of["price"],
        }
        if self.confidence is not None:
            segments = segment_of(np.diff(asked.history.indptr), self.light)[rows]
            sure = self.confidence.of(segments, self.tail[items], ranks.astype(np.float64))
            lines["confidence"] = pa.array(sure)
        return pa.table(lines)


def margins(top: TopN) -> NDArray[np.float64]:
    """Return the margin of each list, 0 to 2; 0 for a list without scores."""
    with np.errstate(invalid="ignore"):
        scores = np.where(top.items >= 0, top.scores, np.nan).astype(np.float64)
    known = ~np.isnan(scores).all(axis=1)
    found = np.zeros(len(scores))
    high, low = np.nanmax(scores[known], axis=1), np.nanmin(scores[known], axis=1)
    size = np.maximum(np.abs(high), np.abs(low))
    found[known] = (high - low) / np.where(size > 0, size, 1.0)
    return found
