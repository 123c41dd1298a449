"""Beyond accuracy: how much of the catalogue is shown, how new, how varied, how popular."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, Field

from recomart.ranking.segments import is_tail

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array


class Beyond(BaseModel, frozen=True, extra="forbid"):
    """Figures over all lists of a model, cut at the same k; null where no list had an item."""

    catalogue_coverage: float = Field(description="share of the catalogue in at least one list")
    novelty: float | None = Field(description="mean self-information of what is shown, in bits")
    diversity: float | None = Field(description="mean of 1 - cosine of pairs of a list, by users")
    popularity: float | None = Field(description="mean popularity percentile of what is shown")
    exposure_gini: float | None = Field(description="inequality of exposure over the catalogue")
    tail_share: float | None = Field(description="share of places that hold an item of the tail")


def beyond(recommended: NDArray[np.int32], train: csr_array, k: int, sample: int = 500) -> Beyond:
    """Describe lists, int32, shape (n_users, n), -1 padded.

    Novelty is ``-log2(users of the item / users)``: Zhou et al., PNAS 107(10), 2010. Diversity:
    Ziegler et al., WWW 2005, over the first `sample` lists, items as vectors of their users.
    Gini of exposure: Fleder and Hosanagar, Management Science 55(5), 2009.
    """
    shown = recommended[:, :k]
    flat = shown[shown >= 0]
    n_users, n_items = train.shape
    users_of = np.bincount(train.indices, minlength=n_items)
    exposure = np.bincount(flat, minlength=n_items)
    coverage = float((exposure > 0).mean()) if n_items else 0.0
    if not len(flat):
        return Beyond(
            catalogue_coverage=coverage,
            novelty=None,
            diversity=None,
            popularity=None,
            exposure_gini=None,
            tail_share=None,
        )
    information = -np.log2(np.maximum(users_of, 1) / max(n_users, 1))
    return Beyond(
        catalogue_coverage=coverage,
        novelty=float(information[flat].mean()),
        diversity=_diversity(shown[:sample], train),
        popularity=float(_percentile(users_of)[flat].mean()),
        exposure_gini=_gini(exposure),
        tail_share=float(is_tail(users_of)[flat].mean()),
    )


def _percentile(users_of: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the share of items that are at most as popular."""
    ranked = np.sort(users_of)
    return np.searchsorted(ranked, users_of, side="right") / len(users_of)


def _gini(amounts: NDArray[np.int64]) -> float:
    ranked = np.sort(amounts).astype(np.float64)
    n = len(ranked)
    return float((2 * np.arange(1, n + 1) - n - 1) @ ranked / (n * ranked.sum()))


def _diversity(shown: NDArray[np.int32], train: csr_array) -> float | None:
    """Return the mean distance of the pairs of a list, over lists with at least two items."""
    vectors = train.astype(bool).astype(np.float64).T.tocsr()
    lengths = np.sqrt(np.maximum(np.diff(vectors.indptr), 1))
    found = []
    for row in shown:
        items = row[row >= 0]
        if len(items) > 1:
            cosine = (vectors[items] @ vectors[items].T).toarray()
            cosine /= np.outer(lengths[items], lengths[items])
            found.append(1 - (cosine.sum() - np.trace(cosine)) / (len(items) * (len(items) - 1)))
    return float(np.mean(found)) if found else None
