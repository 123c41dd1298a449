"""The ranker: gradient boosted trees that order candidates (CatBoost).

Prokhorenkova et al., "CatBoost: unbiased boosting with categorical features", NeurIPS 2018; the
losses: Gulin, Kuralenok and Pavlov, "Winning the transfer learning track of Yahoo!'s learning to
rank challenge with YetiRank", 2011.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import BaseModel, ValidationError

from recomart.errors import ArtefactError, BadInputError, MissingExtraError
from recomart.models.parallel import threads_here
from recomart.models.sparse import place_in_row
from recomart.ranking.knowledge import RANK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from recomart.settings import RankingSettings

TREES, DESCRIPTION = "ranker.cbm", "ranker.json"
DECIDES = "NDCG:top=10"
"""What training stops by; the losses are compared by the same."""
CHOOSE_ROWS, CHOOSE_TREES = 20_000, 100
"""Rows and trees with which the losses are compared."""
K = 10
PATIENCE = 50
"""Trees without a better `DECIDES` after which training stops."""


class RankerDescription(BaseModel, frozen=True, extra="forbid"):
    """What `ranker.json` says."""

    format: Literal[1] = 1
    loss: str
    columns: tuple[str, ...]
    n_trees: int
    tried: dict[str, float]
    cold_order: str | None
    sha256: str


@dataclass(frozen=True)
class Rows:
    """Candidates with what is known of them, for fitting and judging.

    matrix  float32, shape (n_rows, n_columns), NaN where unknown
    labels  int64, 1 where it was wanted
    groups  int64, never falling: rows of one list
    """

    matrix: NDArray[np.float32]
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]

    def some(self, most: int, seed: int) -> Rows:
        """Return lists drawn at random, of at most about `most` rows together."""
        groups, sizes = np.unique(self.groups, return_counts=True)
        order = np.random.default_rng(seed).permutation(len(groups))
        chosen = groups[order[: max(1, int(np.searchsorted(np.cumsum(sizes[order]), most)))]]
        kept = np.isin(self.groups, chosen)
        return self.take(kept)

    def ndcg(self, scores: NDArray[np.floating]) -> float:
        """Return the mean NDCG@10 of the lists that these scores make of the rows."""
        order = np.lexsort((-scores, self.groups))
        ideal = np.lexsort((-self.labels, self.groups))
        ranks = place_in_row(self.groups)
        discount = np.where(ranks < K, 1 / np.log2(ranks + 2), 0)
        _, lists = np.unique(self.groups, return_inverse=True)
        gain, best = (np.bincount(lists, self.labels[o] * discount) for o in (order, ideal))
        return float((gain[best > 0] / best[best > 0]).mean())

    def take(self, kept: NDArray[np.bool_]) -> Rows:
        """Return some of them."""
        return Rows(self.matrix[kept], self.labels[kept], self.groups[kept])

    def pool(self) -> Any:  # noqa: ANN401 -- CatBoost ships no types
        """Return them as CatBoost takes them."""
        import catboost

        return catboost.Pool(self.matrix, self.labels, group_id=self.groups)


class Ranker:
    """Fitted trees and the names of their columns.

    tried       NDCG@10 of the losses that were compared
    cold_order  the column of ranks that orders lists of users without a history, where the trees
                do that no better; none: the trees do
    """

    FILES = (TREES, DESCRIPTION)

    def __init__(self, body: bytes, loss: str, columns: Sequence[str]) -> None:
        import catboost

        self.trees: Any = catboost.CatBoost().load_model(blob=body)
        self._body = body
        self.loss = loss
        self.columns = tuple(columns)
        self.tried: dict[str, float] = {}
        self.cold_order: str | None = None

    @classmethod
    def fit(
        cls, columns: Sequence[str], learn: Rows, judge: Rows, settings: RankingSettings, seed: int
    ) -> Ranker:
        """Choose among the losses of the settings on some rows, then fit on all.

        The loss that orders `judge` best wins; `judge` also says when to stop.

        Raises BadInputError where there is nothing to learn, MissingExtraError.
        """
        if not is_installed():
            raise MissingExtraError("catboost", "rank")
        for name, rows in (("learn from", learn), ("judge by", judge)):
            if not rows.labels.any() or rows.labels.all():
                raise BadInputError(
                    f"The ranker has nothing to {name}: no row is wanted, or every row is.",
                    remedy="Lengthen `ranking.label_days`, or widen `evaluation.relevant`.",
                )
        tried: dict[str, float] = {}
        if len(settings.losses) > 1:
            some, few = learn.some(CHOOSE_ROWS, seed), min(CHOOSE_TREES, settings.trees)
            for loss in settings.losses:
                trees = _boosted(
                    loss, some, judge, settings.model_copy(update={"trees": few}), seed
                )
                tried[loss] = judge.ndcg(trees.predict(judge.matrix))
        best = max(tried, key=lambda loss: tried[loss], default=str(settings.losses[0]))
        ranker = cls(_bytes_of(_boosted(best, learn, judge, settings, seed)), best, columns)
        ranker.tried = tried
        return ranker

    def scores(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score rows, float32, shape (n_rows,); comparable within one list."""
        if not len(matrix):
            return np.zeros(0, dtype=np.float32)
        n_threads = 1 if len(matrix) < 2_000 else threads_here()
        scores: NDArray[np.float32] = self.trees.predict(matrix, thread_count=n_threads)
        return scores.astype(np.float32)

    def ordering(
        self, matrix: NDArray[np.float32], is_cold: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Score rows as `scores`; those of lists without a history by `cold_order`, if that is set.

        Comparable within one list.
        """
        scores = self.scores(matrix)
        if self.cold_order is not None and is_cold.any():
            ranks = matrix[is_cold, self.columns.index(self.cold_order)]
            scores[is_cold] = _by_rank(ranks)
        return scores

    def settle_cold(self, judge: Rows, is_cold: NDArray[np.bool_]) -> None:
        """Let a retriever order cold lists, if it does so at least as well as the trees.

        A history tells the trees most of what they know; without one they may do worse than the
        plain order of what is popular.
        """
        cold = judge.take(is_cold)
        if not cold.labels.any():
            return
        best = cold.ndcg(self.scores(cold.matrix))
        for place, name in enumerate(self.columns):
            if name.endswith(RANK):
                found = cold.ndcg(_by_rank(cold.matrix[:, place]))
                if found >= best:
                    best, self.cold_order = found, name

    def importance(self) -> dict[str, float]:
        """Return how much each column moves the score, in percent; the greatest first."""
        values = self.trees.get_feature_importance(type="PredictionValuesChange")
        order = np.argsort(-values, kind="stable")
        return {self.columns[place]: float(values[place]) for place in order}

    def shares(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return SHAP values, shape (n_rows, n_columns): what each column adds to the score.

        They sum to the score less its mean (Lundberg and Lee, NeurIPS 2017).
        """
        import catboost

        values = self.trees.get_feature_importance(catboost.Pool(matrix), type="ShapValues")
        shares: NDArray[np.float64] = values[:, :-1]
        return shares

    def to_files(self) -> dict[str, bytes]:
        """Return the artefact: CatBoost's own format, and JSON that says what it is."""
        body = self._body
        description = RankerDescription(
            loss=self.loss,
            columns=self.columns,
            n_trees=int(self.trees.tree_count_),
            tried=self.tried,
            cold_order=self.cold_order,
            sha256=hashlib.sha256(body).hexdigest(),
        )
        return {TREES: body, DESCRIPTION: (description.model_dump_json(indent=1) + "\n").encode()}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> Ranker:
        """Make it again. Raises ArtefactError for anything but what `to_files` wrote."""
        if not is_installed():
            raise MissingExtraError("catboost", "rank")
        for name in (TREES, DESCRIPTION):
            if name not in files:
                raise _refused(f"it has no file {name!r}")
        try:
            described = RankerDescription.model_validate_json(files[DESCRIPTION])
        except ValidationError as error:
            raise _refused(f"{DESCRIPTION} has {error.error_count()} fault(s)") from None
        if hashlib.sha256(files[TREES]).hexdigest() != described.sha256:
            raise _refused(f"{TREES} is not the file that {DESCRIPTION} speaks of")
        ranker = cls(files[TREES], described.loss, described.columns)
        if int(ranker.trees.tree_count_) != described.n_trees:
            raise _refused("its trees are not those described")
        ranker.tried, ranker.cold_order = dict(described.tried), described.cold_order
        return ranker


def is_installed() -> bool:
    """Whether the extra `rank` is there, with the pandas that CatBoost cannot do without."""
    try:
        import_module("catboost")
    except ImportError:
        return False
    return True


def _bytes_of(trees: Any) -> bytes:  # noqa: ANN401 -- CatBoost ships no types
    """Return what `save_model` writes to a file, without what differs from fit to fit."""
    metadata = trees.get_metadata()
    for key in ("model_guid", "train_finish_time"):
        metadata[key] = ""
    body: bytes = trees._serialize_model()  # noqa: SLF001 -- there is no other way but a file
    return body


def _by_rank(ranks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn ranks into scores; what has no rank comes last."""
    scores: NDArray[np.float32] = -np.where(np.isnan(ranks), np.float32(np.inf), ranks)
    return scores


def _boosted(loss: str, learn: Rows, judge: Rows, settings: RankingSettings, seed: int) -> Any:  # noqa: ANN401
    import catboost

    trees = catboost.CatBoost(
        {
            "loss_function": loss,
            "eval_metric": DECIDES,
            "iterations": settings.trees,
            "depth": settings.depth,
            "learning_rate": settings.learning_rate,
            "random_seed": seed,
            "od_type": "Iter",
            "od_wait": PATIENCE,
            "allow_writing_files": False,
            "logging_level": "Silent",
        }
    )
    return trees.fit(learn.pool(), eval_set=judge.pool(), use_best_model=True)


def _refused(why: str) -> ArtefactError:
    return ArtefactError(
        f"The stored ranker was refused: {why}.",
        remedy="Run `recomart train-ranker --force`, or restore the artefact from a backup.",
    )
