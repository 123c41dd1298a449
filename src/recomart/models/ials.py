"""iALS: implicit alternating least squares, solved exactly in the smaller of two spaces.

Hu, Koren and Volinsky, "Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008, in the
form and with the regularisation of Rendle, Krichene, Zhang and Koren, "Revisiting the Performance
of iALS on Item Recommendation Benchmarks", RecSys 2022. How it is solved: docs/decisions/0010.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
from pydantic import BaseModel, Field
from scipy.sparse import csr_array

from recomart.errors import ArtefactError, NotFittedError
from recomart.models import sparse
from recomart.models.base import check_history
from recomart.models.content import mapped
from recomart.models.innerproduct import ByLength
from recomart.models.least_squares import Ridge, Side, first_vectors, solve, solve_one
from recomart.models.likeness import nearest_by_cosine
from recomart.models.opinion import Folded
from recomart.models.opinions import ManyFolded
from recomart.models.scorer import MANY_ITEMS, Scorer
from recomart.models.selection import Ranking
from recomart.models.visitor import Visitor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from typing_extensions import Self

    from recomart.models.base import TopN
    from recomart.models.interactions import Interactions


_NEVER = np.empty(0, dtype=np.int64)
UNOBSERVED_IN_ALL = 1_000
"""α0 times the number of items, unless α0 is given. A hold-out chose about this on shops of 4 and
of 41 thousand items (Online Retail, Gowalla), where the best α0 differed tenfold."""


class IALSConfig(BaseModel, frozen=True, extra="forbid"):
    """Hyper-parameters of `IALS`."""

    embedding_size: int = Field(128, gt=0, description="length of a vector")
    epochs: int = Field(2, gt=0, description="times that all users and all items are solved")
    regularisation: float = Field(0.003, gt=0, description="the λ of the formula")
    frequency_exponent: float = Field(
        1.0, ge=0, le=1, description="ν: 0 is plain λ, 1 scales it with the length of the history"
    )
    unobserved_weight: float | None = Field(
        None,
        gt=0,
        description="α0: how strongly what was not taken is pulled to 0; "
        "none given: 1,000 / n_items, at most 1",
    )
    strength_exponent: float = Field(
        0.0, ge=0, le=1, description="weights are raised to it; 0 makes them binary"
    )
    content_regularisation: float = Field(
        1.0, gt=0, description="of the map from what an item is to its vector, for new items"
    )
    seed: int = Field(0, ge=0, description="of the first item vectors")


class IALS(Scorer["NDArray[np.float32]"]):
    """Score ``x_u . y_i``, with vectors that fit what was taken and pull all else to 0.

    They minimise, over users u, items i and interactions S,

    ``sum_S c_ui (x_u . y_i - 1)**2 + α0 sum_all (x_u . y_i)**2
    + λ sum_u (n_u + α0 n_items)**ν |x_u|**2 + λ sum_i (n_i + α0 n_users)**ν |y_i|**2``

    where ``c_ui = weight ** strength_exponent`` and n counts entries of a row or column.

    Learned: `items_`, float32, shape (n_items, embedding_size): the y, in the basis in which their
    Gramian is diagonal, and `spectrum_`, float32, shape (embedding_size,): α0 times that diagonal.
    From them follows `unheard_`, the items without a vector. Users are not kept: any history is
    folded in, just as `fit` solves users.
    An item that nobody took has the vector that a linear map makes of its content, where that is
    known. No opinion for an empty history and for items of which nothing is known.
    """

    items_: NDArray[np.float32]
    spectrum_: NDArray[np.float32]
    unheard_: NDArray[np.int64]
    _nearest: ByLength | None = None

    def __init__(self, config: IALSConfig | None = None) -> None:
        self.config = config or IALSConfig()

    @property
    def n_items(self) -> int:
        """Number of items known; see `Recommender.n_items`."""
        return len(self._side().vectors)

    def fit(self, interactions: Interactions) -> Self:
        """Solve users for items, items for users, `epochs` times; see `Recommender.fit`."""
        config = self.config
        by_user = sparse.damped(interactions.weights, config.strength_exponent)
        by_item = csr_array(by_user.T.tocsr())
        items = first_vectors(by_user, by_item, config.embedding_size, config.seed)
        ridge = self._ridge(len(items))
        for _ in range(config.epochs):
            users = solve(by_user, Side.of(items, ridge))
            items = solve(by_item, Side.of(users, ridge))
        side = Side.of(items, ridge)
        self.items_, self.spectrum_ = side.vectors, side.spectrum
        if interactions.content is not None:
            heard = np.asarray(self.items_.any(axis=1))
            ridge_of_map = config.content_regularisation
            self.items_ = mapped(interactions.content, self.items_, heard, ridge_of_map)
        self.unheard_ = unheard(self.items_)
        return self

    def taste(self, history: csr_array) -> NDArray[np.float32]:
        """Fold in: return the vector of each history, float32, shape (n_rows, embedding_size)."""
        side = self._side()
        check_history(history, len(side.vectors))
        return solve(sparse.damped(history, self.config.strength_exponent), side)

    def scores_of(self, taste: NDArray[np.float32]) -> NDArray[np.float32]:
        """Multiply the vectors of users and items."""
        scores = taste @ self.items_.T
        scores[~taste.any(axis=1)] = -np.inf
        scores[:, self.unheard_] = -np.inf
        return scores

    def rank(
        self,
        taste: Any,  # noqa: ANN401 -- see `Scorer.rank`
        seen: csr_array,
        n: int,
        *,
        exclude_seen: bool,
    ) -> TopN:
        """Rank by score; of many items without a look at every one. See `Scorer.rank`."""
        if seen.shape[1] < MANY_ITEMS:
            return super().rank(taste, seen, n, exclude_seen=exclude_seen)
        return self.nearest.nearest_of_many(taste, n, seen if exclude_seen else None)

    def recommend_one(self, visitor: Visitor, n: int, *, exclude_seen: bool) -> Ranking:
        """Fold a visitor in, and rank without a look at every item; see `recommend_to`."""
        opinion = self.opinion_of(visitor)
        if not opinion.taste.any():
            return Ranking(visitor.items[:0], visitor.weights[:0])
        items, scores = opinion.near.nearest(opinion.taste, n + len(visitor.items))
        return visitor.best_of(items, scores, n, exclude_seen=exclude_seen)

    def opinion_of(self, visitor: Visitor) -> Folded:
        """Return what it thinks for a visitor."""
        side = self._side()
        taste = np.zeros(side.vectors.shape[1], dtype=np.float32)
        if len(visitor.items):
            taste = solve_one(visitor.items, self._strengths(visitor), side)
        return Folded(taste, self.nearest)

    def opinions_of(self, taste: NDArray[np.float32]) -> ManyFolded:
        """Return what it thinks for many visitors."""
        return ManyFolded(taste, self.nearest)

    @property
    def nearest(self) -> ByLength:
        """What finds the items of largest score."""
        if self._nearest is None or self._nearest.vectors is not self.items_:
            self._nearest = ByLength(self.items_)
        return self._nearest

    def similar_items(self, items: NDArray[np.int32], n: int) -> TopN:
        """Rank by the cosine of the vectors; see `Recommender.similar_items`."""
        return nearest_by_cosine(self._side().vectors, items, n)

    def contributions(self, history: csr_array, item: int) -> NDArray[np.float32]:
        """Split the score; see `split_one`."""
        history = csr_array(history)
        visitor = Visitor(history.indices, history.data, history.indices[:0], _NEVER, self.n_items)
        return self.split_one(visitor, np.array([item]))[:, 0]

    def split_one(self, visitor: Visitor, items: NDArray[np.integer]) -> NDArray[np.float32]:
        """Split scores over what a visitor had: shape (n_had, n_items); columns sum to the scores.

        As Hu, Koren and Volinsky do, section 5: with ``x = A**-1 Y^T c`` the entry j adds
        ``c_j * (y_j . A**-1 y_item)``.
        """
        side = self._side()
        strengths = self._strengths(visitor)
        held = side.vectors[visitor.items]
        scaled = held / side.diagonal(len(held))
        wanted = scaled @ side.vectors[items].T
        # A = D + Y^T C Y; by Woodbury Y A**-1 y = (1 - K (C**-1 + K)**-1) Y D**-1 y
        kernel = scaled @ held.T
        inner = kernel + np.diag(1 / strengths)
        parts: NDArray[np.float32] = wanted - kernel @ np.linalg.solve(inner, wanted)
        return strengths[:, None] * parts

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the vectors; see `Recommender.arrays`."""
        side = self._side()
        return {"items": side.vectors, "spectrum": side.spectrum}

    @classmethod
    def from_arrays(cls, config: IALSConfig, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Make a fitted model again; see `Recommender.from_arrays`."""
        size = config.embedding_size
        items, spectrum = (np.asarray(arrays.get(name)) for name in ("items", "spectrum"))
        shapes = items.ndim == 2 and items.shape[1:] == spectrum.shape == (size,)
        if not shapes or not _are_finite(items, spectrum) or bool((spectrum < 0).any()):
            raise ArtefactError(
                f"The arrays items and spectrum are not finite float32 vectors of length {size}.",
                remedy="Fit the model again, or restore the artefact from a backup.",
            )
        model = cls(config)
        model.items_, model.spectrum_, model.unheard_ = items, spectrum, unheard(items)
        return model

    def _strengths(self, visitor: Visitor) -> NDArray[np.float32]:
        return np.power(visitor.weights, self.config.strength_exponent, dtype=np.float32)

    def _ridge(self, n_items: int) -> Ridge:
        """Return the part of the formula that is the same for users and items."""
        config = self.config
        weight = config.unobserved_weight or min(1.0, UNOBSERVED_IN_ALL / max(n_items, 1))
        return Ridge(weight, config.regularisation, config.frequency_exponent)

    def _side(self) -> Side:
        """Return the items as the side that is held fixed, or say that there are none yet."""
        if not hasattr(self, "items_"):
            raise NotFittedError(type(self).__name__)
        return Side(self.items_, self.spectrum_, self._ridge(len(self.items_)))


def unheard(items: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the indices of items without a vector."""
    return np.flatnonzero(~items.any(axis=1))


def _are_finite(*arrays: NDArray[np.generic]) -> bool:
    """Whether all are float32 and finite."""
    return all(
        array.dtype == np.float32 and bool(np.isfinite(cast("NDArray[np.float32]", array)).all())
        for array in arrays
    )
