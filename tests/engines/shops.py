"""Shops that make engines differ: nulls, ties, midnight, summer time, emptiness, all of Unicode."""

import random
from datetime import datetime, timezone

import pyarrow as pa

from recomart.engines.base import empty
from recomart.features.definition import Inputs
from recomart.settings import FeatureSettings
from recomart.vocabulary import DAY_US, EVENT_TYPES, FOREVER_US, HOUR_US, PREPARED_COLUMNS
from tests.features.shop import CATEGORIES, HISTORY, STRENGTH

NOON = int(datetime(2026, 3, 29, 12, tzinfo=timezone.utc).timestamp()) * 1_000_000
"""A day on which clocks in Europe go forward."""
MOMENTS = (NOON - 9 * DAY_US, NOON - DAY_US // 2, NOON)
KEYS = {
    "user_id": ["ann", "Zoë", "zoe", "日本", "🛒", "o'neil", 'qu"ote', "nobody"],
    "item_id": ["a", "B", "b", "ä", "é", "10", "9", "no-such"],
    "other_item_id": ["a", "B", "b", "ä"],
    "category_id": ["cups", "Pens", "pens", "ßets", "empty"],
    "session_id": [f"s{n}" for n in range(12)],
}
SHOPS = ("random", "empty", "one event")


def shop(name):
    """Return events, categories and history as Arrow tables."""
    rng = random.Random(name)
    n = {"random": 900, "empty": 0, "one event": 1}[name]
    events = [_event(rng, number) for number in range(n)]
    return (
        _table(events, PREPARED_COLUMNS),
        _table(_tree() if n else [], CATEGORIES),
        _table(_history(rng) if n else [], HISTORY),
    )


def inputs_of(engine, name):
    """Load a shop into an engine; all its events, known or not."""
    events, categories, history = shop(name)
    return Inputs(
        events=engine.load("events", events),
        categories=engine.load("categories", categories),
        history=engine.load("history", history),
        at_us=MOMENTS[-1],
        settings=FeatureSettings(pairs_per_item=3),
    )


def _table(rows, columns):
    return pa.Table.from_pylist(rows, schema=empty(columns).schema) if rows else empty(columns)


def _event(rng, number):
    day = NOON // DAY_US - rng.randrange(-1, 40)
    within = rng.choice([0, DAY_US - 1, HOUR_US, 2 * HOUR_US - 1, rng.randrange(DAY_US)])
    when = rng.choice([day * DAY_US + within, NOON - 7 * DAY_US, NOON, NOON - 1, NOON - DAY_US])
    kind = rng.choice(EVENT_TYPES)
    row = dict.fromkeys(PREPARED_COLUMNS)
    row |= {"event_id": f"e{number}", "event_type": kind, "source": "events"}
    row |= {
        "user_id": rng.choice(KEYS["user_id"][:-1]),
        "item_id": rng.choice(KEYS["item_id"][:-1]),
    }
    row |= {"occurred_us": when, "arrived_us": when + rng.choice([0, 0, 1, DAY_US])}
    row |= {"day": when // DAY_US, "hour": when % DAY_US // HOUR_US}
    row |= {"day_of_week": (when // DAY_US + 3) % 7, "strength": STRENGTH.get(kind, 2.0)}
    row |= {"category_id": rng.choice([None, *KEYS["category_id"][:-1]])}
    row |= {"price": rng.choice([None, 0.0, 0.1, 1 / 3, 2.5e-7, 19.99, 1e12, -4.5])}
    row |= {"rating": rng.choice([1.0, 2.5, 5.0]) if kind == "rate" else None}
    return row | {"session_id": f"s{rng.randrange(60)}", "session_position": number + 1}


def _tree():
    names = KEYS["category_id"]
    return [
        {"category_id": c, "parent_id": "all" if n else None, "path": f"/all/{c}", "depth": 1}
        for n, c in enumerate(names)
    ]


def _history(rng):
    rows = []
    for item in KEYS["item_id"][:5]:
        times = sorted(rng.sample(range(60), 6))
        starts = [NOON - (60 - t) * DAY_US for t in times]
        for start, end in zip(starts, [*starts[1:], FOREVER_US], strict=True):
            known = start + rng.choice([0, 0, DAY_US, 30 * DAY_US])
            price = rng.choice([None, 0.0, 1.0, 1.0, 2.5, 1e7])
            values = (item, start, end, known, price, rng.choice([None, "cups", "pens", "new"]))
            rows.append(dict(zip(HISTORY, values, strict=True)))
    return rows
