"""Layout `retailrocket`: the files of the RetailRocket data set, at any size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from pyarrow import csv

from recomart.sources.generator.behaviour import Events, simulate
from recomart.sources.generator.dirt import Dirt, columns_of
from recomart.sources.generator.spec import GeneratedShop, ShopSpec
from recomart.sources.generator.stock import Stock, make_stock
from recomart.sources.generator.text import BARE, as_csv, header_of, only_where, taken
from recomart.sources.generator.visits import DAY_MS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

EVENT_COLUMNS = ("timestamp", "visitorid", "event", "itemid", "transactionid")
WORDS = ["view", "view", "addtocart", "transaction", "view"]  # by stage; clicks do not occur
PROPERTY_COLUMNS = ("timestamp", "itemid", "property", "value")
ROWS_PER_ITEM = 50
CHUNK = 1 << 20
WEEK_MS = 7 * DAY_MS
TIME_OF_SNAPSHOT_MS = 3 * 3_600_000
CATEGORY, AVAILABLE, PRICE, FIRST_HASHED = range(4)  # codes of properties
VARYING = (AVAILABLE, PRICE, FIRST_HASHED)
N_HASHED = 1_100
N_STATIC = 24  # properties that an item has from the first week on, and keeps
N_LEVELS = 2_000  # of prices
N_VALUES = 50_000  # of hashed properties


def write_retailrocket(folder: Path, spec: ShopSpec) -> GeneratedShop:
    """Write the files; see `generate_shop`."""
    stock = make_stock(spec)
    events = simulate(spec, stock)
    columns = columns_of(
        EVENT_COLUMNS, user="visitorid", item="itemid", type="event", time="timestamp"
    )
    dirt = Dirt(spec.dirt, spec.n_events, spec.seed, columns)
    _write_events(folder / "events.csv", events, dirt)
    tree = {"categoryid": list(stock.parents), "parentid": list(stock.parents.values())}
    (folder / "category_tree.csv").write_bytes(header_of(tree) + as_csv(tree))
    return GeneratedShop(
        spec=spec,
        folder=folder,
        events=(folder / "events.csv",),
        categories=folder / "category_tree.csv",
        n_rows=spec.n_events + dirt.counts.total(),
        properties=_write_properties(folder, spec, stock),
        dirt_counts=dict(dirt.counts),
    )


def _write_events(path: Path, events: Events, dirt: Dirt) -> None:
    bought = events.stage == 3
    _, transaction = np.unique(events.session, return_inverse=True)
    with path.open("wb") as file:
        file.write((",".join(EVENT_COLUMNS) + "\n").encode())
        for begin in range(0, len(events.user), CHUNK):
            part = slice(begin, begin + CHUNK)
            numbers = pa.array(transaction[part]).cast(pa.string())
            body = as_csv(
                {
                    "timestamp": events.time_ms[part],
                    "visitorid": events.user[part],
                    "event": taken(WORDS, events.stage[part]),
                    "itemid": events.item[part],
                    "transactionid": only_where(bought[part], numbers),
                }
            )
            file.write(dirt.spoil(body, begin))


# --- properties -----------------------------------------------------------------------------


def _write_properties(folder: Path, spec: ShopSpec, stock: Stock) -> tuple[Path, ...]:
    """Write weekly snapshots in two files: what an item has at first, then what changes."""
    n_rows = spec.n_property_rows or ROWS_PER_ITEM * spec.n_items
    values = _Values(spec, stock)
    paths = (folder / "item_properties_part1.csv", folder / "item_properties_part2.csv")
    for path, begin, end in zip(paths, (0, n_rows // 2), (n_rows // 2, n_rows), strict=True):
        with path.open("wb") as file:
            file.write((",".join(PROPERTY_COLUMNS) + "\n").encode())
            for rows in _chunks(begin, end):
                csv.write_csv(values.rows(rows, n_rows), file, BARE)
    return paths


def _chunks(begin: int, end: int) -> Iterator[Ints]:
    for low in range(begin, end, CHUNK):
        yield np.arange(low, min(low + CHUNK, end))


class _Values:
    """Rows of the property files, by their number."""

    def __init__(self, spec: ShopSpec, stock: Stock) -> None:
        rng = np.random.default_rng([spec.seed, 7])
        self.spec, self.stock = spec, stock
        self.n_weeks = spec.days // 7 + 1
        hashed = [str(number) for number in rng.permutation(10_000)[:N_HASHED]]
        self.properties = pa.array(["categoryid", "available", "790", *hashed])
        self.levels = np.geomspace(90, 5_000_000, N_LEVELS)  # cents
        prices = [f"n{level * 12 / 100:.0f}.000" for level in self.levels.tolist()]
        self.words = pa.array([*stock.category_ids, "0", "1", *prices, *_hashed_values(rng)])
        self.zero = len(stock.category_ids)
        self.cheapest = self.zero + 2
        self.first_value = self.cheapest + N_LEVELS

    def rows(self, rows: Ints, n_rows: int) -> pa.Table:
        """The rows with these numbers, of `n_rows`; those of an item stand together."""
        n_items = self.spec.n_items
        item = rows * n_items // n_rows
        nth = rows - -(-item * n_rows // n_items)  # of the item
        changes = np.maximum(nth - N_STATIC, -1)
        first_week = self.stock.launch_day[item] // 7
        week = np.where(changes < 0, first_week, first_week + 1 + changes // 3) % self.n_weeks
        hashed = FIRST_HASHED + 1 + (item * 7 + nth * 13) % (N_HASHED - 1)
        code = np.where(changes < 0, np.where(nth < FIRST_HASHED, nth, hashed), 0)
        code = np.where(changes < 0, code, np.array(VARYING)[changes % 3])
        columns = (
            self.spec.start_ms + week * WEEK_MS + TIME_OF_SNAPSHOT_MS,
            item,
            self.properties.take(pa.array(code)),
            self.words.take(pa.array(self._value(item, code, week))),
        )
        return pa.table(dict(zip(PROPERTY_COLUMNS, columns, strict=True)))

    def _value(self, item: Ints, code: Ints, week: Ints) -> Ints:
        """Position in `words` of the value that an item's property has in a week."""
        value = self.first_value + (item * 31 + code * 17 + week // 4) % N_VALUES
        value[code == CATEGORY] = self.stock.category[item[code == CATEGORY]]
        known = code == AVAILABLE
        value[known] = self.zero + ((item[known] * 7 + week[known] * 3) % 5 > 0)
        priced = code == PRICE
        cents = self.stock.price_on(item[priced], week[priced] * 7)
        level = np.searchsorted(self.levels, cents).clip(0, N_LEVELS - 1)
        value[priced] = self.cheapest + level
        return value


def _hashed_values(rng: np.random.Generator) -> list[str]:
    """Values such as ``n123.000 456 789`` or ``1116713 960601``: numbers with n, hashed words."""
    words = rng.integers(1_000, 1_400_000, (N_VALUES, 2)).astype(str).tolist()
    numbers = rng.integers(1, 1_000, N_VALUES).tolist()
    forms = ("n{0}.000 {1} {2}", "{1} {2} n{0}.000", "{1} {2}", "{1}")
    shapes = rng.integers(0, len(forms), N_VALUES).tolist()
    return [
        forms[shape].format(number, *pair)
        for shape, number, pair in zip(shapes, numbers, words, strict=True)
    ]
