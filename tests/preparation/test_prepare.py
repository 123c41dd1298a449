"""Preparation: enriched as of then, in sessions, by day; the same however it was reached."""

from statistics import median

import pytest

from recomart.errors import SettingsError
from recomart.lake import Dates
from recomart.preparation.stage import prepare
from recomart.vocabulary import COLUMNS_OF, DAY_US, MINUTE_US, PREPARED_COLUMNS
from tests.preparation.shop import NOON, at, event, product, settings, write_valid

EVENTS = settings(events="events")
SHOP = settings(events="events", c="catalogue", tree="categories", props="item_properties")


def prepared(bench):
    prepare(bench)
    return bench.read("events").order_by("occurred_us", "event_id").to_pyarrow().to_pylist()


@pytest.fixture
def shop(make_bench):
    def shop(rows, using=EVENTS, **options):
        bench = make_bench(settings=using, **options)
        files = {}
        for row in rows:
            files.setdefault(f"day-{row['occurred_us'] // DAY_US:03d}", []).append(row)
        write_valid(bench, "events", "events", files)
        return bench

    return shop


def test_the_columns_are_those_of_the_vocabulary(shop):
    [row] = prepared(shop([event(1, "ann", "mug", "view", at(4))]))

    assert list(row) == list(PREPARED_COLUMNS)
    assert (row["day"], row["hour"], row["day_of_week"], row["strength"]) == (4, 12, 0, 1.0)


@pytest.mark.parametrize(
    ("minutes", "sessions", "positions"),
    [
        ([0, 29, 58], 1, [1, 2, 3]),
        ([0, 30, 31], 1, [1, 2, 3]),
        ([0, 30.1, 31], 2, [1, 1, 2]),
        ([0, 0, 0], 1, [1, 2, 3]),
    ],
)
def test_silence_ends_a_session(shop, minutes, sessions, positions):
    rows = [event(n, "ann", "mug", "view", at(4, m)) for n, m in enumerate(minutes)]
    found = prepared(shop(rows))

    assert len({row["session_id"] for row in found}) == sessions
    assert [row["session_position"] for row in found] == positions


def test_a_session_goes_on_over_midnight_and_users_do_not_mix(shop):
    midnight = 5 * DAY_US
    rows = [
        event(1, "ann", "mug", "view", midnight - 10 * MINUTE_US),
        event(2, "bob", "mug", "view", midnight - 5 * MINUTE_US),
        event(3, "ann", "pen", "view", midnight + 10 * MINUTE_US),
    ]
    found = prepared(shop(rows))

    assert found[0]["session_id"] == found[2]["session_id"] != found[1]["session_id"]
    assert found[2]["session_position"] == 2


def test_the_shop_s_session_and_the_list_that_was_shown_are_kept_beside_ours(shop):
    told = {"shop_session_id": "visit-1", "recommendation_id": "3aa4ecdcbe65-66012d01ba7a"}
    rows = [
        event(1, "ann", "mug", "click", at(4), **told),
        event(2, "ann", "pen", "click", at(4, 99), shop_session_id="visit-1"),
        event(3, "bob", "mug", "click", at(4)),
    ]
    found = prepared(shop(rows))

    assert [{name: row[name] for name in told} for row in found] == [
        told,
        dict.fromkeys(told),
        {**told, "recommendation_id": None},
    ]
    assert len({row["session_id"] for row in found}) == 3


def test_valid_rows_from_before_a_column_was_there_have_none_in_it(shop, monkeypatch):
    bench = shop([])
    with monkeypatch.context() as before:
        new = ("shop_session_id", "recommendation_id")
        older = {name: kind for name, kind in COLUMNS_OF["events"].items() if name not in new}
        before.setitem(COLUMNS_OF, "events", older)  # put back one by one they would be last
        write_valid(bench, "events", "events", {"a": [event(1, "ann", "mug", "view", at(4))]})

    [row] = prepared(bench)
    assert (row["shop_session_id"], row["recommendation_id"]) == (None, None)


def made_days():
    """Ten days of a few users who stay up late."""
    rows = []
    for day in range(10):
        for n in range(6):
            moment = day * DAY_US + (n * 4 * 60 + 5 * day) * MINUTE_US - NOON // 3
            user = "ann" if n % 2 else "bob"
            rows.append(event(f"{day}-{n}", user, f"i{n % 3}", "view", moment + DAY_US))
            rows.append(event(f"{day}-{n}b", user, "i9", "purchase", moment + DAY_US + MINUTE_US))
    return rows


