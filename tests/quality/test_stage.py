"""Validation by raw file: what is known is kept, what is new is compared with what came before."""

from pathlib import Path

import pytest
import yaml

from recomart.errors import ContractError
from recomart.lake import Dates
from recomart.quality import stage
from recomart.quality.stage import validate
from recomart.settings.templates import template_text
from recomart.sources.stage import ingest
from recomart.vocabulary import COLUMNS_OF
from tests.quality.shop import ANN, BOB, DAY_US, HEADER, NOW_US, Shop

CAT = b"cat,mug,view,2025-06-01T12:00:00Z\n"
JULY = b"ann,mug,view,2025-07-01T10:00:00Z\n"
DIRT = {
    "EV-USER": 135_080,
    "EV-PRICE": 2,
    "OR-DESCRIPTION": 1_454,
    "OR-CANCELLED": 9_288,
    "OR-NEGATIVE-QUANTITY": 10_624,
    "OR-QUANTITY": 1_336,
    "OR-ZERO-PRICE": 2_515,
    "OR-PRODUCT": 2_995,
}
"""Violations of Online Retail by rule, as counted on its own; see data/README.md."""
INVOICES = Path(__file__).parents[2] / "../shared/data/online_retail/by-day"


@pytest.fixture
def read(monkeypatch):
    """The names of the raw files that were read, run by run."""
    found = []

    def open_raw(number, entry, path, source):
        found.append(entry.details["name"])
        return original(number, entry, path, source)

    original = stage.open_raw
    monkeypatch.setattr(stage, "open_raw", open_raw)
    return found


def test_valid_rows_have_the_columns_of_their_kind_in_the_file_s_order(shop):
    shop.put("a.csv", HEADER + BOB + ANN).run()

    assert shop.manifest.columns == {
        name: {"float64": "double"}.get(kind, kind) for name, kind in COLUMNS_OF["events"].items()
    }
    assert shop.valid("user_id", "source") == [("bob", "s"), ("ann", "s")]


def test_an_event_repeated_within_a_file_counts_once(shop):
    shop.put("a.csv", HEADER + ANN + BOB + ANN + ANN).run()

    assert shop.counts == {"in": 4, "valid": 2, "quarantined": 0, "duplicates": 2}
    assert shop.valid("user_id") == ["ann", "bob"]


def test_events_are_the_same_only_if_every_raw_value_is(shop):
    header = HEADER[:-1] + b",note\n"
    row = ANN[:-1]
    shop.put("a.csv", header + row + b",x\n" + row + b",y\n" + row + b",\n").run()

    assert (shop.counts["valid"], len(set(shop.valid("event_id")))) == (3, 3)


@pytest.mark.parametrize("twin", [("a\x1fb", "c"), ("a", "b\x1fc"), ("a\x1f", "b\x1fc")])
def test_values_never_run_into_each_other_in_an_identity(shop, twin):
    header = HEADER[:-1] + b",x,y\n"
    other = ("a", "b\x1f\x1fc")
    rows = [ANN[:-1].decode() + f",{x},{y}\n" for x, y in (twin, other)]
    shop.put("a.csv", header + "".join(rows).encode()).run()

    assert shop.counts["duplicates"] == 0


def test_an_event_id_of_the_shop_s_own_decides_what_is_the_same(shop):
    header = b"event_id," + HEADER
    shop.put("a.csv", header + b"e1," + ANN + b"e1," + BOB + b"e2," + ANN).run()

    assert shop.valid("event_id", "user_id") == [("e1", "ann"), ("e2", "ann")]


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        (b"session_id,recommendation_id", {}),
        (b"visit,shown", {"shop_session_id": "visit", "recommendation_id": "shown"}),
        (b"visit,shown", {"shop_session_id": {"from": "visit"}}),
    ],
)
def test_the_shop_s_session_and_the_list_that_was_shown_are_taken_over(shop, header, columns):
    shop.means(columns=columns)
    shop.put("a.csv", header + b"," + HEADER + b"s1,r1," + ANN + b",," + BOB).run()

    shown = "r1" if columns == {} or "recommendation_id" in columns else None
    assert shop.valid("user_id", "shop_session_id", "recommendation_id") == [
        ("ann", "s1", shown),
        ("bob", None, None),
    ]


def test_an_event_is_the_same_whether_or_not_its_session_is_read(tmp_path):
    data = b"visit," + HEADER + b"s1," + ANN + b"s2," + ANN + b"s1," + ANN
    shops = [Shop(tmp_path / "1"), Shop(tmp_path / "2", columns={"shop_session_id": "visit"})]
    ids = [shop.put("a.csv", data).run().valid("event_id") for shop in shops]

    assert ids[0] == ids[1]
    assert len(ids[0]) == 2


def test_an_event_of_an_earlier_file_is_not_taken_again(shop):
    shop.put("a.csv", HEADER + ANN + BOB).run()
    shop.put("b.csv", HEADER + BOB + CAT).run(now_us=NOW_US + DAY_US)

    assert shop.facts("valid") == {"a.csv": 2, "b.csv": 1}
    assert shop.facts("duplicates") == {"a.csv": 0, "b.csv": 1}
    assert sorted(shop.valid("user_id")) == ["ann", "bob", "cat"]


def test_a_row_that_was_put_aside_before_is_no_duplicate_when_it_comes_again(shop):
    bad = HEADER + b"ann,mug,gaze,2025-06-01T10:00:00Z\n"
    shop.put("a.csv", bad).put("b.csv", bad + CAT).run()

    assert shop.counts == {"in": 3, "valid": 1, "quarantined": 2, "duplicates": 0}


