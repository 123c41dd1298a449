"""Files that are not what they should be: each line is found again, valid or with its reason."""

import gzip

import pyarrow as pa
import pytest

from recomart.quality import checked
from tests.quality.shop import ANN, BOB, HEADER, Shop


@pytest.mark.parametrize(
    ("bad", "rule", "raw"),
    [
        (b"cat,mug\n", "FILE-RAGGED", "cat,mug"),
        (b"cat,mug,view,2025-06-01,more\n", "FILE-RAGGED", "cat,mug,view,2025-06-01,more"),
        (b"   \n", "FILE-RAGGED", "   "),
        (b"c\0t,mug,view,2025-06-01\n", "FILE-NUL", "c␀t,mug,view,2025-06-01"),
        (b"c\xe4t,mug,view,2025-06-01\n", "FILE-ENCODING", "c\ufffdt,mug,view,2025-06-01"),
        (b'"cat,mug,view,2025-06-01\n', "FILE-QUOTE", '"cat,mug,view,2025-06-01'),
        (b'cat,"mug"s,view,2025-06-01\n', "FILE-QUOTE", 'cat,"mug"s,view,2025-06-01'),
    ],
)
def test_a_line_that_is_no_row_is_put_aside_and_the_others_are_read(shop, bad, rule, raw):
    shop.put("a.csv", HEADER + ANN + bad + BOB).run()

    assert shop.aside() == [(3, rule, raw)]
    assert shop.valid("user_id") == ["ann", "bob"]
    assert shop.counts == {"in": 3, "valid": 2, "quarantined": 1, "duplicates": 0}


def test_a_stray_quote_does_not_swallow_the_lines_down_to_the_next_quote(shop):
    quoted = b'dan,"a ""big"" mug",view,2025-06-01\n'
    shop.put("a.csv", HEADER + b'"cat,mug,view,2025-06-01\n' + ANN + quoted + BOB).run()

    assert [line for line, _, _ in shop.aside()] == [2]
    assert shop.valid("item_id") == ["mug", 'a "big" mug', "pen"]


def test_a_stray_quote_at_the_end_costs_one_line(shop):
    shop.put("a.csv", HEADER + ANN + b'"cat,mug,view,2025-06-01\n').run()

    assert shop.counts == {"in": 2, "valid": 1, "quarantined": 1, "duplicates": 0}


def test_a_cut_file_loses_its_last_row_only(shop):
    shop.put("a.csv", HEADER + ANN + BOB[:-9]).run()

    assert shop.aside() == [(3, "FILE-TRUNCATED", BOB[:-9].decode())]
    assert shop.valid("user_id") == ["ann"]


def test_a_file_without_a_final_newline_is_whole_where_the_dialect_says_so(shop):
    shop.means(dialect={"final_newline": "optional"})
    shop.put("a.csv", HEADER + ANN + BOB[:-1]).run()

    assert shop.valid("user_id") == ["ann", "bob"]


@pytest.mark.parametrize("data", [b"", HEADER])
def test_an_empty_file_has_no_rows_and_loses_none(shop, data):
    shop.put("a.csv", data).put("b.csv", HEADER + ANN).run()

    assert shop.facts("rows_in") == {"a.csv": 0, "b.csv": 1}
    assert shop.counts == {"in": 1, "valid": 1, "quarantined": 0, "duplicates": 0}


def test_a_file_without_a_header_is_not_read_under_wrong_names(shop):
    shop.put("a.csv", ANN + BOB).run()

    assert shop.aside() == [
        (1, "FILE-COLUMNS", ANN.decode().strip()), (2, "FILE-COLUMNS", BOB.decode().strip()),
    ]  # fmt: skip
    assert "missing" in shop.facts("warnings", "a.csv")[0]


@pytest.mark.parametrize(
    ("first", "rule"),
    [(b"user\0id\n", "FILE-NUL"), (b"us\xe4r\n", "FILE-ENCODING"), (b'"user_id\n', "FILE-QUOTE")],
)
def test_a_header_that_cannot_be_read_is_put_aside_with_all_rows(shop, first, rule):
    shop.put("a.csv", first + ANN).run()

    assert [(line, rules) for line, rules, _ in shop.aside()] == [(1, rule), (2, "FILE-COLUMNS")]
    assert shop.facts("warnings", "a.csv") == ["the file has no readable header"]


def test_a_file_whose_lines_end_in_carriage_returns_alone_is_not_lost(shop):
    shop.put("a.csv", (HEADER + ANN).replace(b"\n", b"\r")).run()

    assert shop.counts == {"in": 1, "valid": 0, "quarantined": 1, "duplicates": 0}


def test_a_missing_column_puts_the_whole_file_aside_and_no_other(shop):
    shop.put("a.csv", b"user_id,event_type,occurred_at\nann,view,2025-06-01\n")
    shop.put("b.csv", HEADER + BOB).run()

    assert shop.aside() == [(2, "FILE-COLUMNS", "ann,view,2025-06-01")]
    assert shop.valid("user_id") == ["bob"]


def test_extra_columns_and_another_order_do_no_harm(shop):
    data = b"extra,occurred_at,event_type,item_id,user_id,filename\nx,2025-06-01,view,mug,ann,f\n"
    shop.put("a.csv", data).put("b.csv", HEADER + BOB).run()

    assert shop.valid("user_id", "item_id") == [("ann", "mug"), ("bob", "pen")]


