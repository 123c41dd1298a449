"""From the prepared events to what models learn from: id maps and dense arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recomart.errors import BadInputError
from recomart.models.interactions import Interactions
from recomart.vocabulary import DAY_US, EVENT_TYPES

if TYPE_CHECKING:
    from ibis.expr.types import Table
    from numpy.typing import NDArray

    from recomart.lake import Workbench
    from recomart.settings import EvaluationSettings

COLUMNS = ("user_id", "item_id", "event_type", "strength", "occurred_us")


@dataclass(frozen=True)
class EventArrays:
    """All events of a shop in time order, users and items as indices into their id maps.

    user_ids, item_ids   string, sorted, without repeats: the id maps; items of the catalogue that
                         nobody met yet stand in theirs, too
    users, items, types  int32; `types` indexes `EVENT_TYPES`
    strengths            float64
    occurred_us          int64, never falling
    """

    user_ids: pa.Array
    item_ids: pa.Array
    users: NDArray[np.int32]
    items: NDArray[np.int32]
    types: NDArray[np.int32]
    strengths: NDArray[np.float64]
    occurred_us: NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, int]:
        """Number of users and of items."""
        return len(self.user_ids), len(self.item_ids)

    def between(self, first_us: int, last_us: int) -> EventArrays:
        """Return the events of a half-open stretch of time, over the same id maps."""
        start, stop = np.searchsorted(self.occurred_us, [first_us, last_us])
        cut = slice(int(start), int(stop))
        return EventArrays(
            self.user_ids,
            self.item_ids,
            self.users[cut],
            self.items[cut],
            self.types[cut],
            self.strengths[cut],
            self.occurred_us[cut],
        )

    def interactions(self, now_us: int) -> Interactions:
        """Sum the events into confidence weights, as known at `now_us`."""
        counts = self.strengths != 0  # a rating says nothing implicit
        return Interactions.from_events(
            self.users[counts],
            self.items[counts],
            self.strengths[counts],
            self.occurred_us[counts],
            shape=self.shape,
            now_us=now_us,
        )


def read_events(bench: Workbench) -> EventArrays:
    """Read the prepared events. Raises BadInputError where there are none."""
    events = bench.read("events")
    user_ids, item_ids = _ids(bench, events, "user_id"), _item_ids(bench, events)
    if not len(user_ids):
        raise BadInputError(
            "There are no prepared events to learn from.",
            remedy="See `recomart status` and the quality report: all rows may be in quarantine.",
        )
    rows = bench.con.to_pyarrow(
        events.select(*COLUMNS, "event_id").order_by("occurred_us", "event_id").drop("event_id")
    )
    return EventArrays(
        user_ids,
        item_ids,
        _index(rows["user_id"], user_ids),
        _index(rows["item_id"], item_ids),
        _index(rows["event_type"], pa.array(EVENT_TYPES)),
        rows["strength"].to_numpy(),
        rows["occurred_us"].to_numpy(),
    )


def cut_moment(data: EventArrays, settings: EvaluationSettings) -> int:
    """Return the one moment at which the test window begins, for all users (µs)."""
    first, last = int(data.occurred_us[0]), int(data.occurred_us[-1]) + 1
    if settings.test_days is not None:
        return max(first, last - int(settings.test_days * DAY_US))
    return last - int((last - first) * settings.test_share)


def learning_window(data: EventArrays, until_us: int, days: int | None) -> EventArrays:
    """Return the events to learn from: those before `until_us`, of the last `days`."""
    return data.between(0 if days is None else until_us - days * DAY_US, until_us)


def _item_ids(bench: Workbench, events: Table) -> pa.Array:
    """Return the items of the events, and those of the catalogue that can be had."""
    met = _ids(bench, events, "item_id")
    if not len(met) or bench.lake.find("catalogue") is None:
        return met
    catalogue = bench.read("catalogue")
    offered = _ids(
        bench, catalogue.filter(catalogue.available.fill_null(ibis.literal(value=True))), "item_id"
    )
    return pc.unique(pa.concat_arrays([met, offered])).sort()


def _ids(bench: Workbench, events: Table, column: str) -> pa.Array:
    distinct = events.select(column).distinct().order_by(ibis.asc(column))
    found = bench.con.to_pyarrow(distinct)[column].combine_chunks()
    return found.cast(pa.string())


def _index(values: pa.ChunkedArray, ids: pa.Array) -> NDArray[np.int32]:
    found = pc.index_in(values, value_set=ids.cast(values.type))
    return np.asarray(found.to_numpy(), dtype=np.int32)