def test_files_brought_in_together_or_one_by_one_give_the_same_rows(tmp_path):
    days = {"a.csv": HEADER + ANN + BOB, "b.csv": HEADER + BOB + CAT, "c.csv": HEADER + CAT + JULY}
    together, singly = Shop(tmp_path / "1"), Shop(tmp_path / "2")
    for name, data in days.items():
        together.put(name, data)
        singly.put(name, data).run()
    together.run()

    assert together.manifest.version == singly.manifest.version
    assert together.facts("duplicates") == {"a.csv": 0, "b.csv": 1, "c.csv": 1}


def test_categories_and_properties_repeat_only_within_their_file(shop):
    shop.means(holds="item_properties")
    data = b"item_id,property,value,timestamp\nmug,p,1,2025-06-01\nmug,p,1,2025-06-01\n"
    shop.put("a.csv", data).put("b.csv", data + b"mug,p,2,2025-06-01\n").run()

    assert shop.facts("valid") == {"a.csv": 1, "b.csv": 2}


def test_a_second_run_reads_nothing(shop, read):
    shop.put("a.csv", HEADER + ANN).run()
    before = shop.manifest
    read.clear()
    shop.run(run_id="r2")

    assert read == []
    assert shop.manifest.files == before.files


def test_a_new_file_costs_itself_alone(shop, read):
    shop.put("a.csv", HEADER + ANN).put("b.csv", HEADER + BOB).run()
    read.clear()
    shop.put("c.csv", HEADER + CAT).run()

    assert read == ["c.csv"]
    assert shop.counts["valid"] == 3


@pytest.mark.parametrize("options", [{"force": True}, {"code_version": "2"}])
def test_new_code_or_force_reads_everything_and_writes_the_same_bytes(shop, read, options):
    shop.put("a.csv", HEADER + ANN).put("b.csv", HEADER + JULY).run()
    before = shop.manifest
    read.clear()
    shop.run(**options)

    assert read == ["a.csv", "b.csv"]
    assert shop.manifest.version == before.version


def test_another_contract_reads_everything_again(shop, read):
    shop.put("a.csv", HEADER + ANN).run()
    read.clear()
    shop.means(contract={"rules": [{"code": "MY-X", "column": "device", "check": "required"}]})
    shop.run()

    assert (read, shop.counts["quarantined"]) == (["a.csv"], 1)


def test_dates_limit_what_is_validated_and_the_rest_follows_later(shop):
    shop.put("2025-06-01.csv", HEADER + ANN).put("2025-07-01.csv", HEADER + ANN + JULY)
    ingest(shop.bench())
    validate(shop.bench(dates=Dates(first="2025-07-01")))
    first = shop.facts("valid")
    shop.run()

    assert first == {"2025-07-01.csv": 2}
    assert shop.facts("valid") == {"2025-06-01.csv": 1, "2025-07-01.csv": 1}


def test_too_many_bad_rows_fail_the_run_after_they_were_put_where_one_can_look(shop):
    shop.means(max_quarantined=0.5)
    shop.put("a.csv", HEADER + ANN + b"ragged\nragged\n")

    with pytest.raises(ContractError, match="2 of 3 rows"):
        shop.run()
    assert len(shop.aside()) == 2


def test_as_many_bad_rows_as_are_tolerated_do_not_fail_the_run(shop):
    shop.means(max_quarantined=0.5)
    shop.put("a.csv", HEADER + ANN + b"ragged\n").run()

    assert shop.counts["quarantined"] == 1


def test_history_arrives_as_it_happened_and_a_live_source_when_it_is_brought_in(tmp_path):
    history = Shop(tmp_path / "1").put("a.csv", HEADER + ANN).run()
    live = Shop(tmp_path / "2", arrival="ingested").put("a.csv", HEADER + ANN).run()

    assert history.valid("arrived_us") == history.valid("occurred_us")
    assert live.valid("arrived_us") == [NOW_US]


def test_each_file_tells_its_valid_rows_by_day(shop):
    shop.put("a.csv", HEADER + ANN + BOB + JULY + b"x,y,gaze,2025-08-01\n").run()

    assert shop.facts("days", "a.csv") == {"20240": 2, "20270": 1}


def test_large_files_are_read_alone_and_small_ones_together(shop, monkeypatch):
    monkeypatch.setattr("recomart.quality.reading.BATCH_BYTES", 100)
    for n in range(5):
        shop.put(f"{n}.csv", HEADER + ANN + f"u{n},mug,view,2025-06-01\n".encode() * (n + 1))
    shop.run()

    assert sorted(shop.valid("user_id")) == ["ann", "u0", "u1", "u2", "u3", "u4"]
    assert shop.counts == {"in": 20, "valid": 6, "quarantined": 0, "duplicates": 14}


@pytest.mark.skipif(not INVOICES.is_dir(), reason="Online Retail is not beside the repository")
def test_the_dirt_of_online_retail_is_found_to_the_row(tmp_path):
    told = yaml.safe_load(template_text("online-retail", data=str(INVOICES)))
    shop = Shop(tmp_path)
    shop.source = told["sources"]["invoices"]
    shop.max_quarantined = told["quality"]["max_quarantined"]
    shop.run()

    broken, distinct, control = {}, 0, 0.0
    for entry in shop.manifest.files:
        for code, n in entry.details["violations"].items():
            broken[code] = broken.get(code, 0) + n
        distinct += entry.details["distinct"]["OR-CANCELLED"]
        control += entry.details["control_sum"]
    assert len(shop.manifest.files) == 305
    assert shop.counts == {
        "in": 541_909, "valid": 399_689, "quarantined": 136_952, "duplicates": 5_268,
    }  # fmt: skip
    assert broken == DIRT
    assert (distinct, round(control, 2)) == (3_836, 9_747_747.93)
