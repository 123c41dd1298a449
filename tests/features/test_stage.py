"""The feature stage and its warehouse: whole, repeatable, and safe to kill."""

import pytest

from recomart.engines import DuckDBEngine, connect
from recomart.errors import ArtefactError
from recomart.features.encoders import Encoders, category_codes, fit_encoders
from recomart.features.stage import build_features
from recomart.features.views import VIEWS
from recomart.settings import EngineSettings
from recomart.vocabulary import DAY_US, PREPARED_COLUMNS
from tests.features.shop import AT_US, CATEGORIES, HISTORY, event, inputs, table, version

KINDS = ["view", "view", "add_to_cart", "purchase", "cancel", "rate"]


def shop_events(n=400):
    return [
        event(
            number,
            f"u{number * 7 % 23}",
            f"i{number * 5 % 17}",
            KINDS[number % 6],
            number % 37 + number / 1000,
            price=float(number % 9) + 0.1,
            category_id=f"c{number % 3}",
            rating=4.0 if number % 6 == 5 else None,
        )
        for number in range(1, n)
    ]


@pytest.fixture
def prepared(make_bench):
    def prepared(events=None, **options):
        bench = make_bench("features", **options)
        bench.write("events", table(events or shop_events(), PREPARED_COLUMNS))
        bench.write("catalogue", table([], {"item_id": "string"}))
        bench.write("categories", table([], CATEGORIES))
        bench.write("item_history", table([version("i1", 90, 2.0, "c1")], HISTORY))
        return bench

    return prepared


@pytest.fixture
def built(prepared):
    bench = prepared()
    build_features(bench)
    return bench


def test_every_view_is_written_with_the_moment_it_is_of(built):
    newest = max(row["occurred_us"] for row in shop_events())

    for name in VIEWS:
        assert built.lake.latest(name).details == {"at_us": newest + 1}


def test_users_and_items_count_the_same_interactions(built):
    counts = [
        built.con.to_pyarrow(built.read(name).total_interactions.sum()).as_py()
        for name in ("user_features", "item_features")
    ]
    pairs = built.con.to_pyarrow(built.read("user_item_features").interaction_count.sum()).as_py()
    kept = [row for row in shop_events() if row["event_type"] not in {"cancel", "rate"}]

    assert counts == [len(kept), len(kept)]
    assert pairs == len(kept)


def test_the_same_events_give_the_same_bytes_on_one_thread_or_two(prepared, tmp_path):
    versions = []
    for threads in (1, 2):
        bench = prepared(folder=tmp_path / str(threads))
        object.__setattr__(bench, "con", connect(EngineSettings(threads=threads), tmp_path / "s"))
        build_features(bench)
        versions.append([bench.lake.latest(name).version for name in VIEWS])

    assert versions[0] == versions[1]


def test_encoders_are_kept_and_read_again(built):
    stored = Encoders.from_json(built.lake.read("encoders", "encoders.json"))

    assert stored.categories == {"c0": 1, "c2": 2, "c1": 3}
    assert (stored.price_min, stored.price_max) == (0.1, 8.1)


def test_encoders_know_the_past_only():
    rows = shop_events()
    first = min(row["occurred_us"] for row in rows)
    engine = DuckDBEngine(connect(EngineSettings()))
    early = fit_encoders(engine, inputs(rows, at_us=first), first)

    assert early.categories == {}
    assert early.price_min is None


@pytest.mark.parametrize("data", [b"{}", b"no", b'{"format": 1}'])
def test_other_encoders_are_refused(data):
    with pytest.raises(ArtefactError):
        Encoders.from_json(data)


def test_a_category_keeps_its_code_when_others_become_known():
    rows = [
        event(1, "ann", "mug", "view", 9, category_id="hats"),
        event(2, "ann", "mug", "view", 5, category_id="cups"),
        event(3, "ann", "mug", "view", 1, category_id="arms"),
    ]
    codes = [
        category_codes(inputs(rows, at_us=at)).order_by("code")
        for at in (AT_US, AT_US - 3 * DAY_US)
    ]
    now, before = (dict(zip(*c.to_pyarrow().to_pydict().values(), strict=True)) for c in codes)

    assert now == {"hats": 1, "cups": 2, "arms": 3}
    assert before == {"hats": 1, "cups": 2}
