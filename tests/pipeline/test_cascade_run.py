"""The cascade on a made-up shop: no leak, no skew, one row to one list, from files to answers."""

import json
from itertools import pairwise

import numpy as np
import pyarrow.parquet as pq
import pytest

from recomart.engines import connect, open_engine
from recomart.features.offline import OfflineStore
from recomart.lake import Workbench, open_lake
from recomart.monitoring.answers import Answerer, Asked
from recomart.pipeline import run
from recomart.ranking import Champion
from recomart.ranking import rows as training_rows
from recomart.ranking.confidence import Confidence
from recomart.ranking.content import read_content
from recomart.ranking.interactions import EventArrays, read_events
from recomart.ranking.knowing import Knowing
from recomart.ranking.questions import known_at
from recomart.settings import load_settings
from tests.trained import SOURCES

SETTINGS = (
    SOURCES
    + """\
models:
  train: [popularity, cooccurrence, rp3beta]
  serve: cascade
ranking: {trees: 20, losses: [QueryRMSE], label_days: 2}
evaluation: {test_days: 2, relevant: [view, click, add_to_cart, purchase], bootstrap: 100,
             exclude_seen: false}
tracking: {is_on: false}
"""
)
FEW = ("ingest", "validate", "prepare", "build_features")


@pytest.fixture(scope="module")
def shop(tmp_path_factory, shop_files, pandas_allowed):
    folder = tmp_path_factory.mktemp("cascade")
    (folder / "shop").symlink_to(shop_files.folder, target_is_directory=True)
    (folder / "recomart.yaml").write_text(SETTINGS, encoding="utf-8")
    loaded = load_settings(folder, environment={})
    run(loaded)
    return loaded


def bench_of(loaded):
    lake = open_lake(loaded)
    con = connect(loaded.settings.engine, lake.objects.aside().parent)
    return Workbench(lake, con, loaded, "training_rows", "r1", 0)


def table_of(lake, dataset, partition):
    [path] = lake.paths([lake.latest(dataset).by_partition()[partition]])
    return pq.read_table(path)


def test_the_cascade_serves_and_its_report_explains_it(shop):
    lake = open_lake(shop)
    told = json.loads(lake.read("evaluation", "evaluation.json"))

    assert lake.latest("published_model").details["model"] == "cascade"
    assert told["decision"]["serve"] == "cascade"
    assert told["ranker"]["loss"] == "QueryRMSE"
    assert sum(told["ranker"]["importance"].values()) > 90
    assert {one["model"] for one in told["coverage"]} == {"cascade"}
    assert "SHAP" in lake.read("evaluation", "evaluation.html").decode()


def test_everybody_gets_a_full_list_with_confidence(shop):
    champion = Champion.open(shop)
    known = champion.shop.users[3].as_py()
    item = champion.shop.items["item_id"][0].as_py()
    for lines in (
        champion.recommend(known, 8),
        champion.recommend("nobody", 8),
        champion.recommend_after([item, "never seen"], 8),
        champion.recommend_after([], 8),
        champion.bundle([item], 8),
    ):
        assert [line.rank for line in lines] == list(range(1, 9))
        assert len({line.item_id for line in lines}) == 8
        assert all(0 <= line.confidence <= 1 for line in lines)
    everything = champion.recommend(known, 10_000, exclude_seen=False)
    assert len(everything) == len(champion.shop.items)


def test_raising_the_least_confidence_never_adds_an_item(shop):
    champion = Champion.open(shop)
    for user in champion.shop.users[:5].to_pylist():
        lists = [
            {line.item_id for line in champion.recommend(user, 10, min_confidence=least)}
            for least in (0, 0.5, 0.8, 0.95, 1)
        ]

        assert all(later <= earlier for earlier, later in pairwise(lists))


def test_a_ranker_knows_online_what_it_learned_from_offline(shop):
    bench, champion = bench_of(shop), Champion.open(shop)
    data, at_us = read_events(bench), int(bench.lake.latest("user_features").details["at_us"])
    _, online = champion.cascade
    with open_engine(shop.settings.engine, bench.con, bench.lake.objects.aside().parent) as engine:
        knowing = Knowing(
            OfflineStore(engine, bench.lake, shop.settings.features),
            bench.lake,
            shop.settings.features,
            data,
        )
        for user_id in champion.shop.users[:6].to_pylist():
            history = champion.shop.of_user(user_id)
            asker = Asker(history)
            then = knowing.at(asker, read_content(bench, data, at_us), at_us, with_seen=True)
            now = online.at(user_id, history, with_seen=True)
            items = np.arange(len(champion.shop.items))
            users = np.full(len(items), history.row)

            assert then.names == now.names
            np.testing.assert_array_equal(then.rows(users, items), now.rows(users, items))


