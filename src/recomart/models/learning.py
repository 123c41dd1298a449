"""Weights of a blend, learned on what a hold-out shows that its users took next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recomart.errors import BadInputError
from recomart.models.blend import standardised
from recomart.models.scorer import row_blocks
from recomart.models.selection import top_n

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from recomart.models.blend import Blend


def learn_weights(
    blend: Blend, history: csr_array, truth: csr_array, *, n: int = 20, steps: int = 4
) -> Blend:
    """Return the blend with the weights, in steps of ``1 / steps``, of the highest NDCG@n.

    `blend` is fitted to `history`; the rows of `truth` are what the same users took afterwards.
    Every weighting on the grid is tried: with m members there are (steps + m - 1) choose (m - 1).
    Ties go to the first. Raises BadInputError if the two do not have the same shape.
    """
    if history.shape != truth.shape:
        raise BadInputError(
            f"The histories are of shape {history.shape}, what came after of {truth.shape}.",
            remedy="Give one row of truth for each history, over the same items.",
        )
    grid = list(_weightings(len(blend.config.members), steps))
    gains = np.zeros(len(grid))
    for start, stop in row_blocks(*history.shape):
        gains += _gains(blend, history[start:stop], truth[start:stop], n=n, grid=grid)
    best = grid[int(np.argmax(gains))]
    return blend.with_weights([parts / steps for parts in best])


def _weightings(n_members: int, steps: int) -> Iterator[tuple[int, ...]]:
    """Yield all ways to share `steps` equal parts among the members."""
    if n_members == 1:
        yield (steps,)
        return
    for parts in range(steps, -1, -1):
        for others in _weightings(n_members - 1, steps - parts):
            yield (parts, *others)


def _gains(
    blend: Blend,
    history: csr_array,
    truth: csr_array,
    *,
    n: int,
    grid: list[tuple[int, ...]],
) -> NDArray[np.float64]:
    """Return the summed NDCG@n of these rows for each weighting."""
    voices = [standardised(model.scores(history))[0] for model in blend.models_]
    taken = truth.toarray() > 0
    gains = np.zeros(len(grid))
    for place, weights in enumerate(grid):
        total = np.zeros_like(voices[0])
        for weight, voice in zip(weights, voices, strict=True):
            total += np.float32(weight) * voice
        total[history.nonzero()] = -np.inf
        gains[place] = _summed_ndcg(top_n(total, n).items, taken)
    return gains


def _summed_ndcg(items: NDArray[np.int32], taken: NDArray[np.bool_]) -> float:
    """Sum, over rows with any truth, the discounted gain by the best that was possible."""
    discount = 1 / np.log2(np.arange(2, items.shape[1] + 2))
    hits = np.take_along_axis(taken, items, axis=1) & (items >= 0)
    n_true = np.minimum(taken.sum(axis=1), items.shape[1])
    ideal = np.concatenate([[np.inf], np.cumsum(discount)])[n_true]
    return float(((hits * discount).sum(axis=1) / ideal).sum())
