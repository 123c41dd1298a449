"""SVD: ratings from biases and vectors, by stochastic gradient descent. Source: `descent`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recomart.models.explicit.descent import Descent, DescentConfig, Samples
from recomart.models.explicit.factors import FactorModel, Factors
from recomart.models.explicit.ratings import to_learn_from

if TYPE_CHECKING:
    from typing_extensions import Self

    from recomart.models.explicit.ratings import Ratings


class SVDConfig(DescentConfig, frozen=True, extra="forbid"):
    """Hyper-parameters of `SVD`."""


class SVD(FactorModel[SVDConfig]):
    """Predict ``mean + b_u + b_i + x_u . y_i``.

    A user or an item without ratings has bias and vector 0. With `embedding_size` 0 it is the
    baseline of mean and biases.
    """

    def __init__(self, config: SVDConfig | None = None) -> None:
        super().__init__(config or SVDConfig())

    def fit(self, ratings: Ratings) -> Self:
        """Descend `epochs` times over the ratings; see `RatingModel.fit`."""
        ratings = to_learn_from(ratings)
        mean = float(ratings.values.mean())
        shape = ratings.n_users, ratings.n_items
        descent = Descent(self.config, ratings.users, ratings.items, shape)
        values = (ratings.values - mean).astype(np.float32)
        samples = Samples(ratings.users, ratings.items, values)
        for _ in range(self.config.epochs):
            descent.epoch(samples)
        lowest, highest = float(ratings.values.min()), float(ratings.values.max())
        mean = min(max(mean, lowest), highest)  # it may be rounded beyond equal ratings
        self.factors_ = Factors(descent.users, descent.items, mean, lowest, highest)
        return self
