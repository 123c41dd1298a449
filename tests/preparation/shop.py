"""Valid data sets of a tiny shop, as the validation stage would leave them."""

import pyarrow as pa

from recomart.settings import Settings
from recomart.vocabulary import COLUMNS_OF, DAY_US, HOUR_US, MINUTE_US

NOON = 12 * HOUR_US


def at(day, minutes=0.0):
    """A moment: so many minutes after noon of a day since 1970."""
    return day * DAY_US + NOON + int(minutes * MINUTE_US)


def event(number, user, item, kind, when, **more):
    row = dict.fromkeys(COLUMNS_OF["events"])
    row |= {"event_id": f"e{number}", "user_id": user, "item_id": item, "event_type": kind}
    return row | {"occurred_us": when, "arrived_us": when, "source": "events"} | more


def product(item, when, **more):
    row = dict.fromkeys(COLUMNS_OF["catalogue"])
    return row | {"item_id": item, "occurred_us": when, "arrived_us": when, "source": "c"} | more


def settings(**holds):
    sources = {name: {"kind": "csv", "path": "x", "holds": kind} for name, kind in holds.items()}
    return Settings.model_validate({"sources": sources})


def write_valid(bench, source, holds, files):
    """Write `valid_<source>`: partition name → rows."""
    schema = pa.schema([(n, pa.type_for_alias(t)) for n, t in COLUMNS_OF[holds].items()])
    draft = bench.draft(f"valid_{source}")
    for name, rows in files.items():
        days = {}
        for row in rows:
            if "occurred_us" in row:
                day = str(row["occurred_us"] // DAY_US)
                days[day] = days.get(day, 0) + 1
        table = pa.Table.from_pylist(rows, schema=schema)
        draft.add_table(table.to_reader(), name, details={"days": days})
    return bench.commit(draft)
