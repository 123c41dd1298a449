"""A graph filter: neighbours on the graph of users and items, and its smoothest signals.

Shen, Wu, Zhang, Shan, Zhang, Letaief and Li, "How Powerful is Graph Convolution for
Recommendation?", CIKM 2021 (GF-CF).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field
from scipy.sparse import csr_array

from recomart.errors import ArtefactError, NotFittedError
from recomart.models import sparse
from recomart.models.base import check_history
from recomart.models.item_to_item import ItemToItemConfig
from recomart.models.scorer import Scorer, one_item_histories

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from typing_extensions import Self

    from recomart.models.base import TopN
    from recomart.models.interactions import Interactions

OVERSAMPLED = 32
"""Directions beyond those wanted that the randomised search follows."""


class GraphFilterConfig(ItemToItemConfig, frozen=True, extra="forbid"):
    """Hyper-parameters of `GraphFilter`."""

    neighbours: int = Field(1_000, gt=0, description="weights kept per recommended item")
    strength_exponent: float = Field(
        0.0, ge=0, le=1, description="weights are raised to it; 0 makes them binary"
    )
    embedding_size: int = Field(256, gt=0, description="singular vectors of the low-pass filter")
    low_pass: float = Field(0.3, ge=0, description="weight of the low-pass filter")
    rounds: int = Field(4, ge=1, description="power iterations of the search for the vectors")
    seed: int = Field(7, description="of the first directions of the search")


@dataclass(frozen=True, slots=True)
class Signal:
    """What is kept of histories: their entries, and their part in the smooth signals."""

    history: csr_array
    smooth: NDArray[np.float32]

    def __getitem__(self, rows: slice) -> Signal:
        return Signal(csr_array(self.history[rows]), self.smooth[rows])


class GraphFilter(Scorer[Signal]):
    """``s = r (R' R) + low_pass * r D**-1/2 V V' D**1/2``, with ``R = U**-1/2 C D**-1/2``.

    C are the confidence weights, U and D their sums by user and item, V the leading right singular
    vectors of R. Of ``R' R`` each recommended item keeps its largest `neighbours`, without itself.

    Learned: `weights_`, float32, sparse (n_items, n_items); `vectors_`, float32, shape (n_items,
    embedding_size), the V; `degree_`, float32, shape (n_items,), the diagonal of D.
    No opinion for an empty history and for items that nobody took.
    """

    weights_: csr_array
    vectors_: NDArray[np.float32]
    degree_: NDArray[np.float32]

    def __init__(self, config: GraphFilterConfig | None = None) -> None:
        self.config = config or GraphFilterConfig()

    @property
    def n_items(self) -> int:
        """Number of items known; see `Recommender.n_items`."""
        return len(self._fitted().degree_)

    def fit(self, interactions: Interactions) -> Self:
        """Normalise, multiply, search; see `Recommender.fit`."""
        config = self.config
        taken = sparse.damped(interactions.weights, config.strength_exponent)
        by_user, by_item = (np.asarray(taken.sum(axis=axis)).ravel() for axis in (1, 0))
        normal = sparse.scale_rows(taken, np.sqrt(sparse.inverse(by_user)))
        normal = sparse.scale_columns(normal, np.sqrt(sparse.inverse(by_item)))
        self.weights_ = sparse.nearest(csr_array(normal.T.tocsr()), normal, config.neighbours)
        self.vectors_ = leading_vectors(normal, config.embedding_size, config.rounds, config.seed)
        self.degree_ = by_item.astype(np.float32)
        return self

    def taste(self, history: csr_array) -> Signal:
        """Keep the history, and project it on the smooth signals."""
        check_history(history, self.n_items)
        damped = sparse.damped(history, self.config.strength_exponent)
        scaled = sparse.scale_columns(damped, np.sqrt(sparse.inverse(self.degree_)))
        return Signal(damped, scaled @ self.vectors_)

    def scores_of(self, taste: Signal) -> NDArray[np.float32]:
        """Add the two filters."""
        smooth = (self.config.low_pass * taste.smooth) @ self.vectors_.T
        near = (taste.history @ self.weights_).toarray()
        scores: NDArray[np.float32] = near + smooth * np.sqrt(self.degree_).astype(np.float32)
        scores[:, self.degree_ == 0] = -np.inf
        scores[np.diff(taste.history.indptr) == 0] = -np.inf
        return scores

    def similar_items(self, items: NDArray[np.int32], n: int) -> TopN:
        """Rank by the score from the item alone; see `Recommender.similar_items`."""
        return self.recommend(one_item_histories(items, self.n_items), n)

    def contributions(self, history: csr_array, item: int) -> NDArray[np.float32]:
        """Return what each item of the history adds to the score of `item`; sums to it exactly."""
        taken = self.taste(history).history
        near = self.weights_[:, [item]].toarray().ravel()[taken.indices]
        scale = np.sqrt(sparse.inverse(self.degree_[taken.indices]))
        alike = self.vectors_[taken.indices] @ self.vectors_[item]
        smooth = self.config.low_pass * np.sqrt(self.degree_[item]) * scale * alike
        parts: NDArray[np.float32] = (taken.data * (near + smooth)).astype(np.float32)
        return parts

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return what was learned; see `Recommender.arrays`."""
        fitted = self._fitted()
        return {
            **sparse.to_arrays(fitted.weights_, "weights"),
            "vectors": fitted.vectors_,
            "degree": fitted.degree_,
        }

    @classmethod
    def from_arrays(
        cls, config: GraphFilterConfig, arrays: Mapping[str, NDArray[np.generic]]
    ) -> Self:
        """Make a fitted model again; see `Recommender.from_arrays`."""
        model = cls(config)
        model.weights_ = sparse.from_arrays(arrays, "weights")
        vectors, degree = (np.asarray(arrays.get(name)) for name in ("vectors", "degree"))
        n_items = model.weights_.shape[0]
        fits = vectors.ndim == 2 and degree.shape == (n_items,) and len(vectors) == n_items
        are_numbers = vectors.dtype == degree.dtype == np.float32
        if not fits or not are_numbers or not np.isfinite(vectors).all() or (degree < 0).any():
            raise ArtefactError(
                "The arrays vectors and degree do not belong to the weights.",
                remedy="Fit the model again, or restore the artefact from a backup.",
            )
        model.vectors_, model.degree_ = vectors, degree
        return model

    def _fitted(self) -> Self:
        if not hasattr(self, "weights_"):
            raise NotFittedError(type(self).__name__)
        return self


def leading_vectors(matrix: csr_array, size: int, rounds: int, seed: int) -> NDArray[np.float32]:
    """Return the leading right singular vectors, float32, shape (n_columns, at most `size`).

    Randomised subspace iteration: Halko, Martinsson and Tropp, SIAM Review 53(2), 2011, algorithm
    4.4; the more `rounds`, the nearer.
    """
    n_columns = matrix.shape[1]
    width = min(size + OVERSAMPLED, *matrix.shape)
    rng = np.random.default_rng(seed)
    basis = rng.standard_normal((n_columns, width), dtype=np.float32)
    turned = csr_array(matrix.T.tocsr())
    for _ in range(rounds):
        basis, _ = np.linalg.qr(turned @ (matrix @ basis))
    small = matrix @ basis
    _, vectors = np.linalg.eigh((small.T @ small).astype(np.float64))
    leading = basis @ vectors[:, ::-1][:, :size].astype(np.float32)
    return np.ascontiguousarray(leading, dtype=np.float32)
