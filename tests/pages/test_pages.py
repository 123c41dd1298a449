"""Pages and figures: whole in one file, safe with any text, the same each time."""

import math
import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recomart.pages import (
    Page,
    bars,
    columns,
    funnel,
    heatmap,
    histogram,
    intervals,
    lines,
    ranked_curve,
)
from recomart.pages.canvas import plain, short
from recomart.pages.distributions import gini

AWKWARD = "<script>alert('x')</script> & $5 🎁 " + "long " * 30
DRAW = {
    "bars": lambda t, v: bars([t, "b"], [v, 2]),
    "columns": lambda t, v: columns([t, "b"], {t: [v, 2], "z": [1, 2]}, t, t),
    "lines": lambda t, v: lines([t, "b"], {t: [v, 2]}, band=([0, 1], [2, 3])),
    "histogram": lambda t, v: histogram([v, 1, 2, 3], x_unit=t),
    "histogram, log": lambda t, v: histogram([v, 0, 1, 200], x_unit=t, log=True),
    "histogram, binned": lambda t, _: histogram(binned=([0, 1, 2], [5, 6]), x_unit=t),
    "ranked_curve": lambda _, v: ranked_curve([v, 5, 1, 1]),
    "funnel": lambda t, v: funnel([t, "b"], [10, v], t),
    "heatmap": lambda t, v: heatmap([t, "b"], [1, 2], [[v, 1], [2, 3]], t),
    "intervals": lambda t, v: intervals([t, "b"], [v, 2], [v, 1], [v, 3], t),
}
EMPTY = {
    "bars": lambda: bars([], []),
    "columns": lambda: columns([], {}),
    "lines": lambda: lines([], {}),
    "histogram": lambda: histogram([]),
    "ranked_curve": lambda: ranked_curve([]),
    "funnel": lambda: funnel([], []),
    "heatmap": lambda: heatmap([], [], []),
    "intervals": lambda: intervals([], [], [], []),
}


@pytest.mark.parametrize("draw", DRAW.values(), ids=DRAW)
@pytest.mark.parametrize("value", [1.5, float("nan"), float("inf"), 0])
def test_any_text_and_any_number_is_drawn_as_valid_svg(draw, value):
    svg = draw(AWKWARD, value)

    assert ET.fromstring(svg).tag.endswith("svg")  # noqa: S314 - our own
    assert "<script>" not in svg


@pytest.mark.parametrize("draw", DRAW.values(), ids=DRAW)
def test_the_same_numbers_give_the_same_bytes(draw):
    assert draw("a", 1.0) == draw("a", 1.0)


@pytest.mark.parametrize("draw", EMPTY.values(), ids=EMPTY)
def test_nothing_is_said_to_be_nothing(draw):
    assert "Nothing to show" in draw()


def test_colours_follow_the_reader():
    assert "var(--muted" in bars(["a"], [1])


@pytest.mark.parametrize(
    ("value", "text"),
    [(1_234_567, "1.23M"), (3_400, "3.4k"), (12, "12"), (0.08, "0.08"), (2e9, "2G")],
)
def test_numbers_on_axes_are_short(value, text):
    assert short(value) == text


@settings(max_examples=30)
@given(st.text())
def test_a_label_is_never_too_long_and_holds_no_control_character(text):
    assert len(plain(text)) <= 38
    assert not re.search(r"[\x00-\x1f]", plain(text))


@pytest.mark.parametrize(("amounts", "value"), [([1, 1, 1, 1], 0.0), ([0, 0, 0, 1], 0.75)])
def test_gini_of_equal_and_unequal_amounts(amounts, value):
    assert gini(amounts) == pytest.approx(value)
    assert math.isnan(gini([0, 0]))


@pytest.fixture
def page():
    made = Page(AWKWARD, "sub", "badge").tiles([("rows", "3", AWKWARD)])
    for heading in ("One", "One", "Two"):
        made.section(heading, "lead").figure(bars(["a"], [1]), "caption")
    made.table(["a", "b"], [["x", 1], [AWKWARD, float("nan")], [None, True]], "cap", best=[0])
    return made.note("take care", "warn").code("x < 1").links([("a.html", "A")]).html("run r1")


def test_a_page_is_escaped(page):
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "x &lt; 1" in page


def test_a_page_needs_nothing_from_outside(page):
    addresses = re.findall(r'(?:src|href)="([^"]*)"', page)

    assert not re.search(r"https?://(?!www\.w3\.org)", page)
    assert all(address.startswith("#") or address == "a.html" for address in addresses)
    assert "default-src 'none'; style-src 'unsafe-inline'" in page


def test_sections_are_listed_and_can_be_told_apart(page):
    anchors = re.findall(r'<h2 id="([^"]+)"', page)

    assert len(set(anchors)) == 3
    assert all(f'href="#{anchor}"' in page for anchor in anchors)


def test_numbers_stand_right_and_what_is_missing_is_a_dash(page):
    assert '<td class="n">1</td>' in page
    assert page.count('<td class="n">–</td>') == 2
    assert "run r1" in page


def test_a_page_knows_light_and_dark(page):
    assert "prefers-color-scheme: dark" in page


def test_many_points_stay_small():
    assert len(ranked_curve(np.arange(200_000))) < 60_000
