"""Titles and ids are data: no screen reads them as HTML or as Markdown, no export as a formula."""

import csv
import io
import json
from html import escape

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recomart.dashboard.exports import LIVE, csv_of
from tests.dashboard.conftest import open_shop
from tests.pages.test_flow import INJECTIONS

MARKDOWN = (
    *("# heading", "**bold**", "_slanted_", "`code`", "[a](javascript:alert(1))", "<http://a.b>"),
    *("![x](http://127.0.0.1:9/x.png)", ":red[x]", ":material/home:", ":smile:", "- [ ] do"),
    *(
        "| a | b |\n|---|---|",
        "> said",
        "```\nx\n```",
        "$$x^2$$",
        "a\n\n---\n\nb",
        "&nbsp;",
        "1. x",
    ),
    *("<details open ontoggle=alert(1)>", "<a href='//x'>x</a>", "<style>*{display:none}</style>"),
    *("<math><mi xlink:href='data:x,y'>", "\\*\\*", "<svg onload=alert(1)>", "=HYPERLINK(1)"),
)
STRINGS = tuple(text.encode("utf-8", "replace").decode() for text in (*INJECTIONS, *MARKDOWN))
WORDS = pa.array(STRINGS)


def quality(source):
    rows = {"rows_in": 50, "valid": 4, "quarantined": len(STRINGS), "duplicates": 1}
    rule = {"code": STRINGS[0], "says": STRINGS[1], "action": "quarantine", "violations": 3}
    counts = {"rows": rows, "rules": [rule], "dates": []}
    return {
        "until": STRINGS[2],
        "score": 50,
        "rows": rows,
        "sources": [{"name": source, "score": None, "counts": counts}],
        "formula": STRINGS[:3],
    }


def text_of(screen):
    """What stands outside `st.html`: Streamlit reads Markdown there."""
    kinds = ("markdown", "caption", "title", "header", "subheader", "info", "warning", "error")
    return "\n".join(one.value for kind in kinds for one in getattr(screen.app, kind))


def test_there_are_forty_of_them():
    assert len(STRINGS) >= 40


def test_rows_in_quarantine_stay_text(see, by_hand):
    rows = pa.table(
        {
            "file": WORDS,
            "line": pa.array(range(len(STRINGS))),
            "rules": pa.array(["A-RULE"] * len(STRINGS)),
            "raw": WORDS,
            "source": WORDS,
        }
    )
    by_hand("quarantined_shop", rows=rows)
    folder = by_hand("quality", data_quality_report__json=json.dumps(quality("shop")).encode())
    screen = see("quality", open_shop(folder))
    pages = screen.html
    for page in range(2, 5):
        screen.number_input[0].set_value(page)
        pages += screen.again().html

    assert screen.problems == []
    for text in STRINGS:
        assert f'rm-raw">{escape(text)}</span>' in unified(pages)
    assert text_of(screen) == ""


def unified(page):
    """`markupsafe` and `html` write quotes differently."""
    return page.replace("&#39;", "&#x27;").replace("&#34;", "&quot;")


def test_titles_and_users_stay_text(see, by_hand):
    n = len(STRINGS)
    by_hand("published_model", model__json=b"{}")
    by_hand("user_features", rows=pa.table({"user_id": WORDS, "total_interactions": [9] * n}))
    by_hand(
        "catalogue",
        rows=pa.table({"item_id": WORDS, "title": WORDS, "category_id": WORDS, "price": [1.0] * n}),
    )
    events = {"user_id": [STRINGS[0]] * n, "item_id": WORDS, "event_type": ["view"] * n}
    days = pa.table({**events, "occurred_us": range(n), "title": WORDS})
    folder = by_hand("events", **{"2024-01-15": days})
    screen = see("explorer", open_shop(folder))
    screen.button_group("explorer-kind").set_value("An anonymous session")
    session = screen.html + screen.again().html

    assert screen.problems == []
    assert session.count(escape(STRINGS[-1])) >= 1
    assert "<script" not in session
    assert text_of(screen) == ""


def test_names_of_models_and_what_is_said_of_them_stay_text(see, by_hand):
    model = {"model": STRINGS[0], "metrics": {STRINGS[1]: {"mean": 1, "low": 0, "high": 2}}}
    told = {
        "main_metric": STRINGS[1],
        "data": {"cut_at": STRINGS[2], "n_test_users": 1, "n_relevant": 1, "n_items": 1},
        "models": [model],
        "observations": STRINGS,
        "decision": {"serve": STRINGS[0], "says": STRINGS[3], "steps": []},
    }
    folder = by_hand("evaluation", evaluation__json=json.dumps(told).encode())
    screen = see("experiments", open_shop(folder))

    assert screen.problems == []
    for text in STRINGS:
        assert f"<li>{escape(text)}</li>" in unified(screen.html)
    assert "<script" not in screen.html
    assert text_of(screen) == ""


def test_what_monitoring_measured_is_told_and_stays_text(see, by_hand):
    few = {"hits": 1, "n": 4, "share": 0.25, "low": 0.046, "high": 0.7}
    line = {"model": STRINGS[0], "source": STRINGS[1]}
    reason = {"name": STRINGS[0], "now": 0.3, "threshold": 0.2, "verdict": True, "says": STRINGS[2]}
    told = {
        "monitored_us": 1_767_225_600_000_000,
        "reasons": [reason],
        "features": {name: {"psi": 0.1, "js": 0.01} for name in STRINGS},
        "online": {
            "days": 7,
            "n_lists": 2,
            "figures": [{**line, "clicked": few, "to_cart": few, "bought": few}],
        },
    }
    folder = by_hand("monitoring", monitoring__json=json.dumps(told).encode())
    screen = see("features", open_shop(folder))

    assert screen.problems == []
    assert "<script" not in screen.html
    for text in (STRINGS[0], STRINGS[2], STRINGS[15]):
        assert escape(text) in unified(screen.html)


@given(st.lists(st.text(), min_size=1, max_size=3))
@example(["=1+1"])
@example(["  =1+1", "\t@x", "\uff1d1"])
@example(["\r\n-2"])
def test_no_cell_of_an_export_is_a_formula(row):
    [_, *read] = csv.reader(io.StringIO(csv_of(["c"] * len(row), [row]), newline=""))

    assert all(not cell.lstrip().startswith(LIVE) for cells in read for cell in cells)


@pytest.mark.parametrize("plain", ["mug", "a=b", "3-2", "'x"])
def test_other_texts_and_numbers_are_exported_as_they_are(plain):
    assert csv_of(["name", "n"], [[plain, -2.5]]) == f"name,n\n{plain},-2.5\n"
