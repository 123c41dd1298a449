"""The point-in-time join, in the form that every engine has: an interval join."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from recomart.vocabulary import FOREVER_US

if TYPE_CHECKING:
    from ibis.expr.types import Table


def intervals(changes: Table, key: str, at: str = "valid_from_us") -> Table:
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
