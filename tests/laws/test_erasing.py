"""Law: who is erased is nowhere in the shop's folder, and nobody else has lost anything."""

import random
import sys

import pytest

from recomart.lake import Erasures, open_lake
from recomart.pipeline import run
from recomart.pipeline.erasing import erase, known_of
from recomart.ranking import Champion
from tests.erased import (
    AGAIN,
    NASTY,
    PLAIN,
    QUICK,
    keep_answers,
    kill_often,
    rows_of_others,
    where_is,
)
from tests.trained import answers, copy_of, settings_of, users_of


@pytest.mark.parametrize(
    "user", [NASTY, *(pytest.param(one, marks=pytest.mark.long) for one in (PLAIN, "any"))]
)
def test_who_is_erased_is_nowhere_and_nobody_else_lost_anything(erasing_shop, tmp_path, user):
    loaded = copy_of(erasing_shop, tmp_path)
    one, *others = random.sample(users_of(loaded)[:-1], 4)
    user = one if user == "any" else user
    keep_answers(loaded, [user, "bob"])
    before, stood = rows_of_others(loaded, user), where_is(loaded, user)
    lists = answers(loaded, 1, [*others, "nobody"])

    receipt = erase(loaded, user, "the test")

    assert len(stood) > 12
    assert where_is(loaded, user) == []
    assert rows_of_others(loaded, user) == before
    assert answers(loaded, 1, [*others, "nobody"]) == lists
    assert all(answers(loaded, 3, others)), "a model of sessions has forgotten some, and answers"
    touched = {one.place.split()[0] for one in receipt.touched}
    assert touched >= {"lake", "online", "warehouse", "kept", "source"}


def test_all_that_is_known_is_told_and_after_an_erasure_nothing_is(erasing_shop, tmp_path):
    loaded = copy_of(erasing_shop, tmp_path)
    told = {data_set for data_set, _ in known_of(loaded, PLAIN)}

    receipt = erase(loaded, PLAIN, "the test")

    expected = {"raw_events", "quarantined_events", "events", "published_model"}
    assert told >= expected | {"event_log/events.sqlite", "warehouse/user_features"}
    assert [data_set for data_set, _ in known_of(loaded, PLAIN)] == ["about"]
    assert Erasures.of(loaded).receipts(PLAIN) == [receipt]
    assert Erasures.of(loaded).receipts("bob") == []


def test_after_it_the_pipeline_runs_and_the_champion_answers(erasing_shop, tmp_path):
    loaded = copy_of(erasing_shop, tmp_path)
    raw = open_lake(loaded).latest("raw_events")
    erase(loaded, PLAIN)

    done = run(settings_of(tmp_path, **QUICK), AGAIN)

    lake = open_lake(loaded)
    counts = lake.latest("valid_events").counts
    assert done.outcome == "done"
    assert counts["in"] == sum(counts[kind] for kind in ("valid", "quarantined", "duplicates"))
    assert counts["in"] == lake.latest("raw_events").rows
    assert where_is(loaded, PLAIN) == []
    assert len(Champion.open(loaded).recommend(PLAIN, 5)) == 5
    found = lake.latest("raw_events")
    assert found.by_partition().keys() == raw.by_partition().keys(), "what was rewritten is no news"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal that kills")
@pytest.mark.long
def test_killed_at_any_moment_and_started_again_it_ends_the_same(erasing_shop, tmp_path, preloaded):
    kill_often(erasing_shop, tmp_path, 5, [preloaded])
