import csv
import json
from collections import Counter
from datetime import date, datetime, timezone
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recomart.errors import BadInputError
from recomart.sources.generator import DEMO_SHOP, ShopSpec, generate_shop
from recomart.sources.generator.behaviour import STAGES, simulate
from recomart.sources.generator.stock import make_stock
from recomart.sources.generator.visits import DAY_MS
from recomart.vocabulary import EVENT_TYPES

SMALL = ShopSpec(n_users=40, n_items=30, n_events=900, days=9)
specs = st.builds(
    ShopSpec,
    layout=st.sampled_from(["basic", "retailrocket"]),
    n_users=st.integers(1, 60),
    n_items=st.integers(3, 80),
    n_events=st.integers(1, 400),
    days=st.integers(1, 30),
    seed=st.integers(0, 99),
)


def made(tmp_path_factory, **changes):
    spec = SMALL.model_copy(update=changes)
    return generate_shop(tmp_path_factory.mktemp("shop") / "new", spec)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return made(tmp_path_factory)


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def files_of(shop):
    return {
        path.relative_to(shop.folder).as_posix(): path.read_bytes()
        for path in shop.folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("layout", ["basic", "retailrocket"])
@pytest.mark.parametrize("dirt", [0.0, 0.1])
def test_the_same_spec_gives_the_same_bytes(tmp_path_factory, layout, dirt):
    one, two = (files_of(made(tmp_path_factory, layout=layout, dirt=dirt)) for _ in range(2))

    assert one == two


def test_another_seed_gives_another_shop(tmp_path_factory, shop):
    other = made(tmp_path_factory, seed=8)

    assert files_of(other)["products.json"] != files_of(shop)["products.json"]


def test_a_folder_that_holds_something_is_refused(tmp_path):
    (tmp_path / "mine.txt").touch()

    with pytest.raises(BadInputError, match="not empty"):
        generate_shop(tmp_path, SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


# --- laws of behaviour ---


@settings(max_examples=60)
@example(ShopSpec(n_users=4, n_items=3, n_events=8, days=1, seed=32))  # few clicks, by chance
@given(specs)
def test_any_shop_keeps_its_promises(spec):
    stock = make_stock(spec)
    events = simulate(spec, stock)
    day = (events.time_ms - spec.start_ms) // DAY_MS

    assert len(events.user) == spec.n_events
    assert (np.diff(events.time_ms) >= 0).all()
    assert day.min() >= 0
    assert day.max() < spec.days
    assert events.user.max() < spec.n_users
    assert (stock.launch_day[events.item] <= day).all()
    assert (stock.price_on(events.item, day) > 0).all()


@settings(max_examples=30)
@given(specs)
def test_no_stage_of_the_funnel_without_the_one_before(spec):
    events = simulate(spec, make_stock(spec))
    skipped = {1} if spec.layout == "retailrocket" else set()
    reached = {stage: Counter() for stage in range(len(STAGES))}
    for stage, *touch in zip(events.stage, events.session, events.item, strict=True):
        reached[int(stage)][tuple(touch)] += 1

    stages = [stage for stage in reached if stage not in skipped]
    for stage, following in pairwise(stages):
        assert not reached[following] - reached[stage]


@settings(max_examples=30)
@given(specs)
def test_the_category_tree_has_roots_and_no_cycle(spec):
    parents = make_stock(spec).parents

    for category in parents:
        path = [category]
        while (parent := parents[path[-1]]) is not None:
            assert parent not in path
            path.append(parent)


def test_everybody_comes_if_there_is_room():
    events = simulate(SMALL, make_stock(SMALL))

    assert len(np.unique(events.user)) == 40


# --- what makes the demo shop worth showing ---


@pytest.fixture(scope="module")
def demo():
    return make_stock(DEMO_SHOP), simulate(DEMO_SHOP, make_stock(DEMO_SHOP))


def test_popularity_has_a_tail(demo):
    count = np.sort(np.bincount(demo[1].item))[::-1]

    assert count[:60].sum() > 0.35 * count.sum()  # a tenth of the items
    assert np.median(count) < 0.6 * count.mean()


def test_activity_has_a_tail(demo):
    count = np.bincount(demo[1].user)

    assert np.median(count) < 0.6 * count.mean()
    assert count.max() < 0.02 * count.sum()


@pytest.mark.parametrize("start", [date(2026, 6, 1), date(2026, 6, 4)])
def test_weekends_are_busier_and_business_grows(start):
    spec = DEMO_SHOP.model_copy(update={"start": start})
    events = simulate(spec, make_stock(spec))
    n = np.bincount((events.time_ms - spec.start_ms) // DAY_MS)
    weekend = (np.arange(60) + start.weekday()) % 7 >= 5

    assert n[weekend].mean() > 1.1 * n[~weekend].mean()
    assert n[-14:].sum() > 1.2 * n[:14].sum()


def test_evenings_are_busier_than_nights(demo):
    hour = np.bincount(demo[1].time_ms // 3_600_000 % 24)

    assert hour[18:22].sum() > 5 * hour[1:5].sum()


def test_a_funnel_narrows(demo):
    n = np.bincount(demo[1].stage)

    assert n[0] > n[1] > n[2] > n[3] > 20 * n[4] > 0


def test_a_personal_model_beats_popularity_clearly(demo):
    stock, events = demo
    day = (events.time_ms - DEMO_SHOP.start_ms) // DAY_MS
    past = np.zeros((DEMO_SHOP.n_users, DEMO_SHOP.n_items))
    np.add.at(past, (events.user[day < 48], events.item[day < 48]), 1)
    new = np.zeros(past.shape, dtype=bool)
    new[events.user[day >= 48], events.item[day >= 48]] = True
    new &= past == 0
    shelf = np.eye(stock.shelf.max() + 1)[stock.shelf]
    popular = past.sum(axis=0)
    by_taste = (past @ shelf @ shelf.T) * popular

    def hits(scores):
        best = np.argsort(-np.where(past > 0, -1, scores), axis=1)[:, :10]
        return np.take_along_axis(new, best, axis=1).sum()

    assert hits(by_taste) > 1.5 * hits(np.broadcast_to(popular, past.shape))


# --- layout basic ---


def test_a_file_a_day_holds_the_events_of_that_day(shop):
    assert [path.name for path in shop.events][:2] == [
        "events-2026-06-01.csv",
        "events-2026-06-02.csv",
    ]
    assert len(shop.events) == 9
    for path in shop.events:
        assert all(row["occurred_at"][:10] in path.name for row in rows_of(path))


def test_events_are_whole_and_say_what_they_should(shop):
    events = [row for path in shop.events for row in rows_of(path)]

    assert len(events) == shop.n_rows == 900
    assert len({row["event_id"] for row in events}) == 900
    for row in events:
        is_bought = row["event_type"] in {"purchase", "cancel"}
        assert row["event_type"] in EVENT_TYPES
        assert row["device"] in {"web", "mobile"}
        assert bool(row["transaction_id"]) == is_bought
        assert bool(row["price"]) == bool(row["quantity"])
        assert datetime.fromisoformat(row["occurred_at"].replace("Z", "+00:00"))
        assert float(row["price"] or 1) > 0


def test_products_have_the_fake_store_shape(shop):
    products = json.loads(shop.products.read_text(encoding="utf-8"))
    shape = {"id", "title", "price", "description", "category", "image", "rating"}
    categories = {row["category_id"] for row in rows_of(shop.categories)}

    assert [product["id"] for product in products] == list(range(1, 31))
    for product in products:
        assert shape <= set(product)
        assert set(product["rating"]) == {"rate", "count"}
        assert product["category"] in categories
        assert product["price"] > 0


def test_a_product_costs_what_it_cost_last(tmp_path):
    shop = generate_shop(tmp_path / "new", DEMO_SHOP.model_copy(update={"dirt": 0.0}))
    last = {row["item_id"]: row["price"] for row in rows_of(shop.events[-1]) if row["price"]}
    products = json.loads(shop.products.read_text("utf-8"))
    prices = {str(product["id"]): product["price"] for product in products}

    assert len(last) > 100
    assert {item: float(price) for item, price in last.items()} == {i: prices[i] for i in last}


@pytest.mark.parametrize("n_items", [600, 20_000])
def test_no_two_titles_are_the_same(tmp_path, n_items):
    shop = generate_shop(tmp_path / "new", SMALL.model_copy(update={"n_items": n_items}))
    titles = [product["title"] for product in json.loads(shop.products.read_text("utf-8"))]

    assert len(set(titles)) == n_items


def test_a_rating_follows_a_purchase_and_makes_the_average(tmp_path):
    shop = generate_shop(tmp_path / "new", DEMO_SHOP.model_copy(update={"dirt": 0.0}))
    bought = {}
    for row in (row for path in shop.events for row in rows_of(path)):
        if row["event_type"] == "purchase":
            bought.setdefault((row["user_id"], row["item_id"]), row["occurred_at"])
    ratings, stars = rows_of(shop.ratings), {}
    for row in ratings:
        assert bought[row["user_id"], row["item_id"]] < row["occurred_at"] < "2026-07-31"
        stars.setdefault(row["item_id"], []).append(int(row["rating"]))

    assert len(ratings) > 1_000
    assert {star for given in stars.values() for star in given} == {1, 2, 3, 4, 5}
    for product in json.loads(shop.products.read_text("utf-8")):
        given = stars.get(str(product["id"]), [])
        assert product["rating"]["count"] == len(given)
        assert product["rating"]["rate"] == pytest.approx(np.mean(given or [0]), abs=0.051)


# --- layout retailrocket ---


@pytest.fixture(scope="module")
def rocket(tmp_path_factory):
    return made(tmp_path_factory, layout="retailrocket", start=date(2015, 5, 3), days=138)


def test_its_events_look_like_retailrockets(rocket):
    rows = rows_of(rocket.events[0])
    begin = datetime(2015, 5, 3, tzinfo=timezone.utc).timestamp() * 1000

    assert list(rows[0]) == ["timestamp", "visitorid", "event", "itemid", "transactionid"]
    assert len(rows) == 900
    assert {row["event"] for row in rows} == {"view", "addtocart", "transaction"}
    assert all(bool(row["transactionid"]) == (row["event"] == "transaction") for row in rows)
    assert all(begin <= int(row["timestamp"]) < begin + 138 * DAY_MS for row in rows)


def test_every_property_is_told_once_a_week(rocket):
    rows = [row for path in rocket.properties for row in rows_of(path)]
    keys = {(row["timestamp"], row["itemid"], row["property"]) for row in rows}
    categories = {row["categoryid"] for row in rows_of(rocket.categories)}

    assert len(rows) == len(keys) == 50 * 30
    assert {row["itemid"] for row in rows} == {str(item) for item in range(30)}
    assert all(row["value"] in categories for row in rows if row["property"] == "categoryid")
    assert {row["value"] for row in rows if row["property"] == "available"} == {"0", "1"}
    assert all(row["value"].startswith("n") for row in rows if row["property"] == "790")


@pytest.mark.parametrize("n_rows", [1, 7, 100, 3_001])
def test_properties_are_as_many_as_asked_for(tmp_path, n_rows):
    changes = {"layout": "retailrocket", "n_property_rows": n_rows}
    shop = generate_shop(tmp_path / "new", SMALL.model_copy(update=changes))

    rows = [row for path in shop.properties for row in rows_of(path)]
    with_category = Counter(row["itemid"] for row in rows if row["property"] == "categoryid")

    assert len(rows) == n_rows
    assert with_category == Counter({row["itemid"] for row in rows})
