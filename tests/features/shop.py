"""A tiny shop, as the preparation stage would leave it."""

import duckdb
import ibis
import pyarrow as pa

from recomart.features.definition import Inputs, known_before
from recomart.settings import FeatureSettings
from recomart.vocabulary import DAY_US, FOREVER_US, HOUR_US, PREPARED_COLUMNS

STRENGTH = {"view": 1.0, "add_to_cart": 3.0, "purchase": 5.0, "cancel": -5.0, "rate": 0.0}
HISTORY = {
    "item_id": "string",
    "valid_from_us": "int64",
    "valid_to_us": "int64",
    "known_from_us": "int64",
    "price": "float64",
    "category_id": "string",
}
CATEGORIES = {"category_id": "string", "parent_id": "string", "path": "string", "depth": "int32"}
AT_US = 100 * DAY_US


def event(number, user, item, kind, days_ago, **more):
    """An event so many days before `AT_US`."""
    when = AT_US - int(days_ago * DAY_US)
    row = dict.fromkeys(PREPARED_COLUMNS)
    row |= {"event_id": f"e{number}", "user_id": user, "item_id": item, "event_type": kind}
    row |= {"occurred_us": when, "arrived_us": when, "day": when // DAY_US, "source": "events"}
    row |= {"hour": when % DAY_US // HOUR_US, "day_of_week": (when // DAY_US + 3) % 7}
    row |= {"strength": STRENGTH[kind], "session_id": f"{user}-{when // DAY_US}"}
    return row | {"session_position": number} | more


def arrow(rows, columns):
    return pa.Table.from_pylist(list(rows), schema=ibis.schema(columns).to_pyarrow())


def table(rows, columns):
    return ibis.memtable(arrow(rows, columns))


def inputs(events, history=(), categories=(), at_us=AT_US, **settings):
    return Inputs(
        events=known_before(table(events, PREPARED_COLUMNS), at_us),
        categories=table(categories, CATEGORIES),
        history=table(history, HISTORY),
        at_us=at_us,
        settings=FeatureSettings.model_validate(settings),
    )


def inputs_by_name(at_us=AT_US):
    """Inputs whose rows are told later, by `asking`: all events, those not yet known included."""
    return Inputs(
        events=ibis.table(PREPARED_COLUMNS, name="events"),
        categories=ibis.table(CATEGORIES, name="categories"),
        history=ibis.table(HISTORY, name="history"),
        at_us=at_us,
        settings=FeatureSettings(),
    )


def asking(expression):
    """Return what answers an expression over named tables; its SQL, slow to write, is written once.

    It takes the rows of each table as Arrow, by its name.
    """
    sql = str(ibis.to_sql(expression, dialect="duckdb"))
    schema = expression.schema().to_pyarrow()
    con = duckdb.connect(config={"threads": 1})

    def ask(**tables):
        for name, rows in tables.items():
            con.register(name, rows)
        return con.execute(sql).to_arrow_table().cast(schema).to_pylist()

    return ask


def version(item, from_days_ago, price, category=None, to_days_ago=None):
    end = FOREVER_US if to_days_ago is None else AT_US - to_days_ago * DAY_US
    start = AT_US - from_days_ago * DAY_US
    return dict(zip(HISTORY, (item, start, end, start, price, category), strict=True))


def computed(view, given):
    """Return a view's rows by key."""
    rows = view.table(given).to_pyarrow().to_pylist()
    keys = list(view.keys)
    return {tuple(row[k] for k in keys) if len(keys) > 1 else row[keys[0]]: row for row in rows}
