"""What an engine is asked, and what it answers: plain records, no HTTP."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Filters:
    """What may be in a list.

    categories  only these, if any are given
    min_price, max_price  both ends included; an item without a price fits no limit
    exclude     items that may not be in it
    """

    categories: frozenset[str] = frozenset()
    min_price: float | None = None
    max_price: float | None = None
    only_available: bool = True
    exclude: frozenset[str] = frozenset()


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


@dataclass(frozen=True, slots=True)
class Line:
    """One recommended item.

    score   compares within one answer only; None where no model gave one
    source  what brought it: names of retrievers, or popularity
    """

    rank: int
    item_id: str
    score: float | None
    confidence: float | None
    reason: str
    source: str
    title: str
    category_id: str | None
    price: float | None
    available: bool | None


@dataclass(frozen=True, slots=True)
class Answer:
    """A list.

    recommendation_id  leads back to the model; an event may name it
    degraded  what was out of order while this was answered; empty: nothing
    """

    recommendation_id: str
    lines: tuple[Line, ...]
    model: str
    version: str
    degraded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """An answer replayed.

    asked     what was asked for
    history   what the list started from: event type and item, the latest last
    features  of each line: the ranker's columns as they were
    rules     what acted, such as "already had: 12 left out"
    """

    answer: Answer
    asked: Asked
    at_us: int
    history: tuple[tuple[str, str], ...]
    features: tuple[dict[str, float | None], ...]
    rules: tuple[str, ...]


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
    loaded_at_us: int
    degraded: tuple[str, ...]
    n_items: int
    n_users: int
