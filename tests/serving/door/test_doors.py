"""Each door gives what its description promises."""

import os
import subprocess
from pathlib import Path

from recomart.serving import schemas
from tests.serving.door.conftest import problem


def listed(answer):
    assert answer.status_code == 200, answer.text
    return schemas.Listed.model_validate_json(answer.content)


def recommend(door, **body):
    return listed(door.http.post("/recommendations", json=body))


def test_a_list_has_as_many_items_as_asked_for(door):
    found = recommend(door, user_id="u01", n_items=7)

    assert [line.rank for line in found.items] == [1, 2, 3, 4, 5, 6, 7]
    assert found.model == "cooccurrence"
    assert found.recommendation_id.startswith(found.model_version[:12])
    assert not found.degraded


def test_metadata_comes_only_when_asked_for(door):
    assert recommend(door).items[0].metadata is None
    assert recommend(door, include_metadata=True).items[0].metadata.title


def test_nobody_in_particular_gets_what_is_popular(door):
    popular = listed(door.http.get("/popular", params={"n_items": 10}))

    assert [x.item_id for x in recommend(door).items] == [x.item_id for x in popular.items]


def test_filters_hold(door):
    first = recommend(door, n_items=40, include_metadata=True).items
    chosen = next(x.metadata.category_id for x in first if x.metadata.category_id)
    prices = sorted(line.metadata.price for line in first if line.metadata.price is not None)
    limits = {"min_price": prices[5], "max_price": prices[-5], "exclude": [first[0].item_id]}

    found = recommend(door, include_metadata=True, filters={"categories": [chosen]})
    priced = recommend(door, n_items=40, include_metadata=True, filters=limits)

    assert {line.metadata.category_id for line in found.items} == {chosen}
    assert all(prices[5] <= line.metadata.price <= prices[-5] for line in priced.items)
    assert first[0].item_id not in {line.item_id for line in priced.items}


def test_min_confidence_leaves_out_what_is_less_sure(door):
    found = recommend(door, user_id="u01", n_items=20, min_confidence=0.5)

    assert len(found.items) < 20
    assert all(line.confidence >= 0.5 for line in found.items)


def test_a_posted_event_changes_the_next_list(door):
    before = recommend(door, user_id="changed")

    sent = door.http.post("/events", json=door.event(user_id="changed"))
    after = recommend(door, user_id="changed")

    assert schemas.EventsOut.model_validate_json(sent.content).accepted == 1
    assert [x.item_id for x in after.items] != [x.item_id for x in before.items]
    assert after.items[0].reason.startswith("because you viewed")


def test_a_reason_names_an_item_once(door):
    both = [door.event(user_id="twice over", event_type=t) for t in ("view", "add_to_cart")]
    door.http.post("/events", json=both)

    assert " and " not in recommend(door, user_id="twice over", n_items=1).items[0].reason


def test_an_anonymous_visitor_is_known_by_the_session(door):
    door.http.post("/events", json=door.event(user_id="cookie-7", session_id="tab-7"))

    found = recommend(door, session_id="tab-7")

    assert found.items[0].reason.startswith("because you viewed")


def test_an_event_sent_again_is_a_duplicate(door):
    event = door.event(user_id="twice")

    first = door.http.post("/events", json=[event, door.event(user_id="twice", timestamp=1e9)])
    again = door.http.post("/events", json=event).json()

    assert first.json()["accepted"] == 2
    assert (again["accepted"], again["duplicates"]) == (0, 1)
    assert again["events"][0]["event_id"] == first.json()["events"][0]["event_id"]
    assert len(door.service.engine.sessions.of("twice", 0)) == 2  # the tail saw them, too


def test_items_like_one_are_given(door):
    known = recommend(door).items[0].item_id

    found = listed(door.http.get(f"/items/{known}/similar", params={"n_items": 3}))

    assert len(found.items) == 3
    assert known not in {line.item_id for line in found.items}


def test_an_item_that_is_not_known_has_none_like_it(door):
    problem(door.http.get("/items/no such thing/similar"), 404)


def test_what_goes_with_a_cart_is_given(door):
    cart = [line.item_id for line in recommend(door).items[:2]]

    found = listed(door.http.post("/bundle", json={"items": cart, "n_items": 3}))

    assert len(found.items) == 3
    assert not {line.item_id for line in found.items} & set(cart)


def test_popular_stands_in_for_trending_and_it_is_said(door):
    found = listed(door.http.get("/trending", params={"n_items": 3}))

    assert found.degraded_parts == ["trending"]
    assert len(found.items) == 3


def test_health_tells_model_freshness_and_status(door):
    found = schemas.Health.model_validate_json(door.http.get("/health").content)

    assert found.status == "ok"
    assert found.model.version == door.service.engine.state.version
    assert found.freshness_s > 0
    assert "user_features" in {view.view for view in found.features}
    assert found.event_log.is_open


def test_life_and_readiness_are_told(door):
    assert door.http.get("/health/live").json() == {"status": "ok"}
    assert door.http.get("/health/ready").json() == {"status": "ok"}


def test_an_answer_is_explained(door):
    door.http.post("/events", json=door.event(user_id="u02"))
    given = recommend(door, user_id="u02", filters={"max_price": 1e6})

    answer = door.http.get(f"/explain/{given.recommendation_id}")
    found = schemas.Explained.model_validate_json(answer.content)

    assert [line.item_id for line in found.items] == [line.item_id for line in given.items]
    assert found.rules["max_price"] == 1e6
    assert found.fresh[-1].event_type == "view"
    assert found.history
    assert found.is_still_serving


def test_an_answer_that_is_not_kept_is_not_explained(door):
    told = problem(door.http.get("/explain/3aa4ecdcbe65-000000000000"), 404)

    assert "2,000" in told["remedy"]


def test_what_is_known_of_a_user_is_exported(door):
    door.http.post("/events", json=door.event(user_id="u03"))

    found = schemas.Exported.model_validate_json(door.http.get("/users/u03/export").content)

    assert len(found.session) == len(found.event_log) == 1
    assert found.model
    assert found.not_covered


def test_a_user_is_forgotten_as_far_as_it_is_said(door):
    door.http.post("/events", json=[door.event(user_id="gone"), door.event(user_id="stays")])
    given = recommend(door, user_id="gone")

    answer = door.http.delete("/users/gone")
    found = schemas.Forgotten.model_validate_json(answer.content)
    left = door.http.get("/users/gone/export").json()

    assert (found.session, found.events, found.answers) == (True, 1, 1)
    assert found.erasure_id
    assert found.ordered
    assert left["session"] == left["event_log"] == []
    assert door.http.get("/users/stays/export").json()["event_log"]
    problem(door.http.get(f"/explain/{given.recommendation_id}"), 404)


def test_a_request_id_goes_in_and_out(door):
    told = door.http.get("/popular", headers={"x-request-id": "shop-1.a"})
    bad = door.http.get("/popular", headers={"x-request-id": "a b\\n"})

    assert told.headers["x-request-id"] == "shop-1.a"
    assert len(bad.headers["x-request-id"]) == 16


def test_no_page_elsewhere_may_read_and_browsers_are_told_to_be_strict(door):
    found = door.http.get("/popular", headers={"origin": "https://evil.example"}).headers

    assert "access-control-allow-origin" not in found
    assert found["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in found["content-security-policy"]


def test_the_example_in_curl_runs(door):
    script = Path(__file__).parents[3] / "examples" / "serving.sh"

    told = {**os.environ, "URL": door.url}
    ran = subprocess.run(["sh", script], env=told, capture_output=True, text=True, check=True)

    assert ran.stdout.count("recommendation_id") == 5
