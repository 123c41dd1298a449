"""What rating models have learned: a mean, and one vector a user and an item."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
from pydantic import BaseModel

from recomart.errors import ArtefactError, NotFittedError
from recomart.models.explicit.ratings import check_indices

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from typing_extensions import Self

AT_ONCE = 2**16
"""Pairs whose vectors are gathered at once."""

Config = TypeVar("Config", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Factors:
    """Predict ``mean + users[u] . items[i]``, held between `lowest` and `highest`.

    users  float32, shape (n_users + 1, size); the last row is for users that are not known
    items  float32, shape (n_items + 1, size); the last row is for items that are not known
    """

    users: NDArray[np.float32]
    items: NDArray[np.float32]
    mean: float
    lowest: float
    highest: float

    def predict(
        self, users: NDArray[np.integer], items: NDArray[np.integer]
    ) -> NDArray[np.float64]:
        """Predict each pair, block by block; see `RatingModel.predict`."""
        users, items = np.asarray(users), np.asarray(items)
        check_indices("user", users, -1, len(self.users) - 1)
        check_indices("item", items, -1, len(self.items) - 1)
        predicted = np.empty(len(users), dtype=np.float64)
        for start in range(0, len(users), AT_ONCE):
            rows = slice(start, start + AT_ONCE)
            vectors = self.users[users[rows]], self.items[items[rows]]
            predicted[rows] = np.einsum("rs,rs->r", *vectors)
        return self.held(predicted)

    def products(self, user: int) -> NDArray[np.float32]:
        """Return ``users[user] . items[i]`` for every item, for ranking; -1 is an unknown user."""
        products: NDArray[np.float32] = self.items[:-1] @ self.users[user]
        return products

    def held(self, products: NDArray[np.floating]) -> NDArray[np.float64]:
        """Add the mean, and hold to the range."""
        return np.clip(products.astype(np.float64) + self.mean, self.lowest, self.highest)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return them by name; see `RatingModel.arrays`."""
        level = np.array([self.mean, self.lowest, self.highest])
        return {"users": self.users, "items": self.items, "level": level}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Make them again. Raises ArtefactError if the arrays do not fit together."""
        users, items, level = (np.asarray(arrays.get(name)) for name in ("users", "items", "level"))
        sound = (
            users.ndim == items.ndim == 2
            and users.shape[1] == items.shape[1]
            and min(len(users), len(items)) > 0
            and users.dtype == items.dtype == np.float32
            and level.shape == (3,)
            and level.dtype == np.float64
            and all(np.isfinite(array).all() for array in (users, items, level))
            and level[1] <= level[0] <= level[2]
        )
        if not sound:
            raise ArtefactError(
                "The arrays users, items and level do not make a model of ratings.",
                remedy="Fit the model again, or restore the artefact from a backup.",
            )
        return cls(users, items, *level.tolist())


class FactorModel(Generic[Config]):
    """What rating models share that end in factors.

    Learned: `factors_`.
    """

    factors_: Factors

    def __init__(self, config: Config) -> None:
        self.config = config

    def predict(
        self, users: NDArray[np.integer], items: NDArray[np.integer]
    ) -> NDArray[np.float64]:
        """Predict each pair; see `RatingModel.predict`."""
        return self._fitted().predict(users, items)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the factors; see `RatingModel.arrays`."""
        return self._fitted().arrays()

    @classmethod
    def from_arrays(cls, config: Config, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Make a fitted model again; see `RatingModel.from_arrays`."""
        model = cls(config)
        model.factors_ = Factors.from_arrays(arrays)
        return model

    def _fitted(self) -> Factors:
        """Return the factors, or say that there are none yet."""
        if not hasattr(self, "factors_"):
            raise NotFittedError(type(self).__name__)
        return self.factors_
