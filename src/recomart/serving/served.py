"""A published model in memory, with what rules need to know of its items."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np
import pyarrow.compute as pc

from recomart.ranking import Champion
from recomart.ranking.shop import Fresh
from recomart.serving.words import State
from recomart.vocabulary import EVENT_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from recomart.features.online import OnlineFeatures
    from recomart.lake import Lake, Manifest
    from recomart.serving.sessions import Happened
    from recomart.serving.words import Filters


@dataclass(frozen=True)
class Served:
    """A champion, never changed; another takes its place whole.

    strengths  of an interaction, by event type
    """

    champion: Champion
    state: State
    strengths: dict[str, float]

    @classmethod
    def load(cls, lake: Lake, online: OnlineFeatures, manifest: Manifest) -> Served:
        """Load a published model, every byte checked. Raises ArtefactError, IntegrityError."""
        champion = Champion.load(lake, online, manifest)
        details = manifest.details
        state = State(
            model=champion.name,
            version=manifest.version,
            number=manifest.number,
            published_at=manifest.created_at,
            newest_event_us=int(str(details["now_us"])) - 1,
            n_items=len(champion.shop.items),
            n_users=len(champion.shop.users),
        )
        return cls(champion, state, cast("dict[str, float]", details["strengths"]))

    def fresh(self, happened: Iterable[Happened]) -> list[Fresh]:
        """Turn what happened into what a history takes up; unknown items are passed over."""
        found = []
        for event in happened:
            item = self.champion.shop.index_of(event.item_id)
            strength = self.strengths.get(event.event_type, 0.0)
            if item >= 0 and strength:
                kind = EVENT_TYPES.index(event.event_type)
                found.append(Fresh(item, kind, strength, event.occurred_us))
        return found

    def allowed(self, filters: Filters, blocked: frozenset[str]) -> NDArray[np.bool_] | None:
        """Return which items may be in a list: bool, shape (n_items,); None: all of them."""
        may = self._available if filters.only_available else self._everything
        if filters.categories:
            codes = [k for k, name in enumerate(self._categories) if name in filters.categories]
            may = may & np.isin(self._category_codes, codes)
        if filters.min_price is not None:
            may = may & (self._prices >= filters.min_price)
        if filters.max_price is not None:
            may = may & (self._prices <= filters.max_price)
        out = [self.champion.shop.index_of(item) for item in {*filters.exclude, *blocked}]
        if any(index >= 0 for index in out):
            may = may.copy()
            may[[index for index in out if index >= 0]] = False
        return None if may is self._everything else may

    @cached_property
    def _everything(self) -> NDArray[np.bool_]:
        return np.ones(self.state.n_items, dtype=bool)

    @cached_property
    def _available(self) -> NDArray[np.bool_]:
        """An item of which nothing is known is taken to be there."""
        column = self.champion.shop.items["available"].combine_chunks().fill_null(True)  # noqa: FBT003
        may = column.to_numpy(zero_copy_only=False).astype(bool)
        return self._everything if may.all() else may

    @cached_property
    def _prices(self) -> NDArray[np.float64]:
        column = self.champion.shop.items["price"].combine_chunks()
        prices: NDArray[np.float64] = column.fill_null(np.nan).to_numpy(zero_copy_only=False)
        return prices

    @cached_property
    def _encoded(self) -> tuple[list[str | None], NDArray[np.int32]]:
        encoded = pc.dictionary_encode(self.champion.shop.items["category_id"].combine_chunks())
        codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        return encoded.dictionary.to_pylist(), codes

    @property
    def _categories(self) -> list[str | None]:
        return self._encoded[0]

    @property
    def _category_codes(self) -> NDArray[np.int32]:
        return self._encoded[1]
