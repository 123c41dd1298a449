"""SVD as a retriever: biased matrix factorisation of what was taken, 1, and what was not, 0.

The descent is that of ratings (`recomart.models.explicit.descent`, with its sources). Negatives are
drawn as in He, Liao, Zhang, Nie, Hu and Chua, "Neural Collaborative Filtering", WWW 2017.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from recomart.errors import ArtefactError, NotFittedError
from recomart.models.base import check_history
from recomart.models.explicit.normal_equations import normal_equations
from recomart.models.explicit.positives import PositivesConfig, learn_positives
from recomart.models.likeness import nearest_by_cosine
from recomart.models.scorer import Scorer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from typing_extensions import Self

    from recomart.models.base import TopN
    from recomart.models.interactions import Interactions

    Floats = NDArray[np.float64]

ROWS_AT_ONCE = 1024
"""Histories that are folded in at once."""


class SVDRecommender(Scorer["NDArray[np.float32]"]):
    """Score ``mean + b_u + b_i + x_u . y_i``; weights above 0 count alike.

    Learned: `items_`, float32, shape (n_items, embedding_size + 2): ``[y_i, 1, b_i]``, and
    `heard_`, bool, shape (n_items,): which items somebody took. Users are not kept: a history of n
    items is folded in by the ridge regression that the descent amounts to for a user whose items
    stay as they are, with m items that somebody took and k negatives for each one taken,

    ``sum_history (1 - s_ui)**2 + k n / m sum_items s_ui**2 + λ n (1 + k) (b_u**2 + |x_u|**2)``.

    An empty history is given the order of the items' biases, which is about that of popularity.
    No opinion on items that nobody took.
    """

    items_: NDArray[np.float32]
    heard_: NDArray[np.bool_]

    def __init__(self, config: PositivesConfig | None = None) -> None:
        self.config = config or PositivesConfig()

    @property
    def n_items(self) -> int:
        """Number of items known; see `Recommender.n_items`."""
        return len(self._items())

    def fit(self, interactions: Interactions) -> Self:
        """Descend; see `Recommender.fit`."""
        taken = interactions.weights
        self.items_ = learn_positives(taken, self.config).items[:-1]
        self.heard_ = np.bincount(taken.indices, minlength=len(self.items_)) > 0
        return self

    def taste(self, history: csr_array) -> NDArray[np.float32]:
        """Fold in: return ``[x_u, b_u, 1]``, float32, shape (n_rows, embedding_size + 2)."""
        check_history(history, self.n_items)
        history = csr_array(history)
        taste = np.ones((history.shape[0], self._items().shape[1]), dtype=np.float32)
        for start in range(0, history.shape[0], ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            normal, sums, per_entry = self._equations(csr_array(history[rows]))
            lengths = np.diff(history[rows].indptr)[:, None]
            solved = np.linalg.solve(normal, (sums + lengths * per_entry)[:, :, None])
            taste[rows, :-1] = solved[:, :, 0]
        return taste

    def scores_of(self, taste: NDArray[np.float32]) -> NDArray[np.float32]:
        """Multiply the vectors of users and items."""
        items = self._items()
        scores: NDArray[np.float32] = taste @ items.T + np.float32(self.config.mean)
        scores[:, ~self.heard_] = -np.inf
        return scores

    def similar_items(self, items: NDArray[np.int32], n: int) -> TopN:
        """Rank by the cosine of the vectors; see `Recommender.similar_items`."""
        return nearest_by_cosine(self._items()[:, : self.config.embedding_size], items, n)

    def contributions(self, history: csr_array, item: int) -> NDArray[np.float32]:
        """Split what the history adds to the mean and the item's bias; sums to it exactly."""
        history = csr_array(history)
        normal, _, per_entry = self._equations(history)
        items = self._items().astype(np.float64)
        direction = np.linalg.solve(normal[0], items[item, :-1])
        held = items[history.indices]
        own = held[:, :-1] * (1 - self.config.mean - held[:, -1:])
        parts: NDArray[np.float32] = ((own + per_entry) @ direction).astype(np.float32)
        return parts

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the items; see `Recommender.arrays`."""
        return {"items": self._items(), "heard": self.heard_}

    @classmethod
    def from_arrays(
        cls, config: PositivesConfig, arrays: Mapping[str, NDArray[np.generic]]
    ) -> Self:
        """Make a fitted model again; see `Recommender.from_arrays`."""
        items, heard = (np.asarray(arrays.get(name)) for name in ("items", "heard"))
        size = config.embedding_size + 2
        is_table = items.ndim == 2 and items.shape[1] == size and items.dtype == np.float32
        fits = is_table and heard.shape == (len(items),) and heard.dtype == np.bool_
        if not fits or not np.isfinite(items).all() or (items[:, -2] != 1).any():
            raise ArtefactError(
                f"The arrays items and heard are not finite float32 vectors of length {size}, and "
                "which of them count.",
                remedy="Fit the model again, or restore the artefact from a backup.",
            )
        model = cls(config)
        model.items_, model.heard_ = items, heard
        return model

    def _equations(self, history: csr_array) -> tuple[Floats, Floats, Floats]:
        """Return the normal equations of each history, in the class's docstring.

        The left sides, shape (n_rows, size, size); the right sides of the entries alone, shape
        (n_rows, size); and what each entry adds to them for the negatives, shape (size,).
        """
        config, items = self.config, self._items().astype(np.float64)
        heard = items[self.heard_]
        n_items = max(len(heard), 1)
        targets = 1 - config.mean - items[history.indices, -1]
        entries = csr_array((targets, history.indices, history.indptr), shape=history.shape)
        squares, sums = normal_equations(entries, items[:, :-1])
        shared = config.negatives / n_items * heard[:, :-1].T @ heard[:, :-1]
        shared += config.regularisation * (1 + config.negatives) * np.eye(len(shared))
        lengths = np.diff(history.indptr)
        squares += lengths[:, None, None] * shared
        squares[lengths == 0] = np.eye(len(shared))  # no history: the answer is 0
        per_entry = config.negatives / n_items * (-config.mean - heard[:, -1]) @ heard[:, :-1]
        return squares, sums, per_entry

    def _items(self) -> NDArray[np.float32]:
        """Return the items, or say that there are none yet."""
        if not hasattr(self, "items_"):
            raise NotFittedError(type(self).__name__)
        return self.items_
