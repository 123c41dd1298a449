"""Exposures drained: each list lands in the lake once, without whom it was shown to."""

import sqlite3
from contextlib import closing

import pyarrow.parquet as pq
import pytest

from recomart.events.exposures import Exposure, ExposureFile
from recomart.events.shared import SharedFile
from recomart.lake import Workbench
from recomart.sources.exposures import drain
from tests.events.made import NOW_US

DAY_US = 86_400_000_000
LINES = '[["mug","itemknn",0.5,0.9],["pen","popularity",null,null]]'


def shown(n, who="ann"):
    return Exposure(f"r{n}", who, NOW_US + n, "cascade", "v1", LINES)


@pytest.fixture
def workers(tmp_path):
    """The file that workers share."""
    with closing(SharedFile(tmp_path / "data" / "events-workers.sqlite", 10)) as file:
        yield file


@pytest.fixture
def drained(make_bench):
    """Drain, and return the bench."""

    def drained(now_us=NOW_US):
        bench = make_bench("ingestion", now_us=now_us)
        drain(bench)
        return bench

    return drained


def rows(bench):
    paths = bench.lake.paths(bench.lake.latest("exposures").files)
    return [row for path in paths for row in pq.read_table(path).to_pylist()]


def names(bench):
    return sorted({row["recommendation_id"] for row in rows(bench)})


def test_lists_become_lines_and_nobody_is_named(workers, drained, tmp_path):
    part = {"experiment": "trial", "variant": "new", "unit": "c0de", "propensity": 0.25}
    workers.show([shown(1, "secret-person")._replace(**part)], 100)

    bench = drained()

    assert rows(bench)[0] == {
        "recommendation_id": "r1",
        "shown_us": NOW_US + 1,
        "model": "cascade",
        "model_version": "v1",
        "experiment": "trial",
        "variant": "new",
        "unit": "c0de",
        "propensity": 0.25,
        "rank": 1,
        "item_id": "mug",
        "source": "itemknn",
        "score": 0.5,
        "confidence": 0.9,
    }
    assert [row["rank"] for row in rows(bench)] == [1, 2]
    stored = [path.read_bytes() for path in (tmp_path / "lake").rglob("*") if path.is_file()]
    assert not any(b"secret-person" in body for body in stored)


def test_each_drain_brings_what_is_new_and_the_file_lets_go_of_it(workers, drained):
    workers.show([shown(1), shown(2)], 100)
    drained()
    workers.show([shown(3)], 100)
    bench = drained()

    assert names(bench) == ["r1", "r2", "r3"]
    assert bench.lake.latest("exposures").counts == {"lists": 1, "lost": 0}
    assert workers._con.execute("SELECT count(*) FROM exposures").fetchone() == (0,)


def test_nothing_new_is_no_new_version(workers, drained):
    workers.show([shown(1)], 100)

    assert drained().lake.latest("exposures") == drained().lake.latest("exposures")


def test_a_shop_that_never_served_has_no_such_data_set(drained, tmp_path):
    assert drained().lake.find("exposures") is None
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("what", ["Workbench.commit", "ExposureFile.prune"])
def test_a_drain_that_is_cut_off_has_happened_or_not(workers, drained, monkeypatch, what):
    kind = {"Workbench.commit": Workbench, "ExposureFile.prune": ExposureFile}[what]
    workers.show([shown(1), shown(2)], 100)
    with monkeypatch.context() as patched:
        patched.setattr(kind, what.partition(".")[2], lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            drained()

    workers.show([shown(3)], 100)
    assert len(rows(drained())) == 6


def test_what_did_not_fit_or_was_forgotten_is_counted_as_lost(workers, drained):
    workers.show([shown(n, "bob" if n == 9 else "ann") for n in range(10)], 4)
    workers.forget({"bob"}, NOW_US + 99)

    bench = drained()

    assert names(bench) == ["r6", "r7", "r8"]
    assert bench.lake.latest("exposures").counts == {"lists": 3, "lost": 7}


def test_another_file_in_its_place_is_drained_from_its_beginning(workers, drained):
    workers.show([shown(n) for n in range(5)], 100)
    drained()
    workers._begin_anew()
    workers.show([shown(7)], 100)

    assert names(drained()) == ["r0", "r1", "r2", "r3", "r4", "r7"]


def test_the_newest_version_lets_go_of_what_is_old(workers, drained):
    workers.show([shown(1)], 100)
    drained()
    workers.show([shown(2)], 100)

    assert names(drained(NOW_US + 91 * DAY_US)) == ["r2"]


def test_a_file_that_cannot_be_read_holds_nothing_up(drained, tmp_path):
    path = tmp_path / "data" / "events-workers.sqlite"
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as con:
        con.execute("CREATE TABLE other (x)")

    assert drained().lake.find("exposures") is None
    assert path.exists()
