"""The champion answers everybody: known or not, with lists that are full and that say why."""

import shutil

import numpy as np
import pyarrow as pa
import pytest
from scipy.sparse import csr_array

from recomart.lake import Draft, Making, open_lake
from recomart.models.cooccurrence import CoOccurrence
from recomart.models.interactions import Interactions
from recomart.models.npz import pack
from recomart.ranking.answers import model_version_of
from recomart.ranking.champion import Champion, typical_users
from recomart.ranking.shop import Fresh, Shop
from recomart.settings import load_settings
from recomart.vocabulary import CANCEL, EVENT_TYPES, PURCHASE, VIEW

ITEMS = ["mug", "pan", "pen", "pot", "tea"]
HISTORIES = {"ann": {"mug": 5, "tea": 1}, "bob": {"mug": 5, "tea": 5, "pot": 1}, "cat": {"pen": 1}}


@pytest.fixture
def champion():
    weights = np.zeros((len(HISTORIES), len(ITEMS)), dtype=np.float32)
    for row, history in enumerate(HISTORIES.values()):
        for item, weight in history.items():
            weights[row, ITEMS.index(item)] = weight
    history = csr_array(weights)
    bought, viewed = EVENT_TYPES.index(PURCHASE), EVENT_TYPES.index(VIEW)
    types = np.where(history.data > 1, bought, viewed).astype(np.int8)
    items = pa.table(
        {
            "item_id": ITEMS,
            "title": ["Mug", "Pan", None, "Pot", "Tea"],
            "category_id": ["kitchen"] * 5,
            "price": [3.0, None, 1.0, 9.0, 4.0],
            "available": [True] * 5,
        }
    )
    model = CoOccurrence().fit(Interactions.from_weights(history))
    popular = np.array([0, 4], dtype=np.int32)
    shop = Shop(
        users=pa.array(list(HISTORIES)),
        items=items,
        categories=pa.array(["kitchen"]),
        codes=np.zeros(len(ITEMS), dtype=np.int32),
        history=history,
        types=types,
        last_us=np.arange(history.nnz, dtype=np.int64),
        popular=popular,
        is_tail=np.zeros(len(ITEMS), dtype=bool),
    )
    return Champion({"cooccurrence": model}, shop)


def test_a_known_user_gets_new_items_with_a_reason_from_the_history(champion):
    first = champion.recommend("ann", 3)[0]

    assert (first.item_id, first.title, first.source) == ("pot", "Pot", "cooccurrence")
    assert first.reason.startswith("because you")
    assert "bought Mug" in first.reason


def test_a_list_is_filled_as_long_as_the_catalogue_has_items(champion):
    lines = champion.recommend("ann", 3)

    assert [line.rank for line in lines] == [1, 2, 3]
    assert {line.item_id for line in lines} == {"pot", "pan", "pen"}
    assert {line.source for line in lines[1:]} == {"popularity"}


def test_what_the_user_had_may_be_asked_for(champion):
    ids = {line.item_id for line in champion.recommend("bob", 5, exclude_seen=False)}

    assert {"mug", "tea"} <= ids


def test_what_was_taken_back_is_no_reason(champion):
    bought, cancelled = (EVENT_TYPES.index(kind) for kind in (PURCHASE, CANCEL))
    fresh = [Fresh(0, bought, 5.0, 1), Fresh(4, bought, 5.0, 2), Fresh(0, cancelled, -5.0, 3)]

    lines = champion.answer("new", champion.shop.of_row(-1, fresh), 4)

    assert lines[0].reason == "because you bought Tea"


@pytest.mark.parametrize("user", ["nobody", "", "ann'; DROP TABLE users", "🎁"])
def test_a_user_nobody_knows_gets_what_is_popular(champion, user):
    lines = champion.recommend(user, 2)

    assert [line.item_id for line in lines] == ["mug", "tea"]
    assert "popular now" in lines[0].reason
    assert lines[0].score is None


def test_more_than_the_catalogue_has_is_all_of_it(champion):
    assert len(champion.recommend("nobody", 50)) == len(ITEMS)


def test_similar_items_leave_out_the_item_itself(champion):
    lines = champion.similar("mug", 4)

    assert lines[0].item_id == "tea"
    assert lines[0].reason == "goes with Mug"
    assert "mug" not in {line.item_id for line in lines}


def test_an_item_nobody_knows_gets_what_is_popular(champion):
    lines = champion.similar("spoon", 2)

    assert [line.item_id for line in lines] == ["mug", "tea"]
    assert "not known" in lines[0].reason


def test_a_history_is_told_strongest_first(champion):
    assert champion.history_of("ann", 5) == [("bought", "Mug"), ("viewed", "Tea")]
    assert champion.history_of("nobody", 5) == []


def test_an_item_without_a_title_is_called_by_its_id(champion):
    assert champion.history_of("cat", 1) == [("viewed", "pen")]


def test_typical_users_are_known_ones(champion):
    assert set(typical_users(champion, 2)) <= set(HISTORIES)


@pytest.mark.parametrize(
    "ask",
    [
        lambda champion: champion.recommend("ann", 3),
        lambda champion: champion.recommend("nobody", 3),
        lambda champion: champion.recommend_after(["mug"], 3),
        lambda champion: champion.similar("mug", 3),
        lambda champion: champion.similar("spoon", 3),
        lambda champion: champion.bundle(["mug"], 3),
    ],
)
def test_each_answer_has_an_id_of_its_own_that_says_which_model_gave_it(champion, ask):
    champion.version = "44d88981d748b84db17b"
    first, second = ({line.recommendation_id for line in ask(champion)} for _ in range(2))

    assert len(first) == len(second) == len(first | second) / 2 == 1
    assert {model_version_of(given) for given in first | second} == {"44d88981d748"}
    assert ask(champion) == ask(champion)


def test_an_older_model_that_tells_no_tail_counts_it(small_shop, tmp_path):
    loaded = load_settings(shutil.copytree(small_shop, tmp_path / "shop"), environment={})
    lake, told = open_lake(loaded), {}
    manifest = lake.latest("published_model")
    with np.load(lake.paths([manifest.by_partition()["popular.npz"]])[0]) as popular:
        told["items"] = popular["items"]
    draft = Draft(lake, "published_model")
    for file in manifest.files:
        draft.keep(file)
    draft.add_bytes("popular.npz", pack(told))
    old = draft.commit(Making(key="k", stage="s", run_id="r"), details=manifest.details)

    shops = [Shop.read(lake, one) for one in (manifest, old)]

    assert shops[0].is_tail.any()
    assert np.array_equal(shops[0].is_tail, shops[1].is_tail)
