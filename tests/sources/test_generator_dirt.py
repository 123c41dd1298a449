"""The dirt of a made shop is what its counts say, and takes nothing from the real rows."""

import csv
import io
import json
from collections import Counter

import pytest

from recomart.sources.generator import ShopSpec, generate_shop
from recomart.sources.generator.words import AWKWARD_IDS

SMALL = ShopSpec(n_users=40, n_items=30, n_events=2_000, days=6)
N_FIELDS = {"basic": 9, "retailrocket": 5}


def bodies_of(shop):
    return [path.read_bytes().split(b"\n", 1)[1] for path in shop.events]


@pytest.fixture(scope="module", params=N_FIELDS)
def pair(request, tmp_path_factory):
    """The same shop without and with dirt."""
    folder = tmp_path_factory.mktemp("shops")
    spec = SMALL.model_copy(update={"layout": request.param})
    clean = generate_shop(folder / "clean", spec)
    return clean, generate_shop(folder / "dirty", spec.model_copy(update={"dirt": 0.05}))


def added(pair):
    """The dirty rows as fields, read by a reader that takes anything."""
    clean, dirty = pair
    rows = []
    for before, after in zip(bodies_of(clean), bodies_of(dirty), strict=True):
        read = csv.reader(io.StringIO(after.decode("utf-8", "surrogateescape"), newline=""))
        left = Counter(tuple(row) for row in read)
        left -= Counter(tuple(line.split(",")) for line in before.decode().splitlines())
        rows += left.elements()
    return rows


def test_all_real_rows_are_still_there_and_in_order(pair):
    for before, after in zip(*map(bodies_of, pair), strict=True):
        lines = iter(after.split(b"\n"))

        assert all(line in lines for line in before.split(b"\n"))


def test_rows_add_up(pair):
    clean, dirty = pair

    assert clean.dirt_counts == {}
    assert sum(dirty.dirt_counts.values()) == len(added(pair)) == 100
    assert dirty.n_rows == 2_100
    assert max(dirty.dirt_counts.values()) - min(dirty.dirt_counts.values()) <= 1


def test_each_kind_is_there_as_often_as_counted(pair):
    n_fields = N_FIELDS[pair[0].spec.layout]
    rows, counts = added(pair), pair[1].dirt_counts
    whole = [row for row in rows if len(row) == n_fields]
    real = {tuple(line.split(",")) for b in bodies_of(pair[0]) for line in b.decode().splitlines()}
    found = Counter(
        exact_duplicate=sum(row in real for row in rows),
        missing_fields=sum(len(row) < n_fields for row in rows),
        extra_field=sum(len(row) > n_fields for row in rows),
        unknown_event_type=sum("teleport" in row for row in whole),
        unreadable_time=sum("yesterday" in row for row in whole),
        future_time=sum(any(f[:5] in {"2999-", "32472"} for f in row) for row in whole),
        nul_byte=sum(any("\x00" in field for field in row) for row in whole),
        bad_utf8=sum(any("\udcff" in field for field in row) for row in whole),
        awkward_item_id=sum(any(field in AWKWARD_IDS for field in row) for row in whole),
    )

    assert {kind: counts[kind] for kind in found} == found


def test_numbers_go_wrong_in_every_way_where_there_are_numbers(pair):
    rows, counts = added(pair), pair[1].dirt_counts
    wrong = {
        "nan_price": "NaN",
        "infinite_price": "inf",
        "overflowing_price": "1e309",
        "negative_price": "-12.50",
        "negative_quantity": "-3",
    }
    found = {kind: sum(row[7:].count(value) for row in rows) for kind, value in wrong.items()}
    has_numbers = pair[0].spec.layout == "basic"

    assert all((n > 0) == has_numbers and n == counts.get(kind, 0) for kind, n in found.items())


def test_a_missing_user_and_item_are_empty(pair):
    layout = pair[0].spec.layout
    user, item = (1, 2) if layout == "basic" else (1, 3)
    whole = [row for row in added(pair) if len(row) == N_FIELDS[layout]]

    assert sum(not row[user] for row in whole) == pair[1].dirt_counts["missing_user"] > 0
    assert sum(not row[item] for row in whole) == pair[1].dirt_counts["missing_item"] > 0


def test_awkward_items_are_in_the_catalogue(tmp_path):
    shop = generate_shop(tmp_path / "new", SMALL.model_copy(update={"dirt": 0.1}))
    ids = [product["id"] for product in json.loads(shop.products.read_text("utf-8"))]

    assert ids[30:] == list(AWKWARD_IDS)
