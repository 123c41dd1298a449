"""Values that do not keep their contract: each rule is broken by what it should be, and no more."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from recomart.errors import SettingsError
from tests.quality.shop import ANN, DAY_US, HEADER, NOW_US, as_json

WIDE = b"user_id,item_id,event_type,occurred_at,price,quantity,rating\n"
PROPERTIES = b"item_id,property,value,timestamp\nmug,p,1,2025-06-01\n"
RATED = {"rate": 4, "count": 9}


def rows(*lines, header=WIDE):
    return header + b"".join(line.encode() + b"\n" for line in lines)


def rules(shop):
    return [found for _, found, _ in shop.aside()]


@pytest.mark.parametrize(
    ("row", "broken"),
    [
        (",mug,view,2025-06-01,,,", "EV-USER"),
        ("   ,mug,view,2025-06-01,,,", "EV-USER"),
        ("ann,,view,2025-06-01,,,", "EV-ITEM"),
        ("ann,mug,,2025-06-01,,,", "EV-TYPE"),
        ("ann,mug,gaze,2025-06-01,,,", "EV-TYPE"),
        ("ann,mug,view,,,,", "EV-TIME"),
        ("ann,mug,view,yesterday,,,", "EV-TIME"),
        ("ann,mug,view,2025-13-01,,,", "EV-TIME"),
        ("ann,mug,view,infinity,,,", "EV-TIME"),
        ("ann,mug,view,2025-06-01 (BC),,,", "EV-TIME"),
        ("ann,mug,view,2031-06-01,,,", "EV-FUTURE"),
        ("ann,mug,view,2025-06-01,-0.01,,", "EV-PRICE"),
        ("ann,mug,view,2025-06-01,free,,", "TYPE-PRICE"),
        ("ann,mug,view,2025-06-01,NaN,,", "TYPE-PRICE"),
        ("ann,mug,view,2025-06-01,inf,,", "TYPE-PRICE"),
        ("ann,mug,view,2025-06-01,-Infinity,,", "TYPE-PRICE"),
        ("ann,mug,view,2025-06-01,1e309,,", "TYPE-PRICE"),
        ("ann,mug,view,2025-06-01,,many,", "TYPE-QUANTITY"),
        ("ann,mug,view,2025-06-01,,,6", "EV-RATING"),
        ("ann,mug,view,2025-06-01,,,0", "EV-RATING"),
        ("ann,mug,rate,2025-06-01,,,", "EV-RATED"),
        (",,gaze,2031-06-01,-1,,9", "EV-USER EV-ITEM EV-TYPE EV-FUTURE EV-PRICE EV-RATING"),
    ],
)
def test_a_row_names_every_rule_it_breaks(shop, row, broken):
    shop.put("a.csv", rows(row)).run()

    assert shop.aside() == [(2, broken, row)]


@pytest.mark.parametrize(
    "row",
    [
        "ann,mug,view,2025-06-01,,,",
        "ann,mug,purchase,2025-06-01,0,1,",
        "ann,mug,rate,2025-06-01,,,1",
        "ann,mug,rate,2025-06-01,,,5",
        "ann,mug,view,2026-01-01T23:59:59Z,,,",  # arrives with a clock up to a day ahead
        " ann ,\tmug,view, 2025-06-01,1e2,-3,",
    ],
)
def test_a_row_that_keeps_all_rules_is_valid(shop, row):
    shop.put("a.csv", rows(row)).run()

    assert shop.valid("user_id", "item_id") == [("ann", "mug")]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-06-01", "2025-06-01 00:00"),
        ("2025-06-01T10:30:00", "2025-06-01 10:30"),
        ("2025-06-01T10:30:00Z", "2025-06-01 10:30"),
        ("2025-06-01 10:30:00+02:00", "2025-06-01 08:30"),
        ("2025-06-01T10:30:00-0530", "2025-06-01 16:00"),
        ("2025-06-01T00:30:00.25+02", "2025-05-31 22:30"),
    ],
)
def test_iso_times_are_read_as_utc(shop, text, moment):
    shop.put("a.csv", rows(f"ann,mug,view,{text},,,")).run()

    [found] = shop.valid("occurred_us")
    expected = shop.con.con.execute("SELECT epoch_us(?::TIMESTAMP)", [moment]).fetchone()[0]
    assert found - found % 1_000_000 == expected


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ({"unit": "s"}, "1748772000"),
        ({"unit": "ms"}, "1748772000000"),
        ({"unit": "us"}, "1748772000000000"),
        ({"format": "%d.%m.%Y %H:%M"}, "01.06.2025 10:00"),
        ({"format": "%Y-%m-%d %H:%M:%S%z"}, "2025-06-01 12:00:00+02:00"),
    ],
)
def test_times_in_other_shapes_are_read_as_the_settings_say(shop, column, text):
    shop.means(columns={"occurred_at": {"from": "occurred_at", **column}})
    shop.put("a.csv", rows(f"ann,mug,view,{text},,,")).run()

    assert shop.valid("occurred_us") == [1_748_772_000_000_000]


@pytest.mark.parametrize("text", ["9223372036854775807", "-9223372036854775808", "1e400", "soon"])
def test_a_number_that_is_no_time_is_no_fault_of_the_program(shop, text):
    shop.means(columns={"occurred_at": {"from": "occurred_at", "unit": "ms"}})
    shop.put("a.csv", rows(f"ann,mug,view,{text},,,")).run()

    assert rules(shop) == ["EV-TIME"]


def test_raw_text_becomes_our_columns_as_the_settings_say(shop):
    shop.means(
        columns={
            "user_id": {"from": "customer", "strip_suffix": ".0", "strip_prefix": "C"},
            "item_id": "code",
            "event_type": {
                "from": "kind",
                "replace": [{"match": "^buy", "value": "purchase"}],
                "default": "view",
            },
            "occurred_at": "day",
            "device": {"default": "web"},
        }
    )
    data = b"customer,code,kind,day\nC17.0,mug,buy now,2025-06-01\n8,pen,,2025-06-01\n"
    shop.put("a.csv", data).run()

    assert shop.valid("user_id", "item_id", "event_type", "device") == [
        ("17", "mug", "purchase", "web"), ("8", "pen", "view", "web"),
    ]  # fmt: skip


def test_a_rule_of_the_settings_takes_the_place_of_the_standing_one(shop):
    rule = {"code": "EV-PRICE", "column": "price", "check": "range", "min": 5}
    shop.means(contract={"rules": [rule]})
    shop.put("a.csv", rows("ann,mug,view,2025-06-01,4,,", "ann,mug,view,2025-06-01,5,,")).run()

    assert rules(shop) == ["EV-PRICE"]
    assert shop.valid("price") == [5.0]


def test_without_standing_rules_only_those_of_the_settings_hold(shop):
    shop.means(contract={"standing": False})
    shop.put("a.csv", rows("ann,mug,gaze,2025-06-01,-1,,")).run()

    assert shop.valid("event_type") == ["gaze"]


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        ({"check": "required"}, "web", ""),
        ({"check": "allowed", "values": ["web", "app"]}, "web", "fax"),
        ({"check": "allowed", "values": ["web", "app"]}, "web", ""),
        ({"check": "refused", "values": ["fax"]}, "", "fax"),
        ({"check": "refused", "pattern": "^f"}, "web", "fax"),
        ({"check": "matches", "pattern": "^[a-z]{3}$"}, "", "w3b"),
    ],
)
def test_checks_of_text(shop, rule, good, bad):
    header = HEADER[:-1] + b",device\n"
    shop.means(contract={"rules": [{"code": "MY-DEVICE", "column": "device", **rule}]})
    data = rows(f"ann,mug,view,2025-06-01,{good}", f"bob,mug,view,2025-06-01,{bad}", header=header)
    shop.put("a.csv", data).run()

    assert (shop.valid("user_id"), rules(shop)) == (["ann"], ["MY-DEVICE"])


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        ({"check": "range", "min": 1, "max": 3}, "1", "3.5"),
        ({"check": "range", "min": 1}, "", "0.9"),
        ({"check": "above", "min": 0}, "0.1", "0"),
        ({"check": "refused", "values": ["0"]}, "1", "0.00"),
        ({"check": "allowed", "values": ["1", "2"]}, "1.0", "3"),
    ],
)
def test_checks_of_numbers(shop, rule, good, bad):
    shop.means(contract={"rules": [{"code": "MY-PRICE", "column": "price", **rule}]})
    data = rows(f"ann,mug,view,2025-06-01,{good},,", f"bob,mug,view,2025-06-01,{bad},,")
    shop.put("a.csv", data).run()

    assert (shop.valid("user_id"), rules(shop)) == (["ann"], ["MY-PRICE"])


def test_a_rule_with_when_speaks_only_of_rows_that_match(shop):
    rule = {
        "code": "MY-BOUGHT", "column": "quantity", "check": "above", "min": 0,
        "when": {"match": "^purchase$", "value": ""},
    }  # fmt: skip
    shop.means(contract={"rules": [rule]})
    data = rows("ann,mug,purchase,2025-06-01,,-1,", "bob,mug,cancel,2025-06-01,,-1,")
    shop.put("a.csv", data).run()

    assert (shop.valid("user_id"), rules(shop)) == (["bob"], ["MY-BOUGHT"])


def test_a_rule_that_only_reports_counts_and_lets_pass(shop):
    rule = {
        "code": "MY-FREE", "column": "price", "check": "refused", "values": ["0"],
        "action": "report", "count_distinct": "user_id",
    }  # fmt: skip
    shop.means(contract={"rules": [rule]})
    free = [f"{user},{item},view,2025-06-01,0,," for user in ("ann", "bob") for item in ("a", "b")]
    shop.put("a.csv", rows(*free)).run()

    assert shop.violations == {"MY-FREE": 4}
    assert shop.facts("distinct", "a.csv") == {"MY-FREE": 2}
    assert (shop.counts["valid"], shop.aside()) == (4, [])


def test_violations_and_the_control_sum_are_of_all_rows_repeated_ones_too(shop):
    shop.means(contract={"sum_of": ["quantity", "price"]})
    bad, good = ",mug,view,2025-06-01,2,3,", "ann,mug,view,2025-06-01,0.5,1,"
    shop.put("a.csv", rows(bad, bad, good, good)).run()

    assert shop.violations == {"EV-USER": 2}
    assert shop.facts("control_sum", "a.csv") == 13.0
    assert shop.counts == {"in": 4, "valid": 1, "quarantined": 1, "duplicates": 2}


def test_a_rule_on_a_column_that_is_not_there_is_an_error_in_the_settings(shop):
    shop.means(contract={"rules": [{"code": "MY-X", "column": "prize", "check": "required"}]})

    with pytest.raises(SettingsError, match="MY-X speaks of a column 'prize'"):
        shop.put("a.csv", HEADER + ANN).run()


@pytest.mark.parametrize(
    ("holds", "data", "broken"),
    [
        ("categories", b"category_id,parent_id\nmugs,\n,mugs\n", "CT-ID"),
        ("catalogue", b"item_id,price\nmug,3\n,3\n", "CA-ITEM"),
        ("catalogue", b"item_id,price\nmug,3\npen,-3\n", "CA-PRICE"),
        ("catalogue", b"item_id,rating\nmug,4.5\npen,5.5\n", "CA-RATING"),
        ("catalogue", b"item_id,available\nmug,yes\npen,maybe\n", "TYPE-AVAILABLE"),
        ("item_properties", PROPERTIES + b",p,1,2025-06-01\n", "PR-ITEM"),
        ("item_properties", PROPERTIES + b"mug,,1,2025-06-01\n", "PR-NAME"),
        ("item_properties", PROPERTIES + b"mug,p,1,x\n", "PR-TIME"),
        ("item_properties", PROPERTIES + b"mug,p,1,2027-06-01\n", "PR-FUTURE"),
    ],
)  # fmt: skip
def test_every_kind_of_source_has_standing_rules(shop, holds, data, broken):
    shop.means(holds=holds)
    shop.put("a.csv", data).run()

    assert (shop.counts["valid"], rules(shop)) == (1, [broken])


@contextmanager
def answering(body):
    """Serve one JSON body at every address of a server of its own; yield the address."""

    class Door(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/products"
        server.shutdown()


@pytest.fixture
def catalogue(shop):
    """Bring in a catalogue of this JSON and validate it."""

    def run(body):
        with answering(body) as url:
            shop.source = {"kind": "rest", "url": url}
            return shop.run()

    return run


def test_a_json_catalogue_becomes_rows(catalogue):
    mug = {"id": 1, "title": "Mug ☕", "price": 3.5, "category": "kitchen", "rating": RATED}
    shop = catalogue(as_json([mug, {"id": 2, "title": None, "price": "free"}]))

    assert shop.valid("item_id", "title", "category_id", "price", "rating", "rating_count") == [
        ("1", "Mug ☕", "kitchen", 3.5, 4.0, 9)
    ]
    assert [(line, rules) for line, rules, _ in shop.aside()] == [(2, "TYPE-PRICE")]
    assert shop.valid("occurred_us") == [NOW_US]


@pytest.mark.parametrize(
    ("body", "title"),
    [
        (b'[{"id": 1, "title": "half \\ud83d"}]', "half ?"),
        (b'[{"id": 1, "title": "a\\u0000b"}]', "a\0b"),
        (b'[{"id": 1, "title": "Mug", "ID": 2, "_file": 3}]', "Mug"),
        (b'[{"id": 1, "title": ["big", "mug"]}]', '["big", "mug"]'),
    ],
)
def test_odd_values_of_a_json_catalogue_are_no_fault_of_the_program(catalogue, body, title):
    assert catalogue(body).valid("item_id", "title") == [("1", title)]


def test_a_late_clock_is_measured_against_the_arrival_not_today(shop):
    shop.put("a.csv", HEADER + b"ann,mug,view,2026-01-03\n").run()
    shop.run(now_us=NOW_US + 30 * DAY_US, force=True)

    assert rules(shop) == ["EV-FUTURE"]
