"""Ratings, and the interface of the models that predict them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from recomart.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray
    from pydantic import BaseModel
    from typing_extensions import Self


@dataclass(frozen=True, slots=True)
class Ratings:
    """What users said of items; users and items are dense indices.

    users        int32, shape (n_ratings,), each from 0 to n_users - 1
    items        int32, shape (n_ratings,), each from 0 to n_items - 1
    values       float64, shape (n_ratings,): finite, in rating points
    n_users      size of the id map of users, whether they rated or not
    n_items      size of the id map of items
    occurred_us  int64, shape (n_ratings,), microseconds UTC; none where time is unknown

    Raises BadInputError for anything else. A user may rate an item several times; models learn
    from the last (`latest`). There may be no ratings at all: only `fit` needs one.
    """

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    values: NDArray[np.float64]
    n_users: int
    n_items: int
    occurred_us: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        shapes = [self.users.shape, self.items.shape, self.values.shape]
        shapes += [] if self.occurred_us is None else [self.occurred_us.shape]
        if set(shapes) != {(len(self.users),)}:
            raise BadInputError(
                f"The columns of the ratings have the shapes {', '.join(map(str, shapes))}.",
                remedy="Give users, items, values and times of one length, one entry a rating.",
            )
        check_indices("user", self.users, 0, self.n_users)
        check_indices("item", self.items, 0, self.n_items)
        n_bad = int((~np.isfinite(self.values)).sum())
        if n_bad:
            raise BadInputError(
                f"{n_bad:,} of {len(self):,} ratings are NaN or infinite.",
                remedy="Leave out what was not rated; a rating is a finite number.",
            )

    def __len__(self) -> int:
        return len(self.users)

    def __getitem__(self, rows: NDArray[np.bool_] | NDArray[np.integer]) -> Ratings:
        times = None if self.occurred_us is None else self.occurred_us[rows]
        users, items, values = self.users[rows], self.items[rows], self.values[rows]
        return replace(self, users=users, items=items, values=values, occurred_us=times)

    @classmethod
    def of(cls, users: ArrayLike, items: ArrayLike, values: ArrayLike) -> Self:
        """Take columns without time; the id maps end with the largest index."""
        users, items = np.asarray(users, dtype=np.int32), np.asarray(items, dtype=np.int32)
        n_users, n_items = (int(column.max(initial=-1)) + 1 for column in (users, items))
        return cls(users, items, np.asarray(values, dtype=np.float64), n_users, n_items)

    def latest(self) -> Ratings:
        """Keep the last rating of each user and item, in the order of the rows.

        Last in time; of the same time, or where time is unknown, the one in the lower row.
        """
        pairs = self.users * np.int64(self.n_items) + self.items
        times = (
            np.zeros(len(self), dtype=np.int64) if self.occurred_us is None else self.occurred_us
        )
        order = np.lexsort((times, pairs))  # stable: rows of one time keep their order
        is_last = np.append(np.diff(pairs[order]) != 0, True)[: len(self)]
        return self if bool(is_last.all()) else self[np.sort(order[is_last])]


class RatingModel(Protocol):
    """Learns from ratings, predicts ratings."""

    @property
    def config(self) -> BaseModel:
        """The hyper-parameters; frozen."""

    def fit(self, ratings: Ratings) -> Self:
        """Learn, starting afresh each time. Raises BadInputError where there are no ratings."""

    def predict(
        self, users: NDArray[np.integer], items: NDArray[np.integer]
    ) -> NDArray[np.float64]:
        """Predict the rating of each pair, float64, shape (n_pairs,), in rating points.

        Predictions lie between the lowest and the highest rating learned from. An index of -1 is
        a user or an item that is not known. Raises BadInputError for other indices that are not in
        the id maps, NotFittedError before `fit`.
        """

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return what was learned, by name. Raises NotFittedError before `fit`."""

    @classmethod
    def from_arrays(cls, config: BaseModel, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Make a fitted model again. Raises ArtefactError if the arrays do not fit together."""


def to_learn_from(ratings: Ratings) -> Ratings:
    """Return the latest ratings. Raises BadInputError where there are none."""
    if not len(ratings):
        raise BadInputError(
            "There are no ratings to learn from.", remedy="Give at least one rating."
        )
    return ratings.latest()


def check_indices(kind: str, indices: NDArray[np.integer], first: int, size: int) -> None:
    """Refuse what is no index from `first` to `size` - 1."""
    are_integers = np.issubdtype(indices.dtype, np.integer)
    if are_integers and (not indices.size or first <= indices.min() <= indices.max() < size):
        return
    raise BadInputError(
        f"Not every {kind} is an index from {first} to {size - 1}.",
        remedy=f"Map every {kind} id with the id map that n_{kind}s comes from.",
    )


def by_appearance(
    indices: NDArray[np.integer],
) -> tuple[NDArray[np.integer], NDArray[np.int64]]:
    """Number what occurs by its first appearance: (which index each is, the number of each row).

    Models that number so learn the same whatever the id map: only the order of the rows counts.
    """
    present, firsts, numbers = np.unique(indices, return_index=True, return_inverse=True)
    order = np.argsort(firsts)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return present[order], rank[numbers]
