import json
import re

import pyarrow as pa
import pytest

from recomart.engines import DuckDBEngine, connect
from recomart.errors import IntegrityError
from recomart.lake import Lake, LocalObjects, Workbench
from recomart.quality.report import (
    N_SAMPLES,
    build_report,
    columns_that_matter,
    quality_report,
    quarantined_samples,
)
from recomart.quality.report_model import QualityReport
from recomart.settings import CsvSource, EngineSettings, Loaded, RestSource, Settings
from recomart.vocabulary import DAY_US, EVENT_COLUMNS, QUARANTINE_COLUMNS

DAY = 19_737
"""2024-01-15."""


def schema_of(columns):
    kinds = {"string": pa.string(), "int64": pa.int64(), "float64": pa.float64()}
    return pa.schema({name: kinds[kind] for name, kind in columns.items()})


def event(user="ann", item="mug", **others):
    values = dict.fromkeys(EVENT_COLUMNS) | {"user_id": user, "item_id": item}
    at = DAY * DAY_US
    return values | {"event_type": "view", "occurred_us": at, "arrived_us": at} | others


def waiting(line, rules="EV-USER", raw=",mug,view"):
    return {"file": "2024-01-15.csv", "line": line, "rules": rules, "raw": raw,
            "arrived_us": 0, "source": "shop"}  # fmt: skip


def add(draft, rows, columns, details):
    table = pa.Table.from_pylist(rows, schema=schema_of(columns))
    draft.add_table(table.to_reader(), "2024/01/20/2024-01-15.csv", details=details)


def validated(bench, events, quarantined=(), duplicates=0, source="shop", **facts):
    """Leave what the validation stage would leave."""
    details = {
        "file": "2024-01-15.csv",
        "rows_in": len(events) + len(quarantined) + duplicates,
        "valid": len(events),
        "quarantined": len(quarantined),
        "duplicates": duplicates,
        "violations": {"EV-USER": len(quarantined)} if quarantined else {},
        "distinct": {},
        "control_sum": 12.5,
        "days": {str(DAY): len(events)} if events else {},
        "warnings": [],
    } | facts
    valid = bench.draft(f"valid_{source}")
    add(valid, events, EVENT_COLUMNS, details)
    bench.commit(valid)
    aside = bench.draft(f"quarantined_{source}")
    add(aside, list(quarantined), QUARANTINE_COLUMNS, {})
    bench.commit(aside)


@pytest.fixture
def make_bench(tmp_path):
    con = connect(EngineSettings(memory_limit="256MiB", threads=1))

    def make(now_us=0, **sources):
        sources = sources or {"shop": CsvSource(path="events/*.csv")}
        loaded = Loaded(Settings(project="Ann’s <shop>", sources=sources), tmp_path)
        lake = Lake(LocalObjects(tmp_path / "lake"))
        return Workbench(lake, con, loaded, "validation", f"run {now_us}", now_us, key="k")

    return make


def written(bench):
    return QualityReport.model_validate_json(bench.lake.read("quality", "data_quality_report.json"))


def test_the_report_counts_every_row_once(make_bench):
    bench = make_bench()
    validated(bench, [event(), event("bob")], [waiting(4)], duplicates=3)
    quality_report(bench)
    report = written(bench)

    assert report.rows.model_dump() == {
        "rows_in": 6, "valid": 2, "quarantined": 1, "duplicates": 3,
    }  # fmt: skip
    assert report.sources[0].counts.control_sum == 12.5
    assert report.until == "2024-01-15"


def test_the_report_is_dated_by_its_events_not_by_a_catalogue_fetched_later(make_bench):
    bench = make_bench(shop=CsvSource(path="x"), items=RestSource(url="https://shop.example"))
    validated(bench, [event()])
    validated(bench, [event()], source="items", days={str(DAY + 9): 1})

    assert build_report(bench, DuckDBEngine(bench.con)).until == "2024-01-15"


def test_the_score_follows_from_the_counts_by_the_formula(make_bench):
    bench = make_bench()
    validated(bench, [event(), event("bob")], [waiting(4), waiting(5)], duplicates=2)
    report = build_report(bench, DuckDBEngine(bench.con))

    assert report.score == report.sources[0].score.value == 100 * (0.3 + 0.5 + 0.2) / 2


