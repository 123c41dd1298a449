"""Matrix factorisation in three calls, from a table with ids: fit, recommend_items, predict."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, ValidationError
from scipy.sparse import csr_array

from recomart.errors import BadInputError, NotFittedError
from recomart.models.explicit.factors import Factors
from recomart.models.explicit.positives import PositivesConfig, learn_positives
from recomart.models.explicit.svd import SVD, SVDConfig
from recomart.models.explicit.tables import TrainingTable, read_table
from recomart.models.kinds import ModelKind
from recomart.models.npz import ArrayDescription, describe, pack, refused, unpack
from recomart.models.selection import top_n

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from typing_extensions import Self

DESCRIPTION, ARRAYS = "model.json", "arrays.npz"


@dataclass(frozen=True, slots=True)
class ScoredItem:
    """A recommended item, with what `predict` says of it."""

    item_id: str
    score: float


class Description(BaseModel, frozen=True, extra="forbid"):
    """What `model.json` says."""

    format: Literal[1]
    kind: Literal["matrix_factorization"]
    n_factors: int
    seed: int
    user_ids: tuple[str, ...]
    item_ids: tuple[str, ...]
    arrays: dict[str, ArrayDescription]
    arrays_sha256: str


@dataclass(frozen=True, slots=True)
class Learned:
    """What `fit` leaves: id maps, factors, and what each user had, shape (n_users, n_items)."""

    users: dict[str, int]
    items: dict[str, int]
    factors: Factors
    known: csr_array


class MatrixFactorizationRecommender:
    """Recommend from ratings, or from what was taken.

    From a table with a column `rating` it learns `SVD`; without one, each distinct pair of user
    and item is 1, and drawn pairs that are not there are 0, anew each epoch: see
    `recomart.models.explicit.positives`.

    n_factors  length of a vector; 0: only biases
    seed       of everything random
    """

    def __init__(self, n_factors: int = 50, *, seed: int = 0) -> None:
        """Raise SettingsError for numbers below 0."""
        options: dict[str, object] = {"embedding_size": n_factors, "seed": seed}
        ModelKind(type(self), SVDConfig).configure(options)  # refuses what does not fit
        self._ratings = SVDConfig(embedding_size=n_factors, seed=seed)
        self._positives = PositivesConfig(embedding_size=n_factors, seed=seed)
        self.n_factors, self.seed = n_factors, seed

    def fit(self, train: object) -> Self:
        """Learn from a table with the string columns user_id and item_id, starting afresh.

        It may have the columns rating, finite numbers, and occurred_us, integers of µs UTC. Of
        several ratings of a pair the last in time counts, else the last row. `train` is a
        pyarrow.Table, a data frame of pandas or Polars, or a mapping of columns. Raises
        BadInputError for anything else, and where there are no rows.
        """
        table = read_table(train)
        ratings = table.ratings
        ones = np.ones(len(ratings), dtype=np.float32)
        shape = (ratings.n_users, ratings.n_items)
        known = csr_array((ones, (ratings.users, ratings.items)), shape=shape)
        known.sum_duplicates()
        users, items = _places(table.user_ids), _places(table.item_ids)
        self._learned = Learned(users, items, self._learn(table, known), known)
        return self

    def recommend_items(
        self,
        user_id: str,
        n_recommendations: int = 10,
        exclude_known: bool = True,  # noqa: FBT001, FBT002 -- part of a given interface
    ) -> list[ScoredItem]:
        """Rank items for a user, best first, without those of the training table.

        There are `n_recommendations`, or as many as are left: none for a user who knows every
        item. A user who is not known gets the order of the items' biases. Raises BadInputError
        for less than one item, NotFittedError before `fit`.
        """
        learned = self._fitted()
        if n_recommendations < 1:
            raise BadInputError(
                f"A list of {n_recommendations} items was asked for.",
                remedy="Ask for at least one item.",
            )
        user = learned.users.get(user_id, -1)
        products = learned.factors.products(user)
        if exclude_known and user >= 0:
            products[learned.known[[user]].indices] = -np.inf
        top = top_n(products[None], min(n_recommendations, len(products)))
        kept = top.items[0] >= 0
        scores = learned.factors.held(top.scores[0, kept])
        item_ids = list(learned.items)
        return [
            ScoredItem(item_ids[item], score)
            for item, score in zip(top.items[0, kept].tolist(), scores.tolist(), strict=True)
        ]

    def predict(self, user_id: str, item_id: str) -> float:
        """Predict a rating, within those learned from; without ratings a score from 0 to 1.

        What is not known of the two adds nothing: an unknown user and an unknown item together
        are given the mean. Raises NotFittedError before `fit`.
        """
        learned = self._fitted()
        user, item = learned.users.get(user_id, -1), learned.items.get(item_id, -1)
        return float(learned.factors.predict(np.array([user]), np.array([item]))[0])

    def save(self) -> dict[str, bytes]:
        """Return the files of what was learned by name; the same gives the same bytes."""
        learned = self._fitted()
        arrays: dict[str, NDArray[np.generic]] = {
            **learned.factors.arrays(),
            "known_items": learned.known.indices.astype(np.int32),
            "known_starts": learned.known.indptr.astype(np.int64),
        }
        packed = pack(arrays)
        description = Description(
            format=1,
            kind="matrix_factorization",
            n_factors=self.n_factors,
            seed=self.seed,
            user_ids=tuple(learned.users),
            item_ids=tuple(learned.items),
            arrays=describe(arrays),
            arrays_sha256=hashlib.sha256(packed).hexdigest(),
        )
        text = description.model_dump_json(indent=2) + "\n"
        return {DESCRIPTION: text.encode(), ARRAYS: packed}

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> Self:
        """Make it again. Raises ArtefactError for anything but what `save` wrote."""
        for name in (DESCRIPTION, ARRAYS):
            if name not in files:
                raise refused(f"it has no file {name!r}")
        try:
            said = Description.model_validate_json(files[DESCRIPTION])
            model = cls(said.n_factors, seed=said.seed)
        except ValidationError as error:
            raise refused(f"{DESCRIPTION} has {error.error_count()} fault(s)") from None
        except BadInputError as error:
            raise refused(error.cause) from None
        if hashlib.sha256(files[ARRAYS]).hexdigest() != said.arrays_sha256:
            raise refused(f"{ARRAYS} is not the file that {DESCRIPTION} was written with")
        arrays = unpack(files[ARRAYS], said.arrays)
        users, items = _places(said.user_ids), _places(said.item_ids)
        factors, known = Factors.from_arrays(arrays), _known(arrays, (len(users), len(items)))
        if (len(factors.users), len(factors.items)) != (len(users) + 1, len(items) + 1):
            raise refused("it does not have one vector an id")
        model._learned = Learned(users, items, factors, known)
        return model

    def _learn(self, table: TrainingTable, known: csr_array) -> Factors:
        """Learn from ratings, or from what was taken."""
        if table.has_ratings:
            return SVD(self._ratings).fit(table.ratings).factors_
        descent = learn_positives(known, self._positives)
        return Factors(descent.users, descent.items, self._positives.mean, 0.0, 1.0)

    def _fitted(self) -> Learned:
        """Return what was learned, or say that there is nothing yet."""
        if not hasattr(self, "_learned"):
            raise NotFittedError(type(self).__name__)
        return self._learned


def _places(ids: tuple[str, ...]) -> dict[str, int]:
    """Return the place of each id."""
    return {name: place for place, name in enumerate(ids)}


def _known(arrays: Mapping[str, NDArray[np.generic]], shape: tuple[int, int]) -> csr_array:
    """Make the matrix of what users had again. Raises ArtefactError if the arrays make none."""
    items, starts = (np.asarray(arrays.get(f"known_{part}")) for part in ("items", "starts"))
    sound = (
        items.dtype == np.int32
        and starts.dtype == np.int64
        and items.ndim == 1
        and starts.shape == (shape[0] + 1,)
        and starts[0] == 0
        and starts[-1] == len(items)
        and bool((np.diff(starts) >= 0).all())
        and bool(((items >= 0) & (items < shape[1])).all())
    )
    if not sound:
        raise refused("what users had is no matrix of users and items")
    return csr_array((np.ones(len(items), dtype=np.float32), items, starts), shape=shape)
