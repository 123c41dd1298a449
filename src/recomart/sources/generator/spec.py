"""What shop to make, and what was made."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, Field

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class ShopSpec(BaseModel, frozen=True, extra="forbid"):
    """A shop to make; the same spec gives the same bytes."""

    layout: Literal["basic", "retailrocket"] = "basic"
    n_users: int = Field(2_000, ge=1)
    n_items: int = Field(600, ge=3)
    n_events: int = Field(120_000, ge=1, description="without the dirty rows")
    days: int = Field(60, ge=1)
    seed: int = Field(7, ge=0)
    start: date = date(2026, 6, 1)
    dirt: float = Field(0.0, ge=0, le=0.5, description="dirty rows added, as a share of n_events")
    n_property_rows: int = Field(
        0, ge=0, description="of layout retailrocket; 0: fifty for each item"
    )

    @property
    def start_ms(self) -> int:
        """First instant of the shop, in milliseconds UTC."""
        midnight = datetime(self.start.year, self.start.month, self.start.day, tzinfo=timezone.utc)
        return int(midnight.timestamp()) * 1000


DEMO_SHOP = ShopSpec(dirt=0.01)
"""What `recomart demo` shows."""

RETAILROCKET_SHOP = ShopSpec(
    layout="retailrocket",
    n_users=1_407_580,
    n_items=417_053,
    n_events=2_756_101,
    days=138,
    start=date(2015, 5, 3),
    n_property_rows=20_275_902,
)
"""RetailRocket's size."""


@dataclass(frozen=True, slots=True)
class GeneratedShop:
    """The files of a made shop.

    events       one file a day (basic) or one file (retailrocket), in order of time
    categories   category and parent
    products     catalogue in the Fake Store shape (basic)
    ratings      explicit ratings (basic)
    properties   item properties over time (retailrocket)
    n_rows       rows of the event files, dirty ones included
    dirt_counts  rows added of each kind of dirt; `awkward_item_id` is legal, the others are not
    """

    spec: ShopSpec
    folder: Path
    events: tuple[Path, ...]
    categories: Path
    n_rows: int
    products: Path | None = None
    ratings: Path | None = None
    properties: tuple[Path, ...] = ()
    dirt_counts: Mapping[str, int] = field(default_factory=dict)
