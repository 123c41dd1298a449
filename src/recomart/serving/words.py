"""What an engine is asked, and what it answers: plain records, no HTTP."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from recomart.ranking import Recommendation


@dataclass(frozen=True, slots=True)
class Filters:
    """What may be in a list.

    categories  only these, if any are given
    min_price, max_price  both ends included; an item without a price fits no limit
    exclude     items that may not be in it
    max_per_category  items of one category before others take their turn; None: as the settings say
    """

    categories: frozenset[str] = frozenset()
    min_price: float | None = None
    max_price: float | None = None
    only_available: bool = True
    exclude: frozenset[str] = frozenset()
    max_per_category: int | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """Who wants how many items.

    user_id     empty for an anonymous visitor
    session_id  of an anonymous visitor whose events are posted under it; empty for none
    items       viewed just now, the latest last, whoever it is
    exclude_seen  leave out what the user had; None: as the settings say
    """

    user_id: str = ""
    n: int = 10
    session_id: str = ""
    items: tuple[str, ...] = ()
    min_confidence: float = 0.0
    exclude_seen: bool | None = None
    filters: Filters = field(default_factory=Filters)

    @property
    def who(self) -> str:
        """Under what name the events of this visitor are kept; empty for nobody."""
        return self.user_id or self.session_id


@dataclass(frozen=True, slots=True)
class Assigned:
    """What a list is part of; see `recomart.ranking.assignment`.

    unit        the code of the user, or of the session
    propensity  probability with which chance gave this variant to a unit of the experiment
    """

    experiment: str
    variant: str
    unit: str
    propensity: float


@dataclass(frozen=True, slots=True)
class Answer:
    """A list.

    recommendation_id  leads back to the model; an event may name it
    degraded  what was out of order while this was answered; empty: nothing
    acted     by rule: how many candidates it kept out, or put last
    assigned  the experiment that it is part of, if any
    """

    recommendation_id: str
    lines: tuple[Recommendation, ...]
    model: str
    version: str
    degraded: tuple[str, ...] = ()
    acted: Mapping[str, int] = field(default_factory=dict)
    assigned: Assigned | None = None

    @property
    def part_of(self) -> dict[str, str | None]:
        """The names of its experiment and variant, null where there is none."""
        of = self.assigned
        if of is None:
            return {"experiment": None, "variant": None}
        return {"experiment": of.experiment, "variant": of.variant}


@dataclass(frozen=True, slots=True)
class State:
    """What serves now.

    newest_event_us  the newest event that the model knows; freshness is now minus it
    """

    model: str
    version: str
    number: int
    published_at: str
    newest_event_us: int
    n_items: int
    n_users: int
    degraded: tuple[str, ...] = ()