def test_one_by_one_or_all_at_once_gives_the_same_bytes(shop, tmp_path):
    rows = made_days()
    prepare(shop(rows, folder=tmp_path / "at-once"))
    at_once = shop(rows, folder=tmp_path / "at-once").lake.latest("events")
    days = sorted({row["occurred_us"] // DAY_US for row in rows})
    for last in days:
        some = [row for row in rows if row["occurred_us"] // DAY_US <= last]
        bench = shop(some, folder=tmp_path / "by-day")
        prepare(bench)
    by_day = bench.lake.latest("events")

    assert by_day.version == at_once.version
    assert len(by_day.files) == len(days)


def test_a_late_file_changes_its_day_and_the_session_that_goes_on(shop):
    midnight = 5 * DAY_US
    rows = [
        event(1, "ann", "pen", "view", midnight + 10 * MINUTE_US),
        event(2, "bob", "pen", "view", at(8)),
    ]
    before = prepared(shop(rows))
    late = event(3, "ann", "mug", "view", midnight - 10 * MINUTE_US)
    bench = shop([*rows, late])
    kept = bench.lake.latest("events").by_partition()["1970-01-09"]
    after = prepared(bench)

    assert [row["session_position"] for row in after] == [1, 2, 1]
    assert after[1]["session_id"] != before[0]["session_id"]
    assert bench.lake.latest("events").by_partition()["1970-01-09"] == kept


def test_only_the_days_asked_for_are_made(shop):
    rows = [event(1, "ann", "mug", "view", at(1)), event(2, "ann", "mug", "view", at(3))]
    bench = shop(rows, dates=Dates("1970-01-04", None))
    prepare(bench)

    manifest = bench.lake.latest("events")
    assert [entry.partition for entry in manifest.files] == ["1970-01-04"]
    assert manifest.counts["later"] == 1


def test_an_event_is_priced_as_the_catalogue_was_then(shop):
    rows = [event(n, "ann", "mug", "view", at(day)) for n, day in enumerate((1, 4, 8))]
    rows.append(event(9, "bob", "mug", "view", at(8, 1), price=1.5))
    bench = shop(rows, SHOP)
    snapshots = {
        "a": [product("mug", at(3), title="Mug", price=3.0, category_id="cups")],
        "b": [product("mug", at(6), title="Mug", price=4.0, category_id="cups")],
    }
    write_valid(bench, "c", "catalogue", snapshots)
    write_valid(bench, "props", "item_properties", {"p": []})
    found = prepared(bench)

    assert [row["price"] for row in found] == [3.0, 3.0, 4.0, 1.5]
    assert {row["category_id"] for row in found} == {"cups"}


def test_news_of_an_item_reach_the_days_before_it_and_no_others(shop, tmp_path):
    rows = [event(1, "bob", "mug", "view", at(1)), event(2, "ann", "pen", "view", at(4))]
    using = settings(events="events", c="catalogue")
    first = {"c1": [product("mug", at(1), price=3.0)]}
    both = {**first, "c2": [product("pen", at(8), price=7.0)]}

    def run(folder, catalogue):
        bench = shop(rows, using, folder=tmp_path / folder)
        write_valid(bench, "c", "catalogue", catalogue)
        prices = [row["price"] for row in prepared(bench)]
        return prices, bench.lake.latest("events")

    before, old = run("step-by-step", first)
    after, new = run("step-by-step", both)

    assert (before, after) == ([3.0, None], [3.0, 7.0])
    assert new.by_partition()["1970-01-02"] == old.by_partition()["1970-01-02"]
    assert new.version == run("at-once", both)[1].version


def test_properties_become_intervals_without_repeats(shop):
    bench = shop([event(1, "ann", "mug", "view", at(9))], SHOP)

    def prop(day, name, value):
        told = {"item_id": "mug", "property": name, "value": value, "source": "props"}
        return told | {"occurred_us": at(day), "arrived_us": at(day)}

    rows = [prop(1, "790", "n3.000"), prop(2, "790", "n3.000"), prop(3, "790", "n4.500")]
    rows += [prop(3, "categoryid", "7"), prop(4, "888", "n1.000"), prop(5, "available", "0")]
    write_valid(bench, "props", "item_properties", {"p": rows})
    write_valid(bench, "c", "catalogue", {"c": []})
    prepare(bench)
    history = bench.read("item_history").order_by("valid_from_us").to_pyarrow().to_pylist()

    told = [(row["price"], row["category_id"], row["available"]) for row in history]
    assert told == [(3.0, None, None), (4.5, "7", None), (4.5, "7", False)]
    ends = [row["valid_to_us"] for row in history]
    assert ends[:-1] == [row["valid_from_us"] for row in history[1:]]


@pytest.mark.parametrize(
    ("text", "price"),
    [("n3.000", 3.0), (" 7.5 ", 7.5), (".5", 0.5), ("2e3", 2000.0), ("-1", -1.0), ("", None)]
    + [(text, None) for text in ("inf", "-inf", "nan", "1e400", "12d", "1_000", "0x1F", "3,5")],
)
def test_a_price_among_the_properties_is_decimal_digits_or_none(shop, text, price):
    bench = shop([event(1, "ann", "mug", "view", at(9))], SHOP)
    told = {"item_id": "mug", "property": "790", "value": text, "source": "props"}
    at_once = dict.fromkeys(("occurred_us", "arrived_us"), at(1))
    write_valid(bench, "props", "item_properties", {"p": [told | at_once]})
    prepare(bench)

    assert bench.read("item_history").to_pyarrow()["price"].to_pylist() == [price]


@pytest.mark.parametrize("prices", [[3.0], [1.0, 5.0], [2.0, 0.1, 9.0], [0.1, 0.2, 0.3, 1e12], []])
def test_a_price_that_lacks_is_the_median_of_its_category(shop, prices):
    bench = shop([event(1, "ann", "lacks", "view", at(1))], SHOP)
    rows = [product(f"i{n}", at(0), price=price) for n, price in enumerate(prices)]
    rows += [product("lacks", at(0)), product("bare", at(0), category_id="empty")]
    far = product("far", at(0), price=77.0, category_id="other")
    told = [{**row, "category_id": row["category_id"] or "cups"} for row in rows]
    write_valid(bench, "c", "catalogue", {"c": [*told, far]})
    prepare(bench)
    items = {row["item_id"]: row for row in bench.read("catalogue").to_pyarrow().to_pylist()}

    assert items["lacks"]["price"] == (median(prices) if prices else 77.0)
    assert items["bare"]["price"] == median([*prices, 77.0])
    assert items["bare"]["is_price_imputed"]


def test_no_events_make_empty_tables(shop):
    bench = shop([], EVENTS)
    write_valid(bench, "events", "events", {"none": []})

    assert prepared(bench) == []
    assert bench.read("events").columns == tuple(PREPARED_COLUMNS)
    assert bench.lake.latest("catalogue").rows == 0


def test_gaps_of_the_catalogue_are_filled_and_flagged(shop):
    rows = [event(1, "ann", "mug", "view", at(1)), event(2, "ann", "pen", "view", at(1))]
    bench = shop(rows, SHOP)
    told = {"c": [product("mug", at(0), title="Mug", price=3.0, category_id="cups")]}
    write_valid(bench, "c", "catalogue", told)
    write_valid(bench, "props", "item_properties", {"p": []})
    prepare(bench)
    items = {row["item_id"]: row for row in bench.read("catalogue").to_pyarrow().to_pylist()}

    assert (items["mug"]["title"], items["mug"]["is_title_imputed"]) == ("Mug", False)
    assert (items["pen"]["title"], items["pen"]["is_title_imputed"]) == ("pen", True)
    assert (items["pen"]["price"], items["pen"]["is_price_imputed"]) == (3.0, True)


def test_the_category_tree_has_paths_and_survives_circles(shop):
    bench = shop([event(1, "ann", "mug", "view", at(1))], SHOP)
    edges = [("cups", "kitchen"), ("kitchen", None), ("a", "b"), ("b", "a"), ("lost", "nowhere")]
    rows = [{"category_id": c, "parent_id": p, "arrived_us": 0, "source": "tree"} for c, p in edges]
    write_valid(bench, "tree", "categories", {"t": rows})
    prepare(bench)
    tree = {row["category_id"]: row for row in bench.read("categories").to_pyarrow().to_pylist()}

    assert (tree["cups"]["path"], tree["cups"]["depth"]) == ("/kitchen/cups", 1)
    assert tree["cups"]["root_id"] == "kitchen"
    assert {"a", "b", "lost"} <= set(tree)
    assert bench.lake.latest("categories").counts["cut"] >= 1


def test_an_event_from_two_sources_counts_once(make_bench):
    bench = make_bench(settings=settings(events="events", api="events"))
    row = event(1, "ann", "mug", "view", at(1))
    write_valid(bench, "events", "events", {"f": [row]})
    write_valid(bench, "api", "events", {"f": [row | {"source": "api"}]})
    found = prepared(bench)

    assert len(found) == 1
    counts = bench.lake.latest("events").counts
    assert counts == {"in": 2, "events": 1, "duplicates": 1, "later": 0}


def test_without_a_source_of_events_it_says_so(make_bench):
    with pytest.raises(SettingsError, match="No source holds events"):
        prepare(make_bench(settings=settings(tree="categories")))
