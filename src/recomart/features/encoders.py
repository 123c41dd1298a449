"""Encoders: what is learned from the past to turn words and prices into numbers.

Codes and ranges follow from what was known before a moment, so they never tell a row of its
future; those of the newest moment are kept as an artefact, used again at inference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import ibis
from pydantic import BaseModel, Field, ValidationError

from recomart.errors import ArtefactError
from recomart.features.definition import attach

if TYPE_CHECKING:
    from ibis.expr.types import FloatingValue, Table

    from recomart.engines import Engine
    from recomart.features.definition import Inputs

UNKNOWN = 0
"""Code of a category that was not known at the moment."""


class Encoders(BaseModel, frozen=True, extra="forbid"):
    """Category codes from 1 on, in the order in which they became known, and the price range."""

    format: Literal[2] = 2
    fitted_before_us: int
    categories: dict[str, int]
    price_min: float | None = Field(description="lowest price seen; null where there was none")
    price_max: float | None

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


def category_codes(inputs: Inputs) -> Table:
    """Return `category_id` and `code`: 1 for the category known first, ties by id.

    A code never changes: a category that becomes known later is numbered after all before it.
    """
    e = inputs.events.filter(inputs.events.category_id.notnull())
    known_us = ibis.greatest(e.occurred_us, e.arrived_us)
    first = e.group_by(inputs.by("category_id")).aggregate(first_us=known_us.min())
    in_turn = ibis.window(group_by=inputs.by(), order_by=[first.first_us, first.category_id])
    return first.select(
        *inputs.by("category_id"), code=ibis.row_number().over(in_turn) + UNKNOWN + 1
    )


def with_price_range(inputs: Inputs, table: Table) -> Table:
    """Add `price_min` and `price_max` of the events known at each row's moment."""
    e = inputs.events
    ends = {"price_min": e.price.min(), "price_max": e.price.max()}
    if not inputs.by():
        return table.cross_join(e.aggregate(**ends))
    return attach(table, e.group_by(inputs.by()).aggregate(**ends), inputs.by())


def scaled(price: FloatingValue, low: FloatingValue, high: FloatingValue) -> FloatingValue:
    """Return a price as 0 … 1 within a range; what lies outside is cut, a point gives 0."""
    within = ((price - low) / (high - low)).clip(0.0, 1.0)
    value = ibis.ifelse(high > low, within, 0.0)
    return ibis.ifelse(price.isnull(), ibis.null("float64"), value)


def fit_encoders(engine: Engine, inputs: Inputs, at_us: int) -> Encoders:
    """Keep the codes and the range of inputs as of one moment."""
    codes = engine.stream(category_codes(inputs).order_by("code")).read_all()
    e = inputs.events
    ends = e.aggregate(low=e.price.min(), high=e.price.max())
    [found] = engine.stream(ends).read_all().to_pylist()
    names, numbers = (codes[name].to_pylist() for name in ("category_id", "code"))
    return Encoders(
        fitted_before_us=at_us,
        categories=dict(zip(names, numbers, strict=True)),
        price_min=found["low"],
        price_max=found["high"],
    )
