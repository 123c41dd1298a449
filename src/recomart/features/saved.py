"""Values that people save: appended to a data set, once each, never changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis
import pyarrow as pa
import pyarrow.compute as pc

from recomart.errors import FrameError
from recomart.features.definition import attach
from recomart.features.frames import ARRIVALS, MOMENTS, held_to, moments_of, typed
from recomart.features.offline import SAVED_TIMES, VALUE
from recomart.lake import Draft

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from recomart.engines import Engine
    from recomart.features.registry import Entry
    from recomart.lake import Lake, Making

KEY_SUFFIX = "_id"


def keys_of(lake: Lake, entry: Entry) -> dict[str, str]:
    """Return the join keys of an entry; those of a saved feature come with its first values."""
    manifest = lake.find(entry.dataset) if entry.kind == "saved" else None
    if manifest is None:
        return dict(entry.keys)
    dtypes = {"string": "string", "int64": "int64"}
    return {
        name: dtypes[dtype]
        for name, dtype in manifest.columns.items()
        if name not in SAVED_TIMES and name != VALUE
    }


def save(
    engine: Engine, lake: Lake, entry: Entry, frame: pa.Table, now_us: int, making: Making
) -> int:
    """Append the rows that are not saved yet; return how many. Raises FrameError."""
    if entry.kind != "saved":
        raise FrameError(
            f"{entry.name!r} is computed by RecoMart; nobody saves its values.",
            remedy="Register a feature of another name.",
        )
    keys = _keys(lake, entry, frame)
    rows = _rows(entry, keys, frame, now_us)
    _refuse_twice(rows, [*keys, *SAVED_TIMES])
    before = lake.find(entry.dataset)
    if before is not None:
        rows = _not_yet_saved(engine, lake, entry, rows, keys)
    if not len(rows):
        return 0
    draft = Draft(lake, entry.dataset)
    for file in before.files if before else ():
        draft.keep(file)
    rows = rows.sort_by([(name, "ascending") for name in (*keys, *SAVED_TIMES)])
    draft.add_table(rows.to_reader(), f"{len(draft.files) + 1:06d}")
    draft.commit(making)
    return len(rows)


def _keys(lake: Lake, entry: Entry, frame: pa.Table) -> dict[str, str]:
    keys = keys_of(lake, entry)
    found = [name for name in frame.column_names if name.endswith(KEY_SUFFIX)]
    if not found or (keys and set(found) != set(keys)):
        raise FrameError(
            f"Values of {entry.name!r} are keyed by {', '.join(keys) or 'columns ending in _id'}; "
            f"the table has {', '.join(found) or 'none'}.",
            remedy="Name the key columns so; a feature of another entity is another feature.",
        )
    return keys or dict.fromkeys(sorted(found), "string")


def _rows(entry: Entry, keys: Mapping[str, str], frame: pa.Table, now_us: int) -> pa.Table:
    """Return keys, both moments and the value, of their types."""
    [feature] = entry.features
    allowed = {*keys, *MOMENTS, *ARRIVALS, feature.name}
    other = [name for name in frame.column_names if name not in allowed]
    if other or feature.name not in frame.column_names:
        raise FrameError(
            f"The value of {entry.name!r} is expected in a column {feature.name!r}; "
            f"the table has {', '.join(frame.column_names)}.",
            remedy=f"Rename it; keys end in {KEY_SUFFIX}, moments are {', '.join(MOMENTS)}.",
        )
    value = typed(feature.name, frame[feature.name], feature.dtype)
    occurred = moments_of(frame)
    if occurred is None:
        occurred = pa.chunked_array([pa.array([now_us] * len(frame), pa.int64())])
    arrived = moments_of(frame, ARRIVALS)
    columns = held_to(frame, keys)
    columns = columns.append_column("occurred_us", occurred)
    columns = columns.append_column("arrived_us", occurred if arrived is None else arrived)
    return columns.append_column(VALUE, value)


def _refuse_twice(rows: pa.Table, keys: Sequence[str]) -> None:
    """Refuse two values for one key and moment."""
    counts = rows.group_by(list(keys)).aggregate([([], "count_all")])
    twice = counts.filter(pc.greater(counts["count_all"], 1))
    if len(twice):
        [first] = twice.slice(0, 1).select(list(keys)).to_pylist()
        raise FrameError(
            f"{len(twice):,} key(s) have several values at one moment, such as {first}.",
            remedy="Keep one of them; a correction comes with a later `arrived_us`.",
        )


def _not_yet_saved(
    engine: Engine, lake: Lake, entry: Entry, rows: pa.Table, keys: Mapping[str, str]
) -> pa.Table:
    """Return the rows that are new; refuse another value for a moment that has one."""
    at = [*keys, *SAVED_TIMES]
    columns = {**keys, **SAVED_TIMES, VALUE: entry.features[0].dtype}
    files = lake.paths(lake.latest(entry.dataset).files)
    there = engine.read("there", files, columns)
    there = there.rename(before=VALUE).mutate(is_there=ibis.literal(value=True))
    given = engine.load("given", rows)
    joined = attach(given, there, at)
    both = joined.is_there.notnull()
    differs = both & ~joined[VALUE].identical_to(joined.before)
    n_other = engine.stream(joined.aggregate(n=joined.count(where=differs).fill_null(0)))
    [other] = n_other.read_all()["n"].to_pylist()
    if other:
        raise FrameError(
            f"{other:,} row(s) give another value for a moment that {entry.name!r} has one for.",
            remedy="What was known does not change: give the correction a later `arrived_us`.",
        )
    new = engine.stream(joined.filter(~both).select(*rows.column_names)).read_all()
    engine.drop("given")
    return new
