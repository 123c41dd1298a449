"""Lists that were shown and events that answer them, as data sets of a lake."""

import pyarrow as pa

from recomart.lake import Making
from recomart.sources.exposures import SCHEMA
from recomart.vocabulary import DAY_US, PREPARED_COLUMNS

KINDS = {"string": pa.string(), "int64": pa.int64(), "int32": pa.int32(), "int8": pa.int8()}
EVENTS = pa.schema([(n, KINDS.get(kind, pa.float64())) for n, kind in PREPARED_COLUMNS.items()])
MAKING = Making(key="k", stage="s", run_id="r")


def lines(name, items, at_us, model="cascade", source="itemknn"):
    """A list of some items; a source may be told for each: ``mug:popularity``."""
    told = [item.partition(":") for item in items.split()]
    return [
        {
            "recommendation_id": name,
            "shown_us": at_us,
            "model": model,
            "model_version": "v1",
            "rank": rank,
            "item_id": item,
            "source": own or source,
            "score": 1.0,
            "confidence": None,
        }
        for rank, (item, _, own) in enumerate(told, start=1)
    ]


def did(name, item, kind, at_us):
    """An event that names a list."""
    row = dict.fromkeys(PREPARED_COLUMNS)
    told = {"item_id": item, "event_type": kind, "occurred_us": at_us, "recommendation_id": name}
    return {**row, "event_id": f"{name}{item}{kind}{at_us}", "user_id": "ann", **told}


def write(bench, shown, events):
    """Commit both."""
    for name, rows, schema in (("exposures", shown, SCHEMA), ("events", events, EVENTS)):
        draft = bench.draft(name)
        draft.add_table(pa.Table.from_pylist(rows, schema).to_reader())
        draft.commit(MAKING)


def days_ago(bench, days):
    """A moment."""
    return bench.now_us - int(days * DAY_US)
