"""A published model in memory, with what rules need to know of its items."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np
import pyarrow.compute as pc

from recomart.ranking import Champion
from recomart.ranking.rules import Likeness, Rules, too_recent
from recomart.ranking.shop import Fresh
from recomart.serving.near_duplicates import near_duplicates
from recomart.serving.words import Filters, State
from recomart.vocabulary import CANCEL, DAY_US, EVENT_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from recomart.features.online import OnlineFeatures
    from recomart.lake import Lake, Manifest
    from recomart.serving.sessions import Happened
    from recomart.settings import ServingSettings

NO_FILTERS = Filters()
NOTHING = np.empty(0, dtype=np.int32)


@dataclass(frozen=True)
class Served:
    """A champion, never changed; another takes its place whole.

    strengths  of an interaction, by event type
    """

    champion: Champion
    state: State
    strengths: dict[str, float]
    settings: ServingSettings

    @classmethod
    def load(
        cls, lake: Lake, online: OnlineFeatures, manifest: Manifest, settings: ServingSettings
    ) -> Served:
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
        strengths = cast("dict[str, float]", details["strengths"])
        return cls(champion, state, strengths, settings)

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

    def too_recent(self, row: int, happened: Iterable[Happened], now_us: int) -> NDArray[np.int32]:
        """Return the items that a visitor acted on so lately that they are held back.

        row       in the id map of users, -1 for one who is not in it
        happened  since the model learned
        """
        if not self.settings.cool_off_days:
            return NOTHING
        shop, ending = self.champion.shop, {CANCEL, *self.settings.cool_off_days}
        span = slice(*shop.history.indptr[row : row + 2].tolist()) if row >= 0 else slice(0)
        had = shop.history.indices[span], shop.types[span], shop.last_us[span]
        fresh = []
        for event in happened:
            item = shop.index_of(event.item_id) if event.event_type in ending else -1
            if item >= 0:
                fresh.append(Fresh(item, EVENT_TYPES.index(event.event_type), 0, event.occurred_us))
        return too_recent(self._spans_us, had, fresh, now_us)

    def rules(self, filters: Filters = NO_FILTERS, cooling: NDArray[np.int32] = NOTHING) -> Rules:
        """Make the rules of one list; `cooling`: items that are held back from this visitor."""
        lets_in = {}
        if filters.only_available and self._available is not None:
            lets_in["unavailable"] = self._available
        if filters.categories:
            codes = [k for k, name in enumerate(self._categories) if name in filters.categories]
            lets_in["category"] = np.isin(self._category_codes, codes)
        if (filters.min_price, filters.max_price) != (None, None):
            low = -np.inf if filters.min_price is None else filters.min_price
            high = np.inf if filters.max_price is None else filters.max_price
            lets_in["price"] = (self._prices >= low) & (self._prices <= high)
        out = {
            "blocked": self._blocked,
            "excluded": self._indices(filters.exclude),
            "cool_off": cooling,
        }
        keeps_out = {rule: items for rule, items in out.items() if len(items)}
        most = filters.max_per_category or self.settings.max_per_category
        return Rules(self.state.n_items, lets_in, keeps_out, self._likeness(most))

    def _likeness(self, most: int | None) -> Likeness | None:
        if most is None and self.groups is None:
            return None
        return Likeness(self._category_codes, most, self.groups)

    def _indices(self, item_ids: Iterable[str]) -> NDArray[np.int32]:
        found = (self.champion.shop.index_of(item) for item in item_ids)
        return np.array([index for index in found if index >= 0], dtype=np.int32)

    @cached_property
    def groups(self) -> NDArray[np.int32] | None:
        """Near-duplicates: int32, shape (n_items,); None where there are none, or may be shown."""
        if self.settings.near_duplicates == "show":
            return None
        titles = self.champion.shop.items["title"].combine_chunks()
        return near_duplicates(titles, self._category_codes, self.settings.variant_words)

    @cached_property
    def _spans_us(self) -> NDArray[np.int64]:
        days = cast("dict[str, float]", self.settings.cool_off_days)
        return np.array([days.get(kind, 0) * DAY_US for kind in EVENT_TYPES], dtype=np.int64)

    @cached_property
    def _blocked(self) -> NDArray[np.int32]:
        return self._indices(self.settings.blocked)

    @cached_property
    def _available(self) -> NDArray[np.bool_] | None:
        """What is not known to be away: bool, shape (n_items,); None: everything."""
        column = self.champion.shop.items["available"].combine_chunks().fill_null(True)  # noqa: FBT003
        may = column.to_numpy(zero_copy_only=False).astype(bool)
        return None if may.all() else may

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
