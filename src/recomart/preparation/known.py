"""What days know of items from later ones: the first attributes, held to be true before."""

from __future__ import annotations

import hashlib
from itertools import accumulate
from operator import xor
from typing import TYPE_CHECKING

from recomart.preparation.events import day_of

if TYPE_CHECKING:
    from ibis.expr.types import Table

    from recomart.engines import Engine


def marks_of(engine: Engine, history: Table, events: Table) -> dict[int, str]:
    """Return a mark for each day from which on another set of such items is in use.

    history  intervals that begin when an attribute was first told
    events   item_id, occurred_us

    An item counts from the day of its first event to the day its attributes were told,
    so that news of an item changes the marks of those days and of no others.
    """
    seen = events.group_by("item_id").aggregate(seen_us=events.occurred_us.min())
    first = history.valid_from_us.min().over(group_by="item_id")
    told = history.mutate(first_us=first).filter(lambda t: t.valid_from_us == t.first_us)
    late = told.join(seen, "item_id").filter(lambda t: t.seen_us < t.valid_from_us)
    days = {"since": day_of(late.seen_us), "until": day_of(late.valid_from_us)}
    rows = engine.stream(late.select("item_id", "category_id", "price", **days)).read_all()
    turns: dict[int, int] = {}
    for *known, since, until in zip(*rows.to_pydict().values(), strict=True):
        digest = int.from_bytes(hashlib.sha256(repr(known).encode()).digest(), "big")
        for day in (since, until + 1):  # taken in, and out again: each is an exclusive or
            turns[day] = turns.get(day, 0) ^ digest
    in_use = accumulate((turns[day] for day in sorted(turns)), xor)
    return {
        day: f"{mark:x}" if mark else "" for day, mark in zip(sorted(turns), in_use, strict=True)
    }
