"""The point-in-time join, in the form that every engine has: an interval join."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from recomart.vocabulary import FOREVER_US

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ibis.expr.types import Table


def intervals(changes: Table, key: str | Sequence[str], at: str = "valid_from_us") -> Table:
    """Add `valid_to_us`, the moment at which the next row of the same `key` takes over."""
    following = changes[at].lead().over(ibis.window(group_by=key, order_by=at))
    return changes.mutate(valid_to_us=following.fill_null(FOREVER_US))


def join_as_of(rows: Table, history: Table, key: str, at: str, columns: dict[str, str]) -> Table:
    """Give each row the attributes of `history` that held at its moment `at`.

    rows      `key` and `at` (µs)
    history   `key`, `valid_from_us`, `valid_to_us` (half open), no overlap within a key
    columns   name in the result → name in `history`

    Returns `rows` and the columns, null where nothing was known; no row lost, none added.
    """
    wanted = history.select(
        __key=key,
        __from="valid_from_us",
        __to="valid_to_us",
        **{f"__{n}": c for n, c in columns.items()},
    )
    joined = rows.left_join(
        wanted,
        [rows[key] == wanted["__key"], rows[at] >= wanted["__from"], rows[at] < wanted["__to"]],
    )
    kept = {name: joined[name] for name in rows.columns if name not in columns}
    return joined.select(**kept, **{name: joined[f"__{name}"] for name in columns})


def latest_known(
    rows: Table, values: Table, keys: Sequence[str], wanted: Mapping[str, str], *, has_asof: bool
) -> Table:
    """Give each row the newest values that were known before its moment.

    rows      `keys` and `at_us` (µs)
    values    `keys`, `occurred_us`, `arrived_us`: values that hold from `occurred_us` on, and of
              which we learned at `arrived_us`; sorted or not
    wanted    name in the result → name in `values`
    has_asof  the engine has an as-of join of its own; else intervals are joined

    A value is known after both its moments: one of the same instant is not. Of those known the
    one that occurred last counts, of these the one that arrived last; so news that come late
    replace nothing newer. Adds `wanted` and the `occurred_us` of the value, `value_us`; null
    where nothing was known. No row is lost or added.
    """
    current = _current(values, keys)
    wanted = {**wanted, "value_us": "occurred_us"}
    right = current.select(
        **{f"__{key}": key for key in keys},
        __known="known_us",
        __until="until_us",
        **{f"__{name}": column for name, column in wanted.items()},
    )
    same = [rows[key] == right[f"__{key}"] for key in keys]
    if has_asof:
        joined = rows.asof_join(right, rows.at_us > right["__known"], same)
    else:
        then = [rows.at_us > right["__known"], rows.at_us <= right["__until"]]
        joined = rows.left_join(right, [*same, *then])
    kept = {name: joined[name] for name in rows.columns if name not in wanted}
    return joined.select(**kept, **{name: joined[f"__{name}"] for name in wanted})


def _current(values: Table, keys: Sequence[str]) -> Table:
    """Keep the values that were at some time the newest known, with the time in which they were.

    In the order in which values became known, one is the newest if none before it occurred
    later; of those that became known together, the last is.
    """
    told = values.mutate(known_us=ibis.greatest(values.occurred_us, values.arrived_us))
    order = [told.known_us, told.occurred_us, told.arrived_us]
    before = ibis.window(group_by=list(keys), order_by=order, preceding=(None, 1))
    here = ibis.window(group_by=list(keys), order_by=order)
    marked = told.mutate(
        __newest=told.occurred_us.max().over(before), __next=told.known_us.lead().over(here)
    )
    newest = marked["__newest"].isnull() | (marked.occurred_us >= marked["__newest"])
    last = marked["__next"].isnull() | (marked["__next"] > marked.known_us)
    kept = marked.filter(newest & last).drop("__newest", "__next")
    return intervals(kept.mutate(valid_from_us=kept.known_us), keys).rename(until_us="valid_to_us")
