"""Dirt for a made shop: rows that break a contract or a reader, counted by kind.

A dirty row is a copy of a real one with one thing wrong, written right after it;
the real rows all stay. So a reader that loses nothing finds every real row, and
the rows of each kind exactly as often as `Dirt.counts` says.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from recomart.sources.generator.words import AWKWARD_IDS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Fields: TypeAlias = "list[bytes]"
Spoil: TypeAlias = "Callable[[Fields, int], bytes]"
"""From the fields of a row and the position of a column to a line."""


def _put(value: bytes) -> Spoil:
    def spoil(row: Fields, at: int) -> bytes:
        return b",".join([*row[:at], value, *row[at + 1 :]])

    return spoil


def _spliced(inside: bytes) -> Spoil:
    def spoil(row: Fields, at: int) -> bytes:
        return b",".join([*row[:at], row[at][:1] + inside + row[at][1:], *row[at + 1 :]])

    return spoil


KINDS: dict[str, tuple[str, Spoil]] = {
    "exact_duplicate": ("", lambda row, _: b",".join(row)),
    "missing_user": ("user", _put(b"")),
    "missing_item": ("item", _put(b"")),
    "unknown_event_type": ("type", _put(b"teleport")),
    "unreadable_time": ("time", _put(b"yesterday")),
    "future_time": ("time", _put(b"2999-01-01T00:00:00.000Z")),
    "nan_price": ("price", _put(b"NaN")),
    "infinite_price": ("price", _put(b"inf")),
    "overflowing_price": ("price", _put(b"1e309")),
    "negative_price": ("price", _put(b"-12.50")),
    "negative_quantity": ("quantity", _put(b"-3")),
    "missing_fields": ("", lambda row, _: b",".join(row[: len(row) // 2])),
    "extra_field": ("", lambda row, _: b",".join([*row, b"surplus"])),
    "nul_byte": ("user", _spliced(b"\x00")),
    "bad_utf8": ("user", _spliced(b"\xff\xfe")),
    "awkward_item_id": ("item", _put(b"")),  # the id is put in by `Dirt`, in turn
}
"""What is wrong, in which column ("" for the row), and how it comes about."""

FUTURE_MS = b"32472144000000"  # 2999-01-01
QUOTED_IDS = tuple('"{}"'.format(name.replace('"', '""')).encode() for name in AWKWARD_IDS)


class Dirt:
    """Spoils copies of rows while files are written.

    `columns` says where user, item, type, time, and if there are any price,
    quantity and event id stand; kinds without a column do not occur.
    """

    def __init__(self, share: float, n_rows: int, seed: int, columns: dict[str, int]) -> None:
        rng = np.random.default_rng([seed, 5])
        kinds = [kind for kind, (column, _) in KINDS.items() if column in {"", *columns}]
        n = round(share * n_rows)
        self.columns = columns
        self.rows = np.sort(rng.choice(n_rows, n, replace=False))
        self.kinds = [kinds[k % len(kinds)] for k in rng.permutation(n).tolist()]
        self.counts = Counter(dict.fromkeys(kinds, 0)) if n else Counter()
        self.counts.update(self.kinds)
        self._awkward = 0

    def spoil(self, body: bytes, first: int) -> bytes:
        """Add the dirty rows to the lines of `body`, whose first is row number `first` of all."""
        ends = np.flatnonzero(np.frombuffer(body, np.uint8) == 10) + 1
        low, high = np.searchsorted(self.rows, [first, first + len(ends)])
        pieces: list[bytes] = []
        done = 0
        for n in range(int(low), int(high)):
            line = int(self.rows[n]) - first
            begin, end = (int(ends[line - 1]) if line else 0), int(ends[line])
            fields = body[begin : end - 1].split(b",")
            pieces += (body[done:end], self._spoiled(n, fields), b"\n")
            done = end
        return b"".join([*pieces, body[done:]])

    def _spoiled(self, n: int, row: Fields) -> bytes:
        kind = self.kinds[n]
        column, spoil = KINDS[kind]
        at = self.columns.get(column, -1)
        if "id" in self.columns and kind != "exact_duplicate":
            row[self.columns["id"]] = b"x%07d" % n
        if kind == "awkward_item_id":
            self._awkward += 1
            spoil = _put(QUOTED_IDS[self._awkward % len(QUOTED_IDS)])
        elif kind == "future_time" and row[at].isdigit():
            spoil = _put(FUTURE_MS)
        return spoil(row, at)


def columns_of(header: Sequence[str], **names: str) -> dict[str, int]:
    """Positions of the columns that `Dirt` knows, from what the layout calls them."""
    return {ours: list(header).index(theirs) for ours, theirs in names.items()}
