"""The rules of a list, as settings name them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from recomart.settings.views import Section

HeldBackAfter = Literal["view", "click", "add_to_cart", "purchase", "rate"]
DaysHeld = dict[HeldBackAfter, Annotated[float, Field(gt=0, le=3_650)]]
NearDuplicates = Literal["hide", "show"]


class RuleOverrides(Section):
    """Rules that a variant has of its own; null: as `serving` says."""

    exclude_seen: bool | None = Field(None, description="leave out what the user had")
    blocked: tuple[str, ...] | None = Field(None, description="items that are never recommended")
    cool_off_days: DaysHeld | None = Field(
        None, description="by event type, days for which an item is held back after it"
    )
    max_per_category: int | None = Field(
        None, gt=0, description="items of one category in a list before others take their turn"
    )
    near_duplicates: NearDuplicates | None = Field(
        None, description="hide: the same thing in two colours is in a list once"
    )

    def given(self) -> dict[str, object]:
        """Return those that are given, by the names they have in `serving`."""
        return {name: value for name, value in self if value is not None}
