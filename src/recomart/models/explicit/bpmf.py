"""BPMF: Bayesian probabilistic matrix factorisation, by Gibbs sampling.

Salakhutdinov and Mnih, "Bayesian Probabilistic Matrix Factorization using Markov Chain Monte
Carlo", ICML 2008; with the precision of the noise sampled too, as in their section 3.1. Users and
items have a Gaussian prior each, whose mean takes what biases would.

The prediction is the mean over samples, ``sum_s x_u(s) . y_i(s) / n_samples``. That is one product
of all the samples' vectors, one after the other: so they are kept, and a prediction stays quick.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, Field
from scipy.sparse import csr_array

from recomart.models.explicit.factors import FactorModel, Factors
from recomart.models.explicit.normal_equations import normal_equations
from recomart.models.explicit.ratings import by_appearance, to_learn_from

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Self

    from recomart.models.explicit.ratings import Ratings

    Floats = NDArray[np.float64]

INIT_STD = 0.1
"""Standard deviation of the vectors that the chain starts from."""
PRIOR_WEIGHT = 2.0
"""How many observations the prior mean of 0 counts as: the paper's β0."""
ROWS_AT_ONCE = 1024
"""Rows whose normal equations are held at once."""


class BPMFConfig(BaseModel, frozen=True, extra="forbid"):
    """Hyper-parameters of `BPMF`. Regularisation is none of them: it is sampled."""

    embedding_size: int = Field(16, gt=0, description="length of a vector in one sample")
    burn_in: int = Field(40, ge=0, description="samples left out, until the chain has settled")
    samples: int = Field(60, gt=0, description="samples averaged")
    seed: int = Field(0, ge=0, description="of the chain")


@dataclass(frozen=True, slots=True)
class Prior:
    """A Gaussian: mean, shape (size,), and precision, shape (size, size)."""

    mean: Floats
    precision: Floats


class BPMF(FactorModel[BPMFConfig]):
    """Predict the mean of ``x_u . y_i`` over samples of the posterior.

    A user or an item without ratings has the means of the prior.
    """

    def __init__(self, config: BPMFConfig | None = None) -> None:
        super().__init__(config or BPMFConfig())

    def fit(self, ratings: Ratings) -> Self:
        """Sample; see `RatingModel.fit`."""
        ratings = to_learn_from(ratings)
        (raters, users), (rated, items) = by_appearance(ratings.users), by_appearance(ratings.items)
        mean, scale = float(ratings.values.mean()), float(ratings.values.std()) or 1.0
        chain = Chain(self.config, (ratings.values - mean) / scale, users, items)
        size, n_samples = self.config.embedding_size, self.config.samples
        wide = [
            np.empty((n + 1, n_samples, size), dtype=np.float32)
            for n in (ratings.n_users, ratings.n_items)
        ]
        for _ in range(self.config.burn_in):
            chain.sample()
        for sample in range(n_samples):
            chain.sample()
            for side, present, vectors, prior in zip(
                wide, (raters, rated), (chain.users, chain.items), chain.priors, strict=True
            ):
                side[:, sample] = prior.mean
                side[present, sample] = vectors
        left, right = (side.reshape(len(side), -1) for side in wide)
        left *= np.float32(scale / n_samples)
        lowest, highest = float(ratings.values.min()), float(ratings.values.max())
        self.factors_ = Factors(left, right, min(max(mean, lowest), highest), lowest, highest)
        return self


class Chain:
    """A Gibbs sampler: priors given vectors, vectors given priors and ratings, noise given all."""

    def __init__(
        self,
        config: BPMFConfig,
        values: Floats,
        users: NDArray[np.int64],
        items: NDArray[np.int64],
    ) -> None:
        """Start from small random vectors; `values` have mean 0 and standard deviation 1."""
        self._rng = np.random.default_rng(config.seed)
        self._values, self._rows, self._columns = values, users, items
        shape = int(users.max()) + 1, int(items.max()) + 1
        self._by_user = csr_array((values, (users, items)), shape=shape)
        self._by_item = csr_array(self._by_user.T.tocsr())
        self.users, self.items = (
            INIT_STD * self._rng.standard_normal((n, config.embedding_size)) for n in shape
        )
        self._noise = 1.0  # precision, as if nothing were explained yet
        self.priors = (self._prior(self.users), self._prior(self.items))

    def sample(self) -> None:
        """Draw everything once."""
        of_users = self._prior(self.users)
        self.users = self._vectors(self._by_user, self.items, of_users)
        of_items = self._prior(self.items)
        self.items = self._vectors(self._by_item, self.users, of_items)
        self.priors = (of_users, of_items)
        products = np.einsum("rs,rs->r", self.users[self._rows], self.items[self._columns])
        errors = self._values - products
        # the prior of the precision is Gamma(1/2, 1/2): one observation of variance 1
        rate = (1 + float(errors @ errors)) / 2
        self._noise = float(self._rng.gamma((1 + len(errors)) / 2, 1 / rate))

    def _prior(self, vectors: Floats) -> Prior:
        """Draw a prior given its vectors: Gauss-Wishart, equation 14 of the paper."""
        n, size = vectors.shape
        mean = vectors.mean(axis=0)
        scatter = (vectors - mean).T @ (vectors - mean)
        shrunk = PRIOR_WEIGHT * n / (PRIOR_WEIGHT + n) * np.outer(mean, mean)
        scale = np.linalg.cholesky(np.linalg.inv(np.eye(size) + scatter + shrunk))
        drawn = np.tril(self._rng.standard_normal((size, size)), -1)  # Bartlett
        drawn += np.diag(np.sqrt(self._rng.chisquare(size + n - np.arange(size))))
        root = scale @ drawn
        noise = np.linalg.solve(root.T, self._rng.standard_normal(size))
        centre = n * mean / (PRIOR_WEIGHT + n) + noise / np.sqrt(PRIOR_WEIGHT + n)
        return Prior(centre, root @ root.T)

    def _vectors(self, targets: csr_array, fixed: Floats, prior: Prior) -> Floats:
        """Draw the vectors of one side given the other: equation 11 of the paper."""
        blocks = []
        for start in range(0, targets.shape[0], ROWS_AT_ONCE):
            squares, sums = normal_equations(targets[start : start + ROWS_AT_ONCE], fixed)
            lower = np.linalg.cholesky(prior.precision + self._noise * squares)
            right = self._noise * sums + prior.precision @ prior.mean
            half = np.linalg.solve(lower, right[:, :, None])
            half += self._rng.standard_normal(half.shape)
            blocks.append(np.linalg.solve(lower.transpose(0, 2, 1), half)[:, :, 0])
        return np.concatenate(blocks)
