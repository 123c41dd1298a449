"""Every view, on a shop small enough to be checked on paper."""

import math

import pytest

from recomart.features.category import category_features
from recomart.features.item import item_features
from recomart.features.pairs import item_pairs
from recomart.features.session import session_features
from recomart.features.time import time_features
from recomart.features.user import user_features
from recomart.features.user_item import user_item_features
from recomart.features.views import VIEWS
from recomart.settings import FeatureSettings
from tests.features.shop import computed, event, inputs, version

SHOP = [
    event(1, "ann", "mug", "view", 10, price=4.0, category_id="cups"),
    event(2, "ann", "mug", "purchase", 3, price=4.0, category_id="cups"),
    event(3, "ann", "pen", "view", 0.5, price=1.0, category_id="pens"),
    event(4, "ann", "mug", "cancel", 0.25, price=4.0, category_id="cups"),
    event(5, "bob", "mug", "view", 20, price=4.0, category_id="cups"),
    event(6, "bob", "mug", "add_to_cart", 19.999, price=4.0, category_id="cups"),
    event(7, "ann", "mug", "rate", 1, rating=5.0),
    event(8, "bob", "mug", "rate", 1, rating=3.0),
    event(9, "ann", "pen", "rate", 1, rating=2.0),
]


@pytest.fixture(scope="module")
def shop():
    tree = [
        {"category_id": "cups", "parent_id": "all", "path": "/all/cups", "depth": 1},
        {"category_id": "pens", "parent_id": "all", "path": "/all/pens", "depth": 1},
        {"category_id": "hats", "parent_id": "all", "path": "/all/hats", "depth": 1},
    ]
    history = [version("mug", 50, 4.0, "cups", 5), version("mug", 5, 5.0, "cups")]
    history.append(version("pan", 50, 15.0, "cups"))
    return inputs(SHOP, history, tree)


def test_a_user_is_counted_without_cancellations_and_ratings(shop):
    ann = computed(user_features, shop)["ann"]

    assert (ann["total_interactions"], ann["n_purchases"], ann["n_cancels"]) == (3, 0, 1)
    assert ann["total_interaction_score"] == 1 + 5 + 1 - 5
    assert ann["avg_interaction_score"] == pytest.approx(2 / 3)
    assert (ann["interactions_1d"], ann["interactions_7d"], ann["interactions_30d"]) == (1, 2, 3)
    assert (ann["purchases_7d"], ann["distinct_items"]) == (1, 2)
    assert ann["days_since_last_interaction"] == pytest.approx(0.25)
    assert ann["days_since_first_interaction"] == pytest.approx(10)


def test_a_user_has_ratings_given_and_a_favourite(shop):
    users = computed(user_features, shop)

    assert users["ann"]["avg_rating_given"] == pytest.approx(3.5)
    assert users["ann"]["range_rating_given"] == pytest.approx(3.0)
    assert users["ann"]["var_rating_given"] == pytest.approx(2.25)
    assert users["ann"]["favourite_category"] == "cups"
    assert users["ann"]["favourite_category_share"] == pytest.approx(2 / 3)
    assert users["ann"]["avg_price"] == pytest.approx(3.0)


def test_an_item_is_counted_and_converted(shop):
    mug = computed(item_features, shop)["mug"]

    assert (mug["total_interactions"], mug["distinct_users"], mug["n_views"]) == (4, 2, 2)
    assert (mug["n_carts"], mug["n_purchases"], mug["n_cancels"]) == (1, 0, 1)
    assert mug["conversion_to_cart"] == pytest.approx(0.5)
    assert mug["conversion_to_purchase"] == pytest.approx(0.0)
    assert mug["trend"] == pytest.approx(math.log(2 / 2))


def test_an_item_is_rated_and_ranked(shop):
    items = computed(item_features, shop)

    assert (items["mug"]["avg_rating"], items["mug"]["n_ratings"]) == (4.0, 2)
    assert items["mug"]["rating_consistency"] == pytest.approx(0.5)
    assert (items["mug"]["popularity"], items["pen"]["popularity"]) == (1.0, 0.5)


