"""Figures of exploration: each a few numbers from one pass over the prepared events.

Pure: tables in, plain numbers out. The stage draws them, and so does the notebook.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recomart.engines import rows_of
from recomart.vocabulary import ADD_TO_CART, CANCEL, CLICK, PURCHASE, RATE, VIEW

if TYPE_CHECKING:
    from ibis.expr.types import Table

    from recomart.engines import Engine

STEPS = (VIEW, CLICK, ADD_TO_CART, PURCHASE)
N_TOP = 20
N_BINS = 40
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def overview(engine: Engine, events: Table) -> dict[str, Any]:
    """Count events, users, items, pairs, sessions; say from when to when (µs UTC)."""
    found = events.aggregate(
        n_events=events.count(),
        n_users=events.user_id.nunique(),
        n_items=events.item_id.nunique(),
        n_sessions=events.session_id.nunique(),
        first_us=events.occurred_us.min(),
        last_us=events.occurred_us.max(),
    )
    pairs = events.select("user_id", "item_id").distinct()
    [row] = rows_of(engine, found)
    [counted] = rows_of(engine, pairs.aggregate(n_pairs=pairs.count()))
    n_pairs, cells = counted["n_pairs"], row["n_users"] * row["n_items"]
    return {**row, **counted, "density": n_pairs / cells if cells else None}


def event_mix(engine: Engine, events: Table) -> list[dict[str, Any]]:
    """Count events by type, most first."""
    counts = events.group_by("event_type").aggregate(n=events.count())
    return rows_of(engine, counts.order_by(counts.n.desc(), "event_type"))


def activity(engine: Engine, events: Table) -> list[dict[str, Any]]:
    """Count events by day and type, in order of time; `day` is days since 1970-01-01."""
    counts = events.group_by(["day", "event_type"]).aggregate(n=events.count())
    return rows_of(engine, counts.order_by("day", "event_type"))


def hours(engine: Engine, events: Table) -> list[list[int]]:
    """Count events by weekday and hour UTC: 7 rows of 24."""
    counts = events.group_by(["day_of_week", "hour"]).aggregate(n=events.count())
    matrix = [[0] * 24 for _ in range(7)]
    for row in rows_of(engine, counts):
        matrix[row["day_of_week"]][row["hour"]] = row["n"]
    return matrix


def top_items(engine: Engine, events: Table, catalogue: Table) -> list[dict[str, Any]]:
    """Return the items with most users: id, title, users, events."""
    counted = events.filter(events.event_type.notin([CANCEL, RATE]))
    counts = counted.group_by("item_id").aggregate(
        users=counted.user_id.nunique(), events=counted.count()
    )
    named = counts.left_join(catalogue.select("item_id", "title"), "item_id")
    named = named.select("item_id", "title", "users", "events")
    return rows_of(engine, named.order_by(named.users.desc(), "item_id").limit(N_TOP))


def events_by_item(engine: Engine, events: Table) -> list[int]:
    """Count the events of each item, most first: the long tail."""
    counts = events.group_by("item_id").aggregate(n=events.count())
    return [row["n"] for row in rows_of(engine, counts.select("n").order_by(counts.n.desc()))]


def lengths(engine: Engine, events: Table, key: str) -> dict[int, int]:
    """Count users or sessions by their number of events; `key` is user_id or session_id."""
    per_key = events.group_by(key).aggregate(length=events.count())
    counts = per_key.group_by("length").aggregate(n=per_key.count()).order_by("length")
    return {row["length"]: row["n"] for row in rows_of(engine, counts)}


def funnel(engine: Engine, events: Table) -> dict[str, dict[str, int]]:
    """Count users and sessions that reached each step, steps that nobody took left out."""
    counts = events.group_by("event_type").aggregate(
        users=events.user_id.nunique(), sessions=events.session_id.nunique()
    )
    found = {row["event_type"]: row for row in rows_of(engine, counts)}
    return {
        who: {step: found[step][who] for step in STEPS if step in found}
        for who in ("users", "sessions")
    }


def prices(engine: Engine, catalogue: Table) -> list[float]:
    """Return the prices of the catalogue that were not imputed, rising."""
    known = catalogue.filter(catalogue.price.notnull() & ~catalogue.is_price_imputed)
    found = rows_of(engine, known.select("price").order_by("price"))
    return [row["price"] for row in found]


def categories(engine: Engine, events: Table) -> list[dict[str, Any]]:
    """Count the events of the largest categories; empty where no event has one."""
    known = events.filter(events.category_id.notnull())
    counts = known.group_by("category_id").aggregate(n=known.count())
    return rows_of(engine, counts.order_by(counts.n.desc(), "category_id").limit(N_TOP))
