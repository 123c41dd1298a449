"""What every model learns from: confidence weights, and the events behind them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from recomart.errors import BadInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Self


@dataclass(frozen=True, slots=True)
class Interactions:
    """Interactions of a shop, with users and items as dense indices.

    weights      float32, shape (n_users, n_items): summed strength of each user and item, net of
                 cancelled purchases; only weights above 0 are stored, indices sorted
    users        int32, shape (n_events,): events in time order, from here on
    items        int32
    strengths    float64; negative where an event takes an earlier one back
    occurred_us  int64, microseconds UTC
    now_us       the moment of learning; no event lies after it
    content      what is known of the items at that moment, whether anybody took them or not:
                 float32, shape (n_items, n_features), entries above 0; none where nothing is
    """

    weights: csr_array
    users: NDArray[np.int32]
    items: NDArray[np.int32]
    strengths: NDArray[np.float64]
    occurred_us: NDArray[np.int64]
    now_us: int
    content: csr_array | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Number of users and of items."""
        n_users, n_items = self.weights.shape
        return int(n_users), int(n_items)

    @classmethod
    def from_events(
        cls,
        users: NDArray[np.int32],
        items: NDArray[np.int32],
        strengths: NDArray[np.float64],
        occurred_us: NDArray[np.int64],
        *,
        shape: tuple[int, int],
        now_us: int | None = None,
    ) -> Self:
        """Sum events, given in any order, into weights; `now_us` is the last event if not given.

        Raises BadInputError if an event lies after `now_us` or outside `shape`, or if its strength
        is no number.
        """
        order = np.argsort(occurred_us, kind="stable")
        users, items = users[order].astype(np.int32), items[order].astype(np.int32)
        strengths, occurred_us = strengths[order].astype(np.float64), occurred_us[order]
        last = int(occurred_us[-1]) if len(occurred_us) else 0
        now_us = last if now_us is None else now_us
        _check_events(users, items, shape, last, now_us)
        if not np.isfinite(strengths).all():
            raise BadInputError(
                "An event has a strength that is no number.",
                remedy="Look at `preparation.strengths`, or at what gives the strengths.",
            )
        weights = csr_array((strengths, (users, items)), shape=shape)
        weights.sum_duplicates()
        weights.data[weights.data <= 0] = 0
        weights.eliminate_zeros()
        return cls(weights.astype(np.float32), users, items, strengths, occurred_us, now_us)

    def with_content(self, content: csr_array) -> Self:
        """Return the same, with what is known of the items. Raises BadInputError: other items."""
        if content.shape[0] != self.shape[1]:
            raise BadInputError(
                f"The content tells of {content.shape[0]} items, the interactions of "
                f"{self.shape[1]}.",
                remedy="Give one row of content for each item of the id map.",
            )
        return replace(self, content=content)

    @classmethod
    def from_weights(cls, weights: csr_array) -> Self:
        """Take weights without time: each is one event, and all happen now (at 0)."""
        entries = weights.tocoo()
        return cls.from_events(
            entries.row.astype(np.int32),
            entries.col.astype(np.int32),
            entries.data.astype(np.float64),
            np.zeros(entries.nnz, dtype=np.int64),
            shape=(int(weights.shape[0]), int(weights.shape[1])),
        )


def _check_events(
    users: NDArray[np.int32],
    items: NDArray[np.int32],
    shape: tuple[int, int],
    last_us: int,
    now_us: int,
) -> None:
    """Refuse events from the future and indices outside the id maps."""
    if last_us > now_us:
        raise BadInputError(
            f"An event at {last_us} lies after the moment of learning, {now_us} (µs).",
            remedy="Leave out events after `now_us`, or learn at a later moment.",
        )
    for name, indices, size in (("user", users, shape[0]), ("item", items, shape[1])):
        if len(indices) and not 0 <= int(indices.min()) <= int(indices.max()) < size:
            raise BadInputError(
                f"A {name} index lies outside 0 … {size - 1}.",
                remedy=f"Map every {name} id with the id map that these sizes come from.",
            )
