"""Feature views declared in YAML: aggregates of events, no code."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, Field, StringConstraints, model_validator

from recomart.vocabulary import EVENT_TYPES

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
"""A name that is safe as a column, a table and a file."""
Version = Annotated[str, StringConstraints(pattern=r"^v[1-9][0-9]{0,3}$")]
Entity = Literal["user", "item", "session", "category"]
Amount = Literal["price", "rating", "strength"]
Identity = Literal["user_id", "item_id", "session_id", "category_id", "day"]


class Section(BaseModel, frozen=True, extra="forbid"):
    """A branch of the tree. A word that is not in the tree is an error, not a shrug."""


class Aggregate(Section):
    """One feature: an aggregate of an entity's events."""

    of: Literal[
        "count", "sum", "mean", "min", "max", "distinct", "days_since_last", "days_since_first"
    ] = Field(description="what is made of the events")
    column: Amount | Identity | None = Field(
        None, description="amount (sum, mean, min, max) or identity (distinct) that is aggregated"
    )
    event_types: tuple[Literal[EVENT_TYPES], ...] = Field(  # type: ignore[valid-type]
        (), description="events that count; all if empty"
    )
    window_days: int | None = Field(None, gt=0, description="trailing window; null: all time")
    description: str = Field("", description="a sentence on what it means")

    @model_validator(mode="after")
    def _fits(self) -> Aggregate:
        wanted: tuple[str | None, ...] = (None,)
        if self.of in ("sum", "mean", "min", "max"):
            wanted = get_args(Amount)
        elif self.of == "distinct":
            wanted = get_args(Identity)
        if self.column not in wanted:
            fitting = " or ".join(str(name) for name in wanted if name) or "no column"
            raise ValueError(f"{self.of} wants {fitting}, not {self.column}")
        return self


class DeclaredView(Section):
    """A feature view of simple aggregates."""

    entity: Entity | tuple[Entity, ...] = Field(description="user, item, …; a list for a pair")
    features: dict[Name, Aggregate] = Field(min_length=1, description="name → aggregate")
    version: Version = Field("v1", description="raise it when a definition changes")
    owner: str = Field("", description="who answers for it")
    description: str = Field("", description="a sentence on what it tells")
    fresh_days: float | None = Field(
        30.0, gt=0, description="age from which values are too old to be used; null: never"
    )
    online: bool = Field(True, description="materialised by `recomart run`")

    @property
    def keys(self) -> tuple[str, ...]:
        """The key columns."""
        entities = (self.entity,) if isinstance(self.entity, str) else self.entity
        return tuple(f"{entity}_id" for entity in entities)

    @model_validator(mode="after")
    def _has_distinct_names(self) -> DeclaredView:
        taken = [name for name in (*self.keys, "at_us") if name in self.features]
        if taken or len(set(self.keys)) < len(self.keys):
            raise ValueError(f"keys and features share names: {', '.join(taken or self.keys)}")
        return self
