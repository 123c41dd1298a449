"""Content: items alike by what they are, whoever took them.

Words, categories, brands and prices as TF-IDF, compared by the cosine: Pazzani and Billsus,
"Content-Based Recommendation Systems", The Adaptive Web, 2007. An item that nobody took yet is
found by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field
from scipy.sparse import csr_array

from recomart.models.item_to_item import ItemToItem, ItemToItemConfig
from recomart.models.sparse import nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Self

    from recomart.models.interactions import Interactions

MOST_ITEMS = 2_000
"""A feature of more items tells little, and would compare each of them with all the others."""


class ContentConfig(ItemToItemConfig, frozen=True, extra="forbid"):
    """Hyper-parameters of `Content`.

    Everything is like something, so that its weights are many where those of other models are few:
    on 380,000 items 200 a column took 580 MB, as much as all other models together.
    """

    neighbours: int = Field(100, gt=0, description="weights kept per recommended item")


class Content(ItemToItem[ContentConfig]):
    """Item-to-item model: ``w[i, j] = c_i . c_j``, over `Interactions.content`, rows of length 1.

    Without content it has no opinion on anything.
    """

    def __init__(self, config: ContentConfig | None = None) -> None:
        super().__init__(config or ContentConfig())

    def fit(self, interactions: Interactions) -> Self:
        """Compare all items; see `Recommender.fit`."""
        n_items = interactions.shape[1]
        found = interactions.content
        nothing = csr_array(np.zeros((n_items, 1), dtype=np.float32))
        content = telling(nothing if found is None else found)
        self.weights_ = nearest(content, csr_array(content.T.tocsr()), self.config.neighbours)
        return self


def telling(content: csr_array) -> csr_array:
    """Return content without the features of more than `MOST_ITEMS` items."""
    n_items = np.bincount(content.indices, minlength=content.shape[1])
    data = np.where(n_items[content.indices] > MOST_ITEMS, 0, content.data)
    kept = csr_array((data, content.indices, content.indptr), shape=content.shape, copy=True)
    kept.eliminate_zeros()
    return kept


def mapped(
    content: csr_array, vectors: NDArray[np.float32], heard: NDArray[np.bool_], ridge: float
) -> NDArray[np.float32]:
    """Return vectors of the items that are not `heard` of, by what they are: float32.

    content  shape (n_items, n_features)
    vectors  shape (n_items, size), learned where `heard`, 0 elsewhere
    ridge    pull of the map to 0

    The map W minimises ``|C W - Y|**2 + ridge |W|**2`` over the items that were heard of: the
    linear map of Gantner, Drumond, Freudenthaler, Rendle and Schmidt-Thieme, "Learning
    Attribute-to-Feature Mappings for Cold-Start Recommendations", ICDM 2010.
    """
    known = csr_array(content[heard])
    turned = csr_array(known.T.tocsr())
    answer = _conjugate_gradients(known, turned, turned @ vectors[heard], ridge)
    found: NDArray[np.float32] = vectors.copy()
    found[~heard] = csr_array(content[~heard]) @ answer
    return found


ROUNDS = 20
"""Of conjugate gradients; the map changes little after."""


def _conjugate_gradients(
    known: csr_array, turned: csr_array, right: NDArray[np.float32], ridge: float
) -> NDArray[np.float32]:
    """Solve ``(C' C + ridge) W = right`` for all columns at once (Hestenes and Stiefel, 1952)."""
    answer = np.zeros_like(right)
    left_over, step = right.copy(), right.copy()
    size = np.square(left_over).sum(axis=0)
    for _ in range(ROUNDS):
        product = turned @ (known @ step) + np.float32(ridge) * step
        along = (step * product).sum(axis=0)
        length = np.divide(size, along, out=np.zeros_like(size), where=along > 0)
        answer += length * step
        left_over -= length * product
        new = np.square(left_over).sum(axis=0)
        step = left_over + np.divide(new, size, out=np.zeros_like(size), where=size > 0) * step
        size = new
    return answer