@pytest.mark.parametrize("name", ['we"ird', "it's", "_file", "{x}", "naïve ☕", "", "user_id"])
def test_any_name_may_stand_in_a_header(shop, name):
    quoted = '"' + name.replace('"', '""') + '"'
    shop.put("a.csv", HEADER[:-1] + f",{quoted}\n".encode() + ANN[:-1] + b",x\n").run()

    assert shop.valid("user_id") == ["ann"]


def test_a_byte_order_mark_is_no_part_of_the_first_name(shop):
    shop.put("a.csv", b"\xef\xbb\xbf" + HEADER + ANN).run()

    assert shop.valid("user_id") == ["ann"]


@pytest.mark.parametrize("item", ["a,b", 'the "big" one', "two\nlines", "crlf\r\nid", "☕️🫖", "'"])
def test_an_item_id_is_kept_as_it_is(shop, item):
    quoted = '"' + item.replace('"', '""') + '"'
    shop.put("a.csv", HEADER + f"ann,{quoted},view,2025-06-01\n".encode() + BOB).run()

    assert shop.valid("item_id") == [item, "pen"]


def test_a_quarantined_row_of_several_lines_is_shown_whole(shop):
    shop.put("a.csv", HEADER + b'ann,"two\nlines",gaze,2025-06-01\n' + b"bob,pen,gaze,2025-06-01\n")
    shop.run()

    assert shop.aside() == [
        (2, "EV-TYPE", 'ann,"two\nlines",gaze,2025-06-01'),
        (4, "EV-TYPE", "bob,pen,gaze,2025-06-01"),
    ]


def test_lines_may_end_as_on_windows(shop):
    shop.put("a.csv", (HEADER + ANN + BOB).replace(b"\n", b"\r\n")).run()

    assert shop.valid("occurred_us") == [1_748_772_000_000_000, 1_748_775_600_000_000]


def test_line_ends_may_be_mixed(shop):
    shop.put("a.csv", HEADER + ANN.replace(b"\n", b"\r\n") + BOB).put("b.csv", HEADER + ANN).run()

    assert shop.facts("valid") == {"a.csv": 2, "b.csv": 0}
    assert shop.facts("duplicates") == {"a.csv": 0, "b.csv": 1}


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_other_encodings_are_read_where_the_dialect_names_them(shop, encoding):
    shop.means(dialect={"encoding": encoding})
    shop.put("a.csv", HEADER + "ann,café,view,2025-06-01\n".encode(encoding)).run()

    assert shop.valid("item_id") == ["café"]


def test_another_delimiter_and_quote_are_kept_to(shop):
    shop.means(dialect={"delimiter": ";", "quote": "'"})
    shop.put("a.csv", HEADER.replace(b",", b";") + b"ann;'a;b';view;2025-06-01\n").run()

    assert shop.valid("item_id") == ["a;b"]


@pytest.mark.parametrize("pack", [gzip.compress, lambda data: pa.compress(data, "zstd", True)])
def test_packed_files_are_read(shop, pack):
    name = "a.csv.gz" if pack is gzip.compress else "a.csv.zst"
    shop.put(name, pack(HEADER + ANN + b"x,y,gaze,2025-06-01\n")).run()

    assert shop.valid("user_id") == ["ann"]
    assert shop.aside() == [(3, "EV-TYPE", "x,y,gaze,2025-06-01")]


def test_what_is_called_gz_and_is_not_is_put_aside(shop):
    shop.put("a.csv.gz", HEADER + ANN).run()

    assert [rules for _, rules, _ in shop.aside()] == ["FILE-COMPRESSION"]


def test_a_cut_gz_gives_what_could_be_unpacked_and_says_so(shop):
    rows = b"".join(b"u%d,mug,view,2025-06-01\n" % n for n in range(5_000))
    shop.put("a.csv.gz", gzip.compress(HEADER + rows)[:-2_000]).run()

    assert [rules for _, rules, _ in shop.aside()] == ["FILE-COMPRESSION"]
    assert shop.valid("user_id")[:2] == ["u0", "u1"]


def test_a_line_too_long_to_hold_is_put_aside(shop, monkeypatch):
    monkeypatch.setattr("recomart.quality.exact.LONGEST_LINE", 60)
    long = b"x" * 200 + b",mug,view,2025-06-01\n"
    shop.put("a.csv", HEADER + ANN + b"ragged\n" + long + BOB).run()

    assert [rules for _, rules, _ in shop.aside()] == ["FILE-RAGGED", "FILE-LONG"]
    assert shop.valid("user_id") == ["ann", "bob"]


def test_regular_files_never_meet_the_slow_reader(shop, monkeypatch):
    def refuse(*_):
        raise AssertionError

    monkeypatch.setattr(checked, "exact_rows", refuse)
    shop.put("a.csv", HEADER + b'ann,"a,b",view,2025-06-01\n').put("b.csv", HEADER + BOB).run()

    assert shop.counts["valid"] == 2


def test_slow_and_fast_reading_give_the_same_rows(tmp_path):
    data = HEADER + ANN + b'bob, "pen" ,view, 2025-06-01\ncat,"",view,2025-06-01\n,mug,view,2025\n'
    fast = Shop(tmp_path / "fast").put("a.csv", data).run()
    slow = Shop(tmp_path / "slow").put("a.csv", data + b"ragged\n").run()

    assert slow.manifest.files[0].sha256 == fast.manifest.files[0].sha256
    assert slow.aside()[:-1] == fast.aside()