def test_lists_of_a_moment_are_those_of_the_champion_at_that_moment(shop):
    bench, champion, lake = bench_of(shop), Champion.open(shop), open_lake(shop)
    model = Answerer.published(lake, lake.latest("published_model"))
    at_us = int(lake.latest("user_features").details["at_us"])
    data = model.over(read_events(bench))
    asked = Asked.of(known_at(data, model.at_us, shop.settings), np.arange(6, dtype=np.int32))
    top = model.lists(bench, data, asked, at_us, 10)

    for user, items in zip(champion.shop.users[:6].to_pylist(), top.items, strict=True):
        lines = champion.recommend(user, 10, exclude_seen=False)
        assert [line.item_id for line in lines] == model.item_ids.take(items).to_pylist()


class Asker:
    def __init__(self, history):
        self.users = np.array([history.row], dtype=np.int32)
        self.history = history.visitor.history


def shuffled(data, from_us):
    """The same shop, but from a moment on other items were taken."""
    items = data.items.copy()
    later = np.flatnonzero(data.occurred_us >= from_us)
    items[later] = np.random.default_rng(1).permutation(items[later])
    return EventArrays(
        data.user_ids,
        data.item_ids,
        data.users,
        items,
        data.types,
        data.strengths,
        data.occurred_us,
    )


def candidates_at(bench, data, at_us, until_us):
    asked = training_rows._ask(bench, data, at_us, until_us, everybody=False)
    found = asked.candidates(bench.settings)
    users = asked.question.users[found.rows]
    keys = users.astype(np.int64) * len(data.item_ids) + found.items
    order = np.argsort(keys)
    return keys[order], found.scores[order], asked


def assert_same_candidates(bench, data, details):
    learn_us, calibrate_us = details["learn_us"], details["calibrate_us"]
    one, scores, _ = candidates_at(bench, data, learn_us, calibrate_us)
    other = candidates_at(bench, shuffled(data, learn_us), learn_us, calibrate_us)
    both, left, right = np.intersect1d(one, other[0], return_indices=True)

    assert len(both) > 100
    assert len(both) == np.isin(one // len(data.item_ids), both // len(data.item_ids)).sum()
    np.testing.assert_array_equal(scores[left], other[1][right])


def test_what_happens_in_a_window_changes_no_candidate_of_it(shop):
    bench = bench_of(shop)
    assert_same_candidates(bench, read_events(bench), bench.lake.latest("training_rows").details)


def test_the_law_finds_retrievers_that_saw_the_window(shop, monkeypatch):
    bench = bench_of(shop)
    data, real = read_events(bench), training_rows.known_at
    monkeypatch.setattr(
        training_rows,
        "known_at",
        lambda data, at_us, settings: real(
            EventArrays(**{**vars(data), "occurred_us": data.occurred_us - 10**11}), at_us, settings
        ),
    )

    with pytest.raises(AssertionError):
        assert_same_candidates(bench, data, bench.lake.latest("training_rows").details)


def test_features_are_as_of_the_beginning_of_the_window(shop):
    lake = open_lake(shop)
    details = lake.latest("training_rows").details
    for window, at_us in (("learn", "learn_us"), ("calibrate", "calibrate_us")):
        rows = table_of(lake, "training_rows", window)

        assert set(rows["at_us"].to_pylist()) == {details[at_us]}
        assert set(rows["label"].to_pylist()) == {0, 1}


def test_half_of_the_second_window_calibrates_and_the_ranker_never_sees_it(shop):
    lake = open_lake(shop)
    ranks = table_of(lake, "training_rows", "ranks")
    lists = {row for row in ranks["row"].to_pylist() if row % 2}

    calibrated = Confidence.from_bytes(lake.read("ranker", "confidence_cascade.json"))
    assert calibrated.n_users == len(lists)


@pytest.mark.long
def test_a_shop_too_small_for_a_ranker_is_served_all_the_same(tmp_path, shop_files):
    (tmp_path / "shop").symlink_to(shop_files.folder, target_is_directory=True)
    text = SETTINGS.replace("serve: cascade", "serve: auto")
    (tmp_path / "recomart.yaml").write_text(text, encoding="utf-8")
    flags = {("ranking", "label_days"): 1e-7}
    loaded = load_settings(tmp_path, environment={}, flags=flags)
    run(loaded)
    lake = open_lake(loaded)

    assert "test window" in lake.latest("training_rows").details["none"]
    assert "There is no ranker" in lake.read("evaluation", "evaluation.html").decode()
    assert len(Champion.open(loaded).recommend("nobody", 3)) == 3
