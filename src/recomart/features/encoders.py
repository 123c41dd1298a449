"""Encoders: what is learned from the past to turn words and prices into numbers.

Fitted on what was known before a moment, kept as an artefact, used again at inference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import ibis
import pyarrow as pa
from pydantic import BaseModel, Field, ValidationError

from recomart.errors import ArtefactError

if TYPE_CHECKING:
    from ibis.expr.types import FloatingValue, Table

UNKNOWN = 0
"""Code of a category that was not known when the encoder was fitted."""


class Encoders(BaseModel, frozen=True, extra="forbid"):
    """Category codes from 1 on, in the order of their names, and the range of prices."""

    format: Literal[1] = 1
    fitted_before_us: int
    categories: dict[str, int]
    price_min: float | None = Field(description="lowest price seen; null where there was none")
    price_max: float | None

    def codes(self) -> pa.Table:
        """Return `category_id` and its `code`, one row a category."""
        return pa.table(
            {
                "category_id": pa.array(self.categories.keys(), pa.string()),
                "code": pa.array(self.categories.values(), pa.int64()),
            }
        )

    def scaled_price(self, price: FloatingValue) -> FloatingValue:
        """Return a price as 0 … 1 within the range seen; what lies outside is cut."""
        if self.price_min is None or self.price_max is None or self.price_max <= self.price_min:
            return ibis.ifelse(price.isnull(), ibis.null("float64"), 0.0)
        scaled = (price - self.price_min) / (self.price_max - self.price_min)
        return scaled.clip(0.0, 1.0)

    @classmethod
    def from_json(cls, data: bytes) -> Encoders:
        """Read what `model_dump_json` wrote. Raises ArtefactError for anything else."""
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            raise ArtefactError(
                f"The stored encoders were refused: {error.error_count()} fault(s).",
                remedy="Run `recomart build-features --force`.",
            ) from None


def fit_encoders(events: Table, before_us: int) -> Encoders:
    """Learn categories and the range of prices from events before a moment."""
    past = events.filter((events.occurred_us < before_us) & (events.arrived_us < before_us))
    found = past.aggregate(low=past.price.min(), high=past.price.max()).to_pyarrow().to_pylist()[0]
    named = past.filter(past.category_id.notnull()).select("category_id").distinct()
    names = sorted(named.to_pyarrow()["category_id"].to_pylist())
    return Encoders(
        fitted_before_us=before_us,
        categories={name: code for code, name in enumerate(names, start=1)},
        price_min=found["low"],
        price_max=found["high"],
    )
