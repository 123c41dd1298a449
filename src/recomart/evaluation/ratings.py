"""How far predicted ratings are from given ones: in random folds, and on time not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recomart.errors import BadInputError
from recomart.evaluation.metrics import mae, rmse

if TYPE_CHECKING:
    from collections.abc import Callable

    from recomart.models.explicit import RatingModel, Ratings


@dataclass(frozen=True, slots=True)
class RatingErrors:
    """Errors on ratings that a model has not seen, in rating points."""

    rmse: float
    mae: float
    n_train: int
    n_test: int


@dataclass(frozen=True, slots=True)
class CrossValidation:
    """Errors fold by fold; means over the folds."""

    folds: tuple[RatingErrors, ...]

    @property
    def rmse(self) -> float:
        """Mean RMSE of the folds."""
        return float(np.mean([fold.rmse for fold in self.folds]))

    @property
    def mae(self) -> float:
        """Mean MAE of the folds."""
        return float(np.mean([fold.mae for fold in self.folds]))


def errors_of(model: RatingModel, train: Ratings, test: Ratings) -> RatingErrors:
    """Fit to `train`, predict `test`; both of the same id maps."""
    predicted = model.fit(train).predict(test.users, test.items)
    n_ratings = {"n_train": len(train), "n_test": len(test)}
    return RatingErrors(rmse(predicted, test.values), mae(predicted, test.values), **n_ratings)


def cross_validate(
    ratings: Ratings, make_model: Callable[[], RatingModel], n_folds: int = 5, seed: int = 0
) -> CrossValidation:
    """Hold each of `n_folds` random parts out once; of repeated ratings only the last takes part.

    Parts differ by at most one rating. Raises BadInputError for fewer than two folds, or for fewer
    ratings than folds.
    """
    ratings = ratings.latest()
    if not 2 <= n_folds <= len(ratings):
        raise BadInputError(
            f"{len(ratings):,} ratings cannot be cut into {n_folds} folds.",
            remedy="Choose at least 2 folds, and no more than there are ratings.",
        )
    fold = np.random.default_rng(seed).permutation(len(ratings)) % n_folds
    parts = ((ratings[fold != held], ratings[fold == held]) for held in range(n_folds))
    return CrossValidation(tuple(errors_of(make_model(), *part) for part in parts))


def split_in_time(ratings: Ratings, share: float) -> tuple[Ratings, Ratings]:
    """Return (train, test): one moment for all users; what comes from it on is about `share`.

    Ratings of the same moment stay together. Raises BadInputError where time is unknown, for a
    share not between 0 and 1, and where a side would be empty.
    """
    if ratings.occurred_us is None or not 0 < share < 1 or not len(ratings):
        raise BadInputError(
            f"{len(ratings):,} ratings cannot be split in time with share {share}.",
            remedy="Give ratings with `occurred_us`, and a share between 0 and 1.",
        )
    times = ratings.occurred_us
    moment = np.sort(times)[min(int((1 - share) * len(times)), len(times) - 1)]
    before = times < moment
    if not before.any():
        raise BadInputError(
            "No rating was given before the moment of the split.",
            remedy="Choose a smaller share, or give ratings of different moments.",
        )
    return ratings[before], ratings[~before]
