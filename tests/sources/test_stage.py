"""Ingestion adds objects and never changes one; what is known is not taken twice."""

import json
import os

import pytest

from recomart.errors import SourceFileError, UnavailableError
from recomart.lake import Dates
from recomart.settings import Settings
from recomart.sources.catalogue_server import serve_catalogue
from recomart.sources.stage import ingest, take_file

DAY_1 = b"user_id,item_id\nann,mug\n"
DAY_2 = b"user_id,item_id\nbob,pen\nbob,mug\n"
DAY_US = 86_400_000_000
PRODUCTS = [{"id": 1, "title": "Mug", "price": 3.5, "description": "", "category": "kitchen"}]


@pytest.fixture
def shop(tmp_path):
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "2026-01-01.csv").write_bytes(DAY_1)
    return folder


@pytest.fixture
def run(make_bench, tmp_path):
    def run(sources=None, **options):
        sources = sources or {"events": {"kind": "csv", "path": "shop/*.csv"}}
        bench = make_bench("ingestion", Settings.model_validate({"sources": sources}), **options)
        ingest(bench)
        return bench

    return run


def partitions(bench, name="raw_events"):
    return [entry.partition for entry in bench.lake.latest(name).files]


def test_a_file_lands_unchanged_under_its_source_and_date(shop, run):
    bench = run()

    [entry] = bench.lake.latest("raw_events").files
    assert entry.key == "raw/events/2026/01/01/2026-01-01.csv"
    assert bench.lake.objects.get(entry.key) == DAY_1
    assert (entry.rows, entry.details["date"]) == (1, "2026-01-01")


def test_a_second_run_with_nothing_new_adds_nothing(shop, run):
    first, second = run(), run(now_us=1_767_225_600_000_000 + DAY_US)

    assert second.lake.latest("raw_events") == first.lake.latest("raw_events")


def test_a_new_file_is_added_beside_the_old_ones(shop, run):
    run()
    (shop / "2026-01-02.csv").write_bytes(DAY_2)
    bench = run(now_us=1_767_225_600_000_000 + DAY_US)

    assert partitions(bench) == ["2026/01/01/2026-01-01.csv", "2026/01/02/2026-01-02.csv"]
    assert bench.lake.latest("raw_events").counts == {"in": 3, "new": 2}


def test_a_changed_file_is_another_object(shop, run):
    run()
    (shop / "2026-01-01.csv").write_bytes(DAY_1 + b"bob,pen\n")
    bench = run()

    assert partitions(bench) == ["2026/01/01/2026-01-01-2.csv", "2026/01/01/2026-01-01.csv"]
    assert bench.lake.objects.get("raw/events/2026/01/01/2026-01-01.csv") == DAY_1


def test_the_same_bytes_under_another_name_are_not_taken_again(shop, run):
    run()
    (shop / "copy.csv").write_bytes(DAY_1)
    second, third = run(), run()

    assert partitions(second) == ["2026/01/01/2026-01-01.csv"]
    assert third.lake.latest("raw_events").number == second.lake.latest("raw_events").number


def test_a_touched_file_is_not_taken_again(shop, run):
    run()
    os.utime(shop / "2026-01-01.csv", (1, 1))
    bench = run()

    assert len(partitions(bench)) == 1


def test_a_killed_run_leaves_objects_that_the_next_one_takes_over(shop, run, make_bench):
    bench = make_bench()
    bench.lake.objects.put_if_absent("raw/events/2026/01/01/2026-01-01.csv", DAY_1)

    assert partitions(run()) == ["2026/01/01/2026-01-01.csv"]


def test_only_the_dates_asked_for_are_taken(shop, run):
    (shop / "2026-01-02.csv").write_bytes(DAY_2)
    bench = run(dates=Dates("2026-01-02", "2026-01-02"))

    assert partitions(bench) == ["2026/01/01/2026-01-02.csv"]


def test_no_file_is_an_error_and_harms_nothing(shop, run, make_bench):
    before = run().lake.latest("raw_events")
    (shop / "2026-01-01.csv").unlink()

    with pytest.raises(SourceFileError):
        run()
    assert make_bench().lake.latest("raw_events") == before


def test_one_mended_file_is_taken_by_hand(shop, run, tmp_path, make_bench):
    settings = run().settings
    mended = tmp_path / "mended.csv"
    mended.write_bytes(DAY_2)
    bench = make_bench("ingestion", settings)

    assert take_file(bench, "events", mended) == 2
    assert len(partitions(bench)) == 2


def catalogue(url, **options):
    quick = {"backoff_s": 0.01, "max_attempts": 2, "deadline_s": 5, "timeout_s": 1}
    return {"catalogue": {"kind": "rest", "url": url, **quick, **options}}


def test_a_catalogue_is_kept_as_it_was_received(run):
    with serve_catalogue(PRODUCTS) as server:
        bench = run(catalogue(server.url))

    [entry] = bench.lake.latest("raw_catalogue").files
    assert entry.partition == "2026/01/01/products.json"
    assert json.loads(bench.lake.objects.get(entry.key))[0]["title"] == "Mug"
    assert entry.rows == 1


def test_a_young_catalogue_is_not_fetched_again_and_an_old_one_is(run):
    later = 1_767_225_600_000_000 + 2 * DAY_US
    with serve_catalogue(PRODUCTS) as server:
        run(catalogue(server.url))
        assert len(partitions(run(catalogue(server.url)), "raw_catalogue")) == 1
        bench = run(catalogue(server.url), now_us=later)

    assert partitions(bench, "raw_catalogue") == [
        "2026/01/01/products.json",
        "2026/01/03/products.json",
    ]


def test_a_failed_fetch_leaves_yesterdays_catalogue(run):
    with serve_catalogue(PRODUCTS) as server:
        run(catalogue(server.url))
    bench = run(catalogue(server.url, min_interval_s=0))

    assert partitions(bench, "raw_catalogue") == ["2026/01/01/products.json"]


def test_a_failed_first_fetch_is_an_error(run):
    with serve_catalogue(PRODUCTS) as server:
        pass  # it is gone when it is asked
    with pytest.raises(UnavailableError):
        run(catalogue(server.url))