def test_faultless_data_score_a_hundred(make_bench):
    bench = make_bench()
    validated(bench, [event()])

    assert build_report(bench, DuckDBEngine(bench.con)).score == 100


def test_a_source_without_rows_is_reported_without_a_score(make_bench):
    bench = make_bench()
    validated(bench, [])
    quality_report(bench)

    assert written(bench).score is None


def test_counts_that_do_not_add_up_are_not_written(make_bench):
    bench = make_bench()
    validated(bench, [event()], duplicates=1, rows_in=7)

    with pytest.raises(IntegrityError, match="do not add up"):
        quality_report(bench)
    assert bench.lake.find("quality") is None


def test_the_same_data_give_the_same_bytes_at_any_time(make_bench):
    bench = make_bench()
    validated(bench, [event()], [waiting(3)])
    quality_report(bench)
    first = bench.lake.latest("quality")
    quality_report(make_bench(now_us=DAY_US))

    assert bench.lake.latest("quality").files == first.files


def test_scores_of_earlier_data_are_kept_as_the_past(make_bench):
    bench = make_bench()
    validated(bench, [event()], [waiting(3)])
    quality_report(bench)
    later = event(occurred_us=(DAY + 1) * DAY_US)
    validated(bench, [event(), later], days={str(DAY): 1, str(DAY + 1): 1})
    quality_report(bench)
    past = written(bench).past

    assert [(point.until, point.overall) for point in past] == [("2024-01-15", 60.0)]


def test_samples_are_the_first_rows_of_each_rule(make_bench):
    bench = make_bench()
    both = waiting(50, rules="EV-PRICE EV-USER")
    validated(bench, [event()], [*map(waiting, range(2, 40)), both])
    samples = quarantined_samples(bench, DuckDBEngine(bench.con), "shop")
    by_rule = {
        code: [s.line for s in samples if s.code == code] for code in ("EV-USER", "EV-PRICE")
    }

    assert by_rule == {"EV-USER": list(range(2, 2 + N_SAMPLES)), "EV-PRICE": [50]}


def test_a_raw_row_is_shortened_in_the_page(make_bench):
    bench = make_bench()
    validated(bench, [event()], [waiting(2, raw="x" * 10_000)])

    assert len(quarantined_samples(bench, DuckDBEngine(bench.con), "shop")[0].raw) < 300


def test_the_page_says_what_is_wrong_and_what_was_done(make_bench):
    bench = make_bench()
    validated(bench, [event()] * 2, [waiting(4, raw="<script>alert(1)</script>")], duplicates=1)
    quality_report(bench)
    page = bench.lake.read("quality", "data_quality_report.html").decode()

    assert "Of 4 rows that arrived, 2 (50.0\N{NO-BREAK SPACE}%) are fit for use." in page
    assert "1 exact repeat was left out" in page
    assert "recomart quarantine replay" in page
    assert "<script>alert(1)" not in page
    assert "Ann’s <shop>" not in page


def test_the_page_needs_nothing_from_outside(make_bench):
    bench = make_bench()
    validated(bench, [event()], [waiting(4)])
    quality_report(bench)
    page = bench.lake.read("quality", "data_quality_report.html").decode()

    assert not re.search(r"<(link|script|img|iframe)|src=|@import|url\(http|href=.http", page)


def test_the_json_says_its_schema_and_formula(make_bench):
    bench = make_bench()
    validated(bench, [event()])
    quality_report(bench)
    body = json.loads(bench.lake.read("quality", "data_quality_report.json"))

    assert body["schema_version"] == 1
    assert body["formula"][0].startswith("score = 100 ×")


def test_attributes_matter_where_the_settings_name_them(make_bench):
    named = CsvSource(path="x", columns={"title": "Description"})
    bench = make_bench(shop=named)
    validated(bench, [event(), event("bob", title="Mug")])
    profile = build_report(bench, DuckDBEngine(bench.con)).sources[0].profile

    assert columns_that_matter(named, profile)["title"] == 1
    assert "title" not in columns_that_matter(CsvSource(path="x"), profile)


def test_a_catalogue_is_held_to_the_attributes_that_it_fills(make_bench):
    bench = make_bench()
    validated(bench, [event(), event("bob", title="Mug")])
    profile = build_report(bench, DuckDBEngine(bench.con)).sources[0].profile
    catalogue = columns_that_matter(RestSource(url="https://shop.example"), profile)

    assert catalogue == {"item_id": 0, "title": 1}
