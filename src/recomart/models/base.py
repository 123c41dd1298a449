"""The one interface that every model offers, and the list that it answers with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from recomart.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from pydantic import BaseModel
    from scipy.sparse import csr_array
    from typing_extensions import Self

    from recomart.models.interactions import Interactions

BLOCK_BYTES = 64 * 2**20
"""Largest block of scores held at once."""


class Recommender(Protocol):
    """Learns from interactions, recommends from a history.

    `recommend` takes histories, not user ids. A known user, a new user and an anonymous session
    are then one path (fold-in), and so is leaving out what the user already has. A history holds
    confidence weights in the units of `Interactions.weights`; its columns are the items.

    Stable: this interface changes only with a major version.
    """

    @property
    def config(self) -> BaseModel:
        """The hyper-parameters; frozen."""

    @property
    def n_items(self) -> int:
        """Number of items known, the columns of a history. Raises NotFittedError before `fit`."""

    def fit(self, interactions: Interactions) -> Self:
        """Learn, starting afresh each time. The input is not changed."""

    def scores(self, history: csr_array) -> NDArray[np.float32]:
        """Score every item, shape (n_rows, n_items); -inf where the model has no opinion."""

    def taste(self, history: csr_array) -> Any:  # noqa: ANN401 -- each model keeps its own
        """Return what the model keeps of each history, small; its rows can be sliced."""

    def scores_of(self, taste: Any) -> NDArray[np.float32]:  # noqa: ANN401 -- as `taste`
        """Score every item for rows of a taste; `scores` is this after `taste`."""

    def recommend(self, history: csr_array, n: int, *, exclude_seen: bool = True) -> TopN:
        """Rank at most `n` items for each row; with `exclude_seen` none that is in that row."""

    def similar_items(self, items: NDArray[np.int32], n: int) -> TopN:
        """Rank at most `n` items by their likeness to each of `items`; an item is not like itself.

        An index of -1 is an item that is not known: its row is empty.
        """

    def contributions(self, history: csr_array, item: int) -> NDArray[np.float32]:
        """Split the score of `item` over the entries of a one-row history, in their order.

        Zeros where the score does not come from the history.
        """

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return what was learned, by name. Raises NotFittedError before `fit`."""

    @classmethod
    def from_arrays(cls, config: BaseModel, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Make a fitted model again. Raises ArtefactError if the arrays do not fit together."""


@dataclass(frozen=True, slots=True)
class TopN:
    """Ranked items, best first; short rows are padded.

    items   int32, shape (n_rows, n); -1 where padded
    scores  float32, shape (n_rows, n); NaN where padded, comparable within a row only
    """

    items: NDArray[np.int32]
    scores: NDArray[np.float32]

    @classmethod
    def empty(cls, n_rows: int, n: int) -> Self:
        """Return rows that are all padding."""
        if n < 1:
            raise BadInputError(
                f"A list of {n} items was asked for.", remedy="Ask for at least one item."
            )
        return cls(
            np.full((n_rows, n), -1, dtype=np.int32),
            np.full((n_rows, n), np.nan, dtype=np.float32),
        )


def check_history(history: csr_array, n_items: int) -> None:
    """Refuse a history whose columns are not the items of the model, or that holds no weights."""
    if history.shape[1] != n_items:
        raise BadInputError(
            f"The history has {history.shape[1]} columns, the model knows {n_items} items.",
            remedy="Build the history with the id map stored beside the model.",
        )
    if not bool((history.data > 0).all()):
        raise BadInputError(
            "The history has a weight that is not above 0.",
            remedy="Leave out what was cancelled: a history holds what counts, `weights` > 0.",
        )
