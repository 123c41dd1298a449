"""Two towers: a history and an item become vectors, and their product is the score.

Covington, Adams and Sargin, "Deep Neural Networks for YouTube Recommendations", RecSys 2016 (a
history is pooled); Yi et al., "Sampling-Bias-Corrected Neural Modeling for Large Corpus Item
Recommendations", RecSys 2019 (logQ); Yang et al., "Mixed Negative Sampling for Learning Two-tower
Neural Networks in Recommendations", WWW 2020.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recomart.errors import ArtefactError, NotFittedError
from recomart.models import sparse
from recomart.models.base import check_history
from recomart.models.deep.configs import TwoTowerConfig
from recomart.models.deep.training import torch_or_error
from recomart.models.likeness import nearest_by_cosine, unit
from recomart.models.scorer import Scorer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray
    from scipy.sparse import csr_array
    from typing_extensions import Self

    from recomart.models.base import TopN
    from recomart.models.interactions import Interactions


class TwoTower(Scorer["NDArray[np.float32]"]):
    """``s[u, i] = cos(sum_{j in history} p_j, p_i) + b_i``.

    p is the vector of an item's id, plus, where the content of items is known, those of its
    features; both towers share it. So a history's content is the user's, and an item that nobody
    took has a vector by what it is. b is what an item is taken for by everybody. Trained by softmax
    over sampled items: half of them drawn as they occur, half evenly, each corrected by the log of
    how often it is drawn; in each step a share of every history is hidden, and predicted from the
    rest.

    Learned: `vectors_`, the p, float32, shape (n_items, embedding_size), 0 for items of which
    nothing is known; and `bias_`, the b, float32, shape (n_items,). No opinion on items of which
    nothing is known, and for an empty history.
    """

    vectors_: NDArray[np.float32]
    bias_: NDArray[np.float32]

    def __init__(self, config: TwoTowerConfig | None = None) -> None:
        self.config = config or TwoTowerConfig()

    @property
    def n_items(self) -> int:
        """Number of items known; see `Recommender.n_items`."""
        return len(self._fitted().bias_)

    def fit(self, interactions: Interactions, checkpoints: Path | None = None) -> Self:
        """Train; see `Recommender.fit`. Raises MissingExtraError where PyTorch is missing.

        checkpoints  a folder to which the state is written after each epoch, and from which a fit
                     that was killed goes on
        """
        from recomart.models.deep.towers import TowerFit

        torch_or_error()
        fit = TowerFit(interactions, self.config)
        fit.run(checkpoints)
        self.vectors_, self.bias_ = fit.vectors()
        return self

    def taste(self, history: csr_array) -> NDArray[np.float32]:
        """Pool histories: return vectors of length 1, float32, shape (n_rows, embedding_size)."""
        check_history(history, self.n_items)
        return unit(sparse.damped(history, 0.0) @ self.vectors_)

    def scores_of(self, taste: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compare the directions of histories and items."""
        scores = taste @ unit(self.vectors_).T + self.bias_
        scores[~taste.any(axis=1)] = -np.inf
        scores[:, ~self.vectors_.any(axis=1)] = -np.inf
        return scores

    def similar_items(self, items: NDArray[np.int32], n: int) -> TopN:
        """Rank by the cosine of the vectors; see `Recommender.similar_items`."""
        return nearest_by_cosine(self._fitted().vectors_, items, n)

    def contributions(self, history: csr_array, item: int) -> NDArray[np.float32]:
        """Return what each item of the history adds to the score; sums to it, less the bias."""
        fitted = self._fitted()
        held = fitted.vectors_[history.indices]
        length = max(float(np.linalg.norm(held.sum(axis=0))), 1e-12)
        parts: NDArray[np.float32] = held @ unit(fitted.vectors_[[item]])[0]
        return parts / np.float32(length)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return vectors and biases; see `Recommender.arrays`."""
        fitted = self._fitted()
        return {"bias": fitted.bias_, "vectors": fitted.vectors_}

    @classmethod
    def from_arrays(cls, config: TwoTowerConfig, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Make a fitted model again; see `Recommender.from_arrays`."""
        model = cls(config)
        model.vectors_ = as_vectors(arrays, "vectors", config.embedding_size)
        bias = np.asarray(arrays.get("bias"))
        if bias.shape != (len(model.vectors_),):
            raise _refused("bias", len(model.vectors_))
        model.bias_ = as_vectors({"bias": bias[:, None]}, "bias", 1)[:, 0]
        return model

    def _fitted(self) -> Self:
        if not hasattr(self, "bias_"):
            raise NotFittedError(type(self).__name__)
        return self


def as_vectors(
    arrays: Mapping[str, NDArray[np.generic]], name: str, size: int
) -> NDArray[np.float32]:
    """Return an array of finite float32 vectors. Raises ArtefactError."""
    found = np.asarray(arrays.get(name))
    if found.ndim != 2 or found.dtype != np.float32 or found.shape[1] != size:
        raise _refused(name, size)
    vectors = found.astype(np.float32, copy=False)
    if not np.isfinite(vectors).all():
        raise _refused(name, size)
    return vectors


def _refused(name: str, size: int) -> ArtefactError:
    return ArtefactError(
        f"The array {name} is not of finite float32 vectors of length {size}.",
        remedy="Fit the model again, or restore the artefact from a backup.",
    )
