"""SASRec: a causal transformer reads what somebody did and scores what may come next.

Kang and McAuley, "Self-Attentive Sequential Recommendation", ICDM 2018; trained by softmax over
many sampled items instead of one: Klenitskiy and Vasilev, "Turning Dross Into Gold Loss: is
BERT4Rec really better than SASRec?", RecSys 2023.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recomart.errors import ArtefactError, NotFittedError
from recomart.models.deep.configs import EPSILON, ROWS_AT_ONCE, SASRecConfig, shapes
from recomart.models.deep.training import torch_or_error
from recomart.models.deep.twotower import as_vectors
from recomart.models.likeness import nearest_by_cosine
from recomart.models.sequences import SequenceScorer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray
    from typing_extensions import Self

    from recomart.models.base import TopN
    from recomart.models.interactions import Interactions
    from recomart.models.sequences import Sequences


class SASRec(SequenceScorer):
    """``s[i] = h . e_i`` with h the transformer's state after the last event, e item vectors.

    Each block is ``x += attention(norm(x)); x += W2 relu(W1 norm(x))``, attention looks back only,
    and positions are learned, counted from the first event that is read.

    Learned: `items_`, the e, float32, shape (n_items, embedding_size), 0 for items that nobody
    took; and the weights of positions, blocks and the last norm. No opinion on items that nobody
    took, and for an empty history. A score has no single source, so `contributions` are zeros.
    """

    weights_: dict[str, NDArray[np.float32]]

    def __init__(self, config: SASRecConfig | None = None) -> None:
        self.config = config or SASRecConfig()

    @property
    def n_items(self) -> int:
        """Number of items known; see `Recommender.n_items`."""
        return len(self._weights()["items"])

    def fit(self, interactions: Interactions, checkpoints: Path | None = None) -> Self:
        """Train; see `Recommender.fit`. Raises MissingExtraError where PyTorch is missing.

        checkpoints  see `TwoTower.fit`
        """
        torch_or_error()
        from recomart.models.deep.transformer import TransformerFit

        fit = TransformerFit(interactions, self.config)
        fit.run(checkpoints)
        self.weights_ = fit.weights()
        return self

    def scores_of(self, taste: Sequences) -> NDArray[np.float32]:
        """Read the sequences and multiply their states with the items."""
        items = self._weights()["items"]
        unheard = ~items.any(axis=1)
        scores = np.full((len(taste), len(items)), -np.inf, dtype=np.float32)
        for start in range(0, len(taste), ROWS_AT_ONCE):
            part = taste[start : start + ROWS_AT_ONCE].last(self.config.last_events)
            filled = np.flatnonzero(part.lengths > 0)
            if len(filled):
                states = self._states(part)[filled]
                scores[start + filled] = states @ items.T
        scores[:, unheard] = -np.inf
        return scores

    def similar_items(self, items: NDArray[np.int32], n: int) -> TopN:
        """Rank by the cosine of the vectors; see `Recommender.similar_items`."""
        return nearest_by_cosine(self._weights()["items"], items, n)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return what was learned; see `Recommender.arrays`."""
        return dict(self._weights())

    @classmethod
    def from_arrays(cls, config: SASRecConfig, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Make a fitted model again; see `Recommender.from_arrays`."""
        model = cls(config)
        items = as_vectors(arrays, "items", config.embedding_size)
        weights = {"items": items}
        for name, shape in shapes(config).items():
            found = np.asarray(arrays.get(name))
            if found.shape != shape or found.dtype != np.float32 or not _is_finite(found):
                raise ArtefactError(
                    f"The array {name} is not finite float32 of shape {shape}.",
                    remedy="Fit the model again, or restore the artefact from a backup.",
                )
            weights[name] = found.astype(np.float32, copy=False)
        model.weights_ = weights
        return model

    def _states(self, part: Sequences) -> NDArray[np.float32]:
        """Return the state after the last event of each row, shape (n_rows, embedding_size)."""
        weights, size = self._weights(), self.config.embedding_size
        longest = max(int(part.lengths.max()), 1)
        padded = np.zeros((len(part), longest), dtype=np.int64)
        places = np.arange(len(part.items)) - np.repeat(part.starts[:-1], part.lengths)
        padded[part.rows, places] = part.items
        state = weights["items"][padded] * np.float32(np.sqrt(size))
        state = state + weights["positions"][:longest]
        ahead = np.triu(np.full((longest, longest), -np.inf, dtype=np.float32), k=1)
        for block in range(self.config.blocks):
            state = state + self._attention(state, f"block{block}.", ahead)
            inner = self._norm(state, f"block{block}.norm2.") @ weights[f"block{block}.inner"].T
            inner = np.maximum(inner + weights[f"block{block}.inner_bias"], 0)
            state = state + inner @ weights[f"block{block}.outer"].T
            state = state + weights[f"block{block}.outer_bias"]
        last = state[np.arange(len(part)), np.maximum(part.lengths - 1, 0)]
        return self._norm(last, "norm.")

    def _attention(
        self, state: NDArray[np.float32], at: str, ahead: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return what attention adds to each position."""
        weights, heads = self._weights(), self.config.heads
        n_rows, length, size = state.shape
        mixed = self._norm(state, f"{at}norm1.") @ weights[f"{at}mix"].T + weights[f"{at}mix_bias"]
        query, key, value = (
            part.reshape(n_rows, length, heads, size // heads).transpose(0, 2, 1, 3)
            for part in np.split(mixed, 3, axis=2)
        )
        logits = query @ key.transpose(0, 1, 3, 2) / np.float32(np.sqrt(size // heads)) + ahead
        logits -= logits.max(axis=3, keepdims=True)
        share = np.exp(logits)
        share /= share.sum(axis=3, keepdims=True)
        joined = (share @ value).transpose(0, 2, 1, 3).reshape(n_rows, length, size)
        added: NDArray[np.float32] = joined @ weights[f"{at}join"].T + weights[f"{at}join_bias"]
        return added

    def _norm(self, state: NDArray[np.float32], at: str) -> NDArray[np.float32]:
        """Normalise the last axis."""
        weights = self._weights()
        mean = state.mean(axis=-1, keepdims=True)
        spread = np.sqrt(state.var(axis=-1, keepdims=True) + np.float32(EPSILON))
        normal: NDArray[np.float32] = (state - mean) / spread * weights[f"{at}scale"]
        return normal + weights[f"{at}shift"]

    def _weights(self) -> dict[str, NDArray[np.float32]]:
        if not hasattr(self, "weights_"):
            raise NotFittedError(type(self).__name__)
        return self.weights_


def _is_finite(array: NDArray[np.generic]) -> bool:
    return bool(np.isfinite(array.astype(np.float32)).all())
