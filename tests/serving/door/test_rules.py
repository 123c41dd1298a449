"""The rules at the door: caps, near-duplicates, what was just bought, and what is told of them."""

from collections import Counter

import numpy as np

from recomart.serving import schemas
from recomart.vocabulary import EVENT_TYPES, PURCHASE
from tests.serving.door.conftest import opened


def recommend(door, **body):
    answer = door.http.post("/recommendations", json={"include_metadata": True, **body})
    assert answer.status_code == 200, answer.text
    return schemas.Listed.model_validate_json(answer.content)


def explain(door, given):
    answer = door.http.get(f"/explain/{given.recommendation_id}")
    return schemas.Explained.model_validate_json(answer.content)


def most_of_one_category(lines):
    return max(Counter(line.metadata.category_id for line in lines).values())


def ids(listed):
    return [line.item_id for line in listed.items]


def test_a_list_holds_so_many_of_a_category_and_is_full(door):
    free = recommend(door, user_id="u01", n_items=5)
    capped = recommend(door, user_id="u01", n_items=5, filters={"max_per_category": 1})
    every = recommend(door, user_id="u01", n_items=40, filters={"max_per_category": 1})

    assert most_of_one_category(capped.items) == 1 < most_of_one_category(free.items)
    assert len(capped.items) == 5
    assert len(every.items) > 5  # others come when nothing else is left
    assert explain(door, capped).acted["category_cap"] > 0
    assert explain(door, capped).rules["max_per_category"] == 1


def test_settings_cap_every_door(shop):
    with opened(shop, max_per_category=1) as door:
        item = recommend(door, user_id="u01").items[0].item_id
        asked = {"n_items": 5, "include_metadata": True}
        doors = [
            door.http.get("/popular", params=asked),
            door.http.get("/trending", params=asked),
            door.http.get(f"/items/{item}/similar", params=asked),
            door.http.post("/bundle", json={"items": [item], **asked}),
            door.http.post("/recommendations", json={"user_id": "u01", **asked}),
        ]
        lists = [schemas.Listed.model_validate_json(answer.content).items for answer in doors]

    assert [len(lines) for lines in lists] == [5] * 5
    assert [most_of_one_category(lines) for lines in lists] == [1] * 5


def test_what_is_blocked_is_in_no_list(door, shop):
    blocked = ids(recommend(door, n_items=3))
    asked = {"n_items": 40, "include_metadata": True}
    with opened(shop, blocked=blocked) as strict:
        everything = recommend(strict, n_items=40)
        answers = [strict.http.get(path, params=asked) for path in ("/popular", "/trending")]
        lists = [schemas.Listed.model_validate_json(answer.content) for answer in answers]
        told = explain(strict, recommend(strict, user_id="u01", exclude_seen=False))

    assert not {one for listed in [everything, *lists] for one in ids(listed)} & set(blocked)
    assert told.acted["blocked"] <= 3


def test_near_duplicates_come_last(door, shop):
    plates = {"Bamboo Side Plate, forest", "Bamboo Dinner Plate, oat"}
    words = ["side", "dinner", "forest", "oat"]
    with opened(shop, variant_words=words) as hiding:
        given = recommend(hiding, n_items=40)
        told = explain(hiding, given)
    shown = [line.metadata.title for line in recommend(door, n_items=40).items]
    titles = [line.metadata.title for line in given.items]

    assert plates <= set(titles)
    assert titles[-1] in plates
    assert titles[:-1] == [title for title in shown if title != titles[-1]]
    assert told.acted == {}  # nothing was proposed to nobody: all are fillers


def test_what_was_just_bought_is_held_back_until_it_is_cancelled(shop):
    with opened(shop, cool_off_days={"purchase": 30}, exclude_seen=False) as door:
        first = recommend(door, user_id="u01").items[0].item_id
        sent = {"user_id": "u01", "item_id": first}
        door.http.post("/events", json=door.event(**sent, event_type="purchase"))
        bought = recommend(door, user_id="u01", n_items=40)
        told = explain(door, bought)
        door.http.post("/events", json=door.event(**sent, event_type="cancel"))
        cancelled = recommend(door, user_id="u01", n_items=40)

    assert first not in ids(bought)
    assert told.acted.get("cool_off", 1) == 1
    assert first in ids(cancelled)


def test_what_the_history_knows_as_bought_is_held_back(shop):
    with opened(shop, cool_off_days={"purchase": 3_650}, exclude_seen=False) as door:
        known = door.service.engine.served.champion.shop
        entry = int(np.flatnonzero(known.types == EVENT_TYPES.index(PURCHASE))[0])
        row = int(np.searchsorted(known.history.indptr, entry, side="right")) - 1
        user = known.users[row].as_py()
        history = door.http.get(f"/users/{user}/export").json()["model"]
        bought = {one["item_id"] for one in history if one["event_type"] == "purchase"}
        found = set(ids(recommend(door, user_id=user, n_items=40)))

    assert bought
    assert not bought & found
    assert {one["item_id"] for one in history} - bought <= found


def test_what_was_seen_is_counted(door):
    known = door.http.get("/users/u01/export").json()["model"]

    kept_out = explain(door, recommend(door, user_id="u01")).acted
    not_kept_out = explain(door, recommend(door, user_id="u01", exclude_seen=False)).acted

    assert kept_out["seen"] == len(known)
    assert "seen" not in not_kept_out


def test_a_cap_of_nothing_is_refused(door):
    for cap in (0, -1, 101, 1.5, True, "2"):
        body = {"filters": {"max_per_category": cap}}
        assert door.http.post("/recommendations", json=body).status_code == 422