def test_an_item_is_priced_as_of_the_moment(shop):
    mug = computed(item_features, shop)["mug"]

    assert mug["price"] == 5.0
    assert mug["price_change_7d"] == pytest.approx(0.25)
    assert mug["price_relative_to_category"] == pytest.approx(0.5)
    assert mug["price_normalised"] == 1.0
    assert mug["category_code"] == 1


def test_an_item_the_catalogue_does_not_know_has_no_price(shop):
    pen = computed(item_features, shop)["pen"]

    assert pen["price"] is None
    assert pen["category_code"] == 0


def test_a_user_and_an_item_have_what_they_share(shop):
    pairs = computed(user_item_features, shop)
    both = pairs["ann", "mug"]

    assert (both["interaction_count"], both["total_interaction_score"]) == (2, 1.0)
    assert both["affinity"] == pytest.approx(0.5)
    assert both["rating_difference"] == pytest.approx(1.0)
    assert pairs["bob", "mug"]["rating_difference"] == pytest.approx(-1.0)


def test_a_session_has_its_length_dwell_and_last_items():
    rows = [
        event(n, "ann", item, kind, 1 - n / 1440, session_id="s")
        for n, (item, kind) in enumerate([("a", "view"), ("b", "view"), ("c", "purchase")], 1)
    ]
    session = computed(session_features, inputs(rows))["s"]

    assert (session["length"], session["n_items"], session["duration_s"]) == (3, 3, 120.0)
    assert session["mean_dwell_s"] == 60.0
    assert [session[f"last_item{n}"] for n in ("", "_2", "_3")] == ["c", "b", "a"]
    assert (session["has_cart"], session["has_purchase"]) == (False, True)


def test_a_session_of_one_event_has_no_dwell():
    session = computed(session_features, inputs([event(1, "ann", "a", "view", 1, session_id="s")]))[
        "s"
    ]

    assert session["mean_dwell_s"] is None
    assert session["last_item_2"] is None


def test_a_category_is_compared_with_its_siblings(shop):
    found = computed(category_features, shop)

    assert found["cups"]["total_interactions"] == 4
    assert found["cups"]["share_among_siblings"] == pytest.approx(4 / 5)
    assert (found["hats"]["total_interactions"], found["hats"]["share_among_siblings"]) == (0, 0.0)


def test_hours_of_the_week_share_all_interactions(shop):
    found = computed(time_features, shop)

    assert sum(row["n_events"] for row in found.values()) == 5
    assert sum(row["share"] for row in found.values()) == pytest.approx(1.0)


def test_items_of_one_session_are_pairs_both_ways():
    rows = [event(n, "ann", item, "view", 1, session_id="s") for n, item in enumerate("abc")]
    rows += [event(9, "bob", "a", "view", 1, session_id="t")]
    found = computed(item_pairs, inputs(rows, pairs_per_item=1))

    assert found["a", "b"]["together"] == 1
    assert found["a", "b"]["cosine"] == pytest.approx(1 / math.sqrt(2), abs=1e-9)
    assert ("a", "c") not in found
    assert found["b", "c"]["place"] == 1


def test_a_giant_session_is_paired_by_its_first_items_only():
    rows = [event(n, "ann", f"i{n:03d}", "view", 1, session_id="s") for n in range(60)]
    found = computed(item_pairs, inputs(rows, pairs_per_item=100))

    assert len(found) == 50 * 49


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_every_column_is_described_and_typed(view, shop):
    described = view.features(FeatureSettings())
    found = view.table(shop)

    assert list(found.columns) == [*view.keys, *(feature.name for feature in described)]
    assert all(feature.says for feature in described)
    for name, dtype in view.columns(FeatureSettings()).items():
        assert str(found.schema()[name]).lstrip("!") == dtype


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_no_events_give_no_rows_of_anybody(view):
    found = view.table(inputs([]))

    assert found.to_pyarrow().num_rows == 0


def test_windows_come_from_the_settings():
    users = computed(user_features, inputs(SHOP, windows_days=[2]))

    assert users["ann"]["interactions_2d"] == 1
    assert "interactions_7d" not in users["ann"]
