"""Explicit feedback: what a user would rate an item, learned from ratings.

Reads    ratings, users and items as dense indices (`Ratings`)
Writes   arrays, as the other models do
Imports  errors, and what models share; never evaluation

`SVD` is quick to learn and small, `BPMF` errs less.
"""

from recomart.models.explicit.bpmf import BPMF, BPMFConfig
from recomart.models.explicit.ratings import RatingModel, Ratings
from recomart.models.explicit.svd import SVD, SVDConfig

__all__ = ["BPMF", "SVD", "BPMFConfig", "RatingModel", "Ratings", "SVDConfig"]
