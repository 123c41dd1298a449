"""Flows: every box stands below all that lead to it, whatever it is called."""

import re
from xml.etree import ElementTree as ET

import pytest

from recomart.pages import Box, Page, flow

INJECTIONS = (
    *("<script>alert(1)</script>", "</svg><script>x</script>", "<img src=x onerror=alert(1)>"),
    *('"><b>x</b>', "' onload='alert(1)", "&lt;b&gt;", "&#x3c;b&#x3e;", "]]><b>x</b>"),
    *("<!-- x -->", "<!DOCTYPE x>", "<?xml x?>", "javascript:alert(1)", "{{ 7 * 7 }}", "{% raw %}"),
    *("${7*7}", "$x^2$", r"\frac{1}{2}", "%(x)s %n", "\x00\x1b[31mred\x07", "a\u202eb\ud800"),
)
"""Twenty names that mean something to a browser, a template, a formula or a terminal."""
CHAIN = [Box(key, f"box {key}", kind="k" if key < "c" else "l") for key in "abcd"]


def drawn(svg):
    """What is written where: text → (x, y)."""
    texts = [e for e in ET.fromstring(svg).iter() if e.tag.endswith("text")]  # noqa: S314
    return {e.text: (float(e.get("x")), float(e.get("y"))) for e in texts}


def n_arrows(svg):
    """Curves; the lines of boxes and the points of arrows are none."""
    return len(re.findall(r'd="M [\d. ]+\s*C [\d. ]+\s*"', svg))


def tags(svg):
    return [e.tag for e in ET.fromstring(svg).iter()]  # noqa: S314 - our own


def test_a_box_stands_below_all_that_lead_to_it():
    at = drawn(flow(CHAIN, [("a", "b"), ("b", "d"), ("a", "c"), ("c", "d")]))

    assert at["box a"][1] < at["box b"][1] == at["box c"][1] < at["box d"][1]
    assert at["box b"][0] != at["box c"][0]


def test_what_nothing_leads_to_stands_near_to_where_it_leads():
    at = drawn(flow(CHAIN, [("a", "b"), ("b", "d"), ("c", "d")]))

    assert at["box c"][1] == at["box b"][1]


def test_an_arrow_that_follows_from_others_is_left_out():
    assert n_arrows(flow(CHAIN, [("a", "b"), ("b", "c"), ("c", "d")])) == 3
    assert n_arrows(flow(CHAIN, [("a", "b"), ("b", "c"), ("c", "d"), ("a", "c"), ("a", "d")])) == 3


@pytest.mark.parametrize(
    "arrows", [[("a", "a")], [("a", "b"), ("b", "a")], [("a", "b"), ("b", "c"), ("c", "a")]]
)
def test_a_circle_is_cut_and_arrows_to_nowhere_are_left_out(arrows):
    svg = flow(CHAIN[:3], [*arrows, ("a", "gone"), ("gone", "b")])

    assert n_arrows(svg) == len(arrows) - 1


def test_forty_boxes_keep_clear_of_each_other_and_of_the_edge():
    boxes = [Box(str(n), f"data_set_{n}", "12345678 · 1.2k rows", str(n % 5)) for n in range(40)]
    arrows = [(str(n), str(n + 13)) for n in range(27)]
    at = [place for text, place in drawn(flow(boxes, arrows)).items() if text.startswith("data")]

    assert len(at) == 40
    width, height = 90, 40  # points
    for n, (x, y) in enumerate(at):
        assert width / 2 < x < 533 - width / 2
        assert all(abs(x - a) > width or abs(y - b) > height for a, b in at[:n])


def test_the_same_flow_is_the_same_bytes():
    arrows = {("a", "b"), ("b", "d"), ("a", "c"), ("c", "d")}

    assert flow(CHAIN, sorted(arrows)) == flow(CHAIN, sorted(arrows, reverse=True))


def test_kinds_are_named_and_what_is_gone_has_a_broken_border():
    svg = flow([*CHAIN, Box("e", "gone", kind="k", is_faint=True)], [])

    assert {"k", "l"} <= drawn(svg).keys()
    assert svg.count("stroke-dasharray") == 1


def test_no_boxes_are_a_sober_picture():
    assert "Nothing to show yet" in flow([], [])


@pytest.mark.parametrize("text", INJECTIONS, ids=range(len(INJECTIONS)))
def test_a_title_is_text_and_no_more(text):
    def picture(word):
        return flow([Box("a", word, word, word), Box("b", "b")], [("a", "b")], word)

    svg = picture(text)

    assert tags(svg) == tags(picture("harmless"))
    assert "<script" not in svg
    page = Page(text).figure(svg, text).html()
    assert "<script" not in page
    assert "onerror=alert(1)>" not in page
