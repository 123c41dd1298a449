"""The quarantine can be listed, shown, and emptied by a better contract or mended rows."""

import gzip

import pytest

from recomart.errors import NotFoundError
from recomart.quality.quarantine import Waiting, as_csv, quarantined_rows, waiting
from tests.quality.shop import ANN, BOB, HEADER

BAD = b",mug,gaze,2025-06-01\n"


@pytest.fixture
def dirty(shop):
    return shop.put("a.csv", HEADER + ANN + BAD).put("b.csv", HEADER + BAD + b"ragged\n").run()


def test_what_waits_is_counted_by_rule_and_file_most_first(dirty):
    assert waiting(dirty.lake, dirty.settings) == [
        Waiting("s", "EV-USER", rows=2, files=2),
        Waiting("s", "EV-TYPE", rows=2, files=2),
        Waiting("s", "FILE-RAGGED", rows=1, files=1),
    ]


def test_nothing_waits_before_anything_was_validated(shop):
    assert waiting(shop.lake, shop.settings) == []


def test_rows_are_shown_with_file_line_rules_and_text(dirty):
    rows = list(quarantined_rows(dirty.lake, dirty.settings, rule="EV-USER"))

    assert [(r.file[-5:], r.line, r.rules, r.raw) for r in rows] == [
        ("a.csv", 3, "EV-USER EV-TYPE", BAD.decode().strip()),
        ("b.csv", 2, "EV-USER EV-TYPE", BAD.decode().strip()),
    ]


def test_an_unknown_source_is_told(dirty):
    with pytest.raises(NotFoundError, match="no source 'z'"):
        list(quarantined_rows(dirty.lake, dirty.settings, source="z"))


def test_a_better_contract_empties_it(dirty):
    type_rule = {"code": "EV-TYPE", "column": "event_type", "check": "required"}
    user_rule = {"code": "EV-USER", "column": "user_id", "check": "required", "action": "report"}
    dirty.means(contract={"rules": [type_rule, user_rule]})
    dirty.run()

    assert [rules for _, rules, _ in dirty.aside()] == ["FILE-RAGGED"]
    assert dirty.counts == {"in": 4, "valid": 2, "quarantined": 1, "duplicates": 1}


@pytest.mark.parametrize("packed", [False, True])
def test_rows_can_be_mended_under_their_header_and_brought_in_again(shop, packed):
    quoted = b'bob,"two\nlines",gaze,2025-06-01\n'
    data = HEADER + ANN + quoted + BAD
    shop.put("a.csv.gz" if packed else "a.csv", gzip.compress(data) if packed else data).run()
    text = as_csv(shop.lake, shop.settings, "s")

    assert text == (HEADER + quoted + BAD).decode()
    mended = text.replace("gaze", "view").replace("\n,mug", "\ncat,mug").encode()
    shop.put("mended.csv", mended).run()
    assert shop.facts("valid", "mended.csv") == 2
    assert "two\nlines" in shop.valid("item_id")


def test_a_byte_order_mark_is_not_taken_into_the_file_to_be_mended(shop):
    shop.put("a.csv", b"\xef\xbb\xbf" + HEADER + BAD + BOB).run()

    assert as_csv(shop.lake, shop.settings, "s") == (HEADER + BAD).decode()
