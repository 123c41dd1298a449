"""Layout `basic`: daily event files, ratings, categories, and products in the Fake Store shape."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from recomart.sources.generator.behaviour import STAGES, Events, simulate
from recomart.sources.generator.dirt import Dirt, columns_of
from recomart.sources.generator.spec import GeneratedShop, ShopSpec
from recomart.sources.generator.stock import N_STYLES, Stock, make_stock
from recomart.sources.generator.text import (
    as_csv,
    header_of,
    iso,
    money,
    numbered,
    only_where,
    taken,
)
from recomart.sources.generator.visits import DAY_MS
from recomart.sources.generator.words import AWKWARD_IDS, BRANDS, COLOURS, LEAVES

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

EVENT_COLUMNS = (
    "event_id", "user_id", "item_id", "event_type", "occurred_at",
    "device", "transaction_id", "quantity", "price",
)  # fmt: skip
RATED = 0.35  # share of purchases
STEP = 37  # through the titles of a shelf; prime, so that none comes twice before all came once


def write_basic(folder: Path, spec: ShopSpec) -> GeneratedShop:
    """Write the files; see `generate_shop`."""
    stock = make_stock(spec)
    events = simulate(spec, stock)
    dirt = _dirt(spec)
    days, n_rows = _write_events(folder / "events", spec, stock, events, dirt)
    ratings = _ratings(spec, stock, events)
    _write_ratings(folder / "ratings.csv", spec, ratings)
    products = _products(spec, stock, ratings)
    lines = ",\n".join(json.dumps(product, ensure_ascii=False) for product in products)
    (folder / "products.json").write_bytes(f"[{lines}]\n".encode())
    tree = {"category_id": list(stock.parents), "parent_id": list(stock.parents.values())}
    (folder / "categories.csv").write_bytes(header_of(tree) + as_csv(tree))
    return GeneratedShop(
        spec=spec,
        folder=folder,
        events=days,
        categories=folder / "categories.csv",
        n_rows=n_rows,
        products=folder / "products.json",
        ratings=folder / "ratings.csv",
        dirt_counts=dict(dirt.counts),
    )


def _dirt(spec: ShopSpec) -> Dirt:
    columns = columns_of(
        EVENT_COLUMNS,
        id="event_id",
        user="user_id",
        item="item_id",
        type="event_type",
        time="occurred_at",
        price="price",
        quantity="quantity",
    )
    return Dirt(spec.dirt, spec.n_events, spec.seed, columns)


def _write_events(
    folder: Path, spec: ShopSpec, stock: Stock, events: Events, dirt: Dirt
) -> tuple[tuple[Path, ...], int]:
    """Write a file for each day; return them and the number of their rows."""
    folder.mkdir(parents=True)
    table = _event_columns(spec, stock, events)
    day = (events.time_ms - spec.start_ms) // DAY_MS
    ends = np.searchsorted(day, np.arange(spec.days + 1)).tolist()
    paths = []
    for number, (begin, end) in enumerate(pairwise(ends)):
        name = np.datetime64(spec.start, "D") + number
        path = folder / f"events-{name}.csv"
        body = as_csv({key: column[begin:end] for key, column in table.items()})
        path.write_bytes(header_of(table) + dirt.spoil(body, begin))
        paths.append(path)
    return tuple(paths), len(events.user) + dirt.counts.total()


def _event_columns(spec: ShopSpec, stock: Stock, events: Events) -> dict[str, pa.Array]:
    """The columns of the event files, in `EVENT_COLUMNS`' order."""
    n = len(events.user)
    cents = stock.price_on(events.item, (events.time_ms - spec.start_ms) // DAY_MS)
    carted, bought = events.stage >= 2, events.stage >= 3
    columns = (
        numbered("e", np.arange(n), len(str(n))),
        _user_ids(spec, events.user),
        pa.array(events.item + 1).cast(pa.string()),
        taken(list(STAGES), events.stage),
        iso(events.time_ms),
        taken(["web", "mobile"], events.is_mobile.astype(np.int64)),
        only_where(bought, numbered("t", events.session, len(str(n)))),
        only_where(carted, pa.array(events.quantity).cast(pa.string())),
        only_where(carted, money(cents)),
    )
    return dict(zip(EVENT_COLUMNS, columns, strict=True))


def _user_ids(spec: ShopSpec, users: Ints) -> pa.Array:
    return numbered("u", users + 1, len(str(spec.n_users)))


# --- ratings --------------------------------------------------------------------------------


def _ratings(spec: ShopSpec, stock: Stock, events: Events) -> dict[str, Ints]:
    """Ratings that buyers left, one a user and item, in order of time."""
    rng = np.random.default_rng([spec.seed, 6])
    bought = np.flatnonzero((events.stage == 3) & (rng.random(len(events.stage)) < RATED))
    stars = stock.quality[events.item[bought]] + 0.5 * events.to_taste[bought]
    stars = np.clip(np.round(stars + rng.normal(0, 0.9, len(bought))), 1, 5).astype(np.int64)
    time_ms = events.time_ms[bought] + rng.integers(DAY_MS, 14 * DAY_MS, len(bought))
    user, item = events.user[bought], events.item[bought]
    _, first = np.unique(user * spec.n_items + item, return_index=True)
    kept = first[time_ms[first] < spec.start_ms + spec.days * DAY_MS]
    kept = kept[np.argsort(time_ms[kept], kind="stable")]
    return {
        "user": user[kept],
        "item": item[kept],
        "stars": stars[kept],
        "time_ms": time_ms[kept],
    }


def _write_ratings(path: Path, spec: ShopSpec, ratings: dict[str, Ints]) -> None:
    columns = {
        "user_id": _user_ids(spec, ratings["user"]),
        "item_id": pa.array(ratings["item"] + 1).cast(pa.string()),
        "rating": pa.array(ratings["stars"]).cast(pa.string()),
        "occurred_at": iso(ratings["time_ms"]),
    }
    path.write_bytes(header_of(columns) + as_csv(columns))


# --- products -------------------------------------------------------------------------------


def _products(spec: ShopSpec, stock: Stock, ratings: dict[str, Ints]) -> list[dict[str, Any]]:
    """The catalogue on the last day; with dirt, items whose ids are awkward too."""
    count = np.bincount(ratings["item"], minlength=spec.n_items)
    total = np.bincount(ratings["item"], ratings["stars"], minlength=spec.n_items)
    rate = np.round(total / np.maximum(count, 1), 1).tolist()
    items = np.arange(spec.n_items)
    cents = stock.price_on(items, np.full(spec.n_items, spec.days - 1)).tolist()
    place = np.empty(spec.n_items, dtype=np.int64)  # within the shelf
    place[stock.line] = items - stock.shelf_ends[stock.shelf[stock.line]]
    products = [
        {
            "id": n + 1,
            **_words(int(stock.shelf[n]), int(place[n]), cents[n] / 100),
            "image": f"https://shop.example/images/{n + 1}.jpg",
            "rating": {"rate": rate[n], "count": int(count[n])},
        }
        for n in range(spec.n_items)
    ]
    awkward = AWKWARD_IDS if spec.dirt else ()
    return products + [{**products[0], "id": name} for name in awkward]


def _words(shelf: int, place: int, price: float) -> dict[str, Any]:
    """Title, price, description, category and brand of the item at a place of its shelf."""
    leaf, style = LEAVES[shelf // N_STYLES], shelf % N_STYLES
    nouns, materials, colours = leaf.nouns, leaf.materials, COLOURS[style]
    n_titles = len(nouns) * len(materials) * len(colours)
    series, nth = divmod(place, n_titles)
    rest, noun_at = divmod((nth * STEP + shelf) % n_titles, len(nouns))
    colour_at, material_at = divmod(rest, len(materials))
    noun, material, colour = nouns[noun_at], materials[material_at], colours[colour_at]
    brand = BRANDS[style][place % len(BRANDS[style])]
    title = f"{material} {noun}, {colour}" + (f", No. {series + 1}" if series else "")
    return {
        "title": title,
        "price": price,
        "description": f"{material} {noun.lower()} in {colour}, by {brand}. {leaf.use}",
        "category": leaf.leaf,
        "brand": brand,
    }
