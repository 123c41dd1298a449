"""Figures that answer to the pointer, in the colours of the reports.

Each takes plain rows with fixed field names and says its units. Labels come from data and are
drawn as text, never as markup.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt
import streamlit as st

from recomart.dashboard.look import mode, text
from recomart.dashboard.theme import colours_of, palette_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HEIGHT = 240
LONGEST_LABEL = 250
"""Pixels."""


def put(chart: alt.Chart | alt.LayerChart | alt.FacetChart, says: str, key: str) -> None:
    """Show a figure on a card, with the sentence that says what it shows."""
    colours = colours_of(mode())
    looked = (
        chart.configure(
            background="transparent",
            font="system-ui, sans-serif",
            padding=2,
        )
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=colours["muted"],
            titleColor=colours["muted"],
            gridColor=colours["line"],
            domainColor=colours["line"],
            tickSize=0,
            titleFontWeight="normal",
            labelFontSize=12,
            titleFontSize=12,
            labelLimit=LONGEST_LABEL,
        )
        .configure_legend(
            labelColor=colours["ink"],
            titleColor=colours["muted"],
            orient="top",
            title=None,
            labelFontSize=11,
            symbolType="circle",
            symbolSize=60,
            columnPadding=8,
            columns=4,
        )
        .configure_range(category=list(palette_of(mode())))
    )
    with st.container(key=f"card-{key}"):
        st.altair_chart(looked, width="stretch", theme=None, alt=says)
        text(says)


def _data(rows: Sequence[Mapping[str, Any]]) -> alt.InlineData:
    return alt.InlineData(values=[dict(row) for row in rows])


def _short(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the format of an axis: 12k where numbers are large."""
    return "~s" if max((abs(row["value"]) for row in rows), default=0) >= 1_000 else ".3~g"


def over_time(
    rows: Sequence[Mapping[str, Any]],
    y: str,
    says: str,
    key: str,
    *,
    stacked: bool = False,
    clock: bool = False,
) -> None:
    """Draw ``when``, ``what``, ``value``: lines with points, or stacked areas of counts.

    `clock` writes the time of the day instead of the day, and shows the distance from 0.
    """
    n_days = len({str(row["when"])[:10] for row in rows})
    written = "%H:%M:%S" if clock else "%d %b" if n_days > 2 else "%d %b %H:%M"
    base = alt.Chart(_data(rows)).encode(
        x=alt.X(
            "when:T",
            title="UTC",
            axis=alt.Axis(format=written, grid=False, labelOverlap="greedy", labelSeparation=10),
        ),
        color=alt.Color("what:N", sort=None),
        tooltip=[
            alt.Tooltip("when:T", format="%Y-%m-%d %H:%M", title="when"),
            alt.Tooltip("what:N", title="what"),
            alt.Tooltip("value:Q", format=",.4~g", title=y),
        ],
    )
    axis = alt.Axis(format=_short(rows), tickCount=5)
    if stacked:
        chart = base.mark_area(opacity=0.85).encode(
            y=alt.Y("value:Q", title=y, axis=axis, stack="zero"),
            order=alt.Order("order:Q"),
        )
    else:
        points = alt.OverlayMarkDef(size=34, filled=True)
        chart = base.mark_line(strokeWidth=2, point=points if len(rows) < 80 else False).encode(
            y=alt.Y("value:Q", title=y, axis=axis, scale=alt.Scale(zero=clock))
        )
    put(chart.properties(height=HEIGHT), says, key)


def bars(
    rows: Sequence[Mapping[str, Any]], x: str, says: str, key: str, limit: float | None = None
) -> None:
    """Draw ``what``, ``value`` as horizontal bars in their order; `limit` is a dashed line."""
    colours = colours_of(mode())
    base = alt.Chart(_data(rows)).encode(y=alt.Y("what:N", sort=None, title=None))
    most = max((float(row["value"]) for row in rows), default=1.0)
    scale = alt.Scale(domain=[0, 1.2 * max(most, limit or 0.0) or 1.0], nice=False)
    amounts = base.mark_bar(
        cornerRadiusEnd=4, color=colours["accent"], height={"band": 0.66}
    ).encode(
        x=alt.X("value:Q", title=x, axis=alt.Axis(format=_short(rows), tickCount=5), scale=scale),
        tooltip=[
            alt.Tooltip("what:N", title="what"),
            alt.Tooltip("value:Q", format=",.4~g", title=x),
        ],
    )
    written = base.mark_text(align="left", dx=5, color=colours["muted"], fontSize=11).encode(
        x="value:Q", text=alt.Text("value:Q", format=",.4~g")
    )
    layers: list[Any] = [amounts, written]
    if limit is not None:
        rule = alt.Chart(_data([{"limit": limit}])).mark_rule(
            strokeDash=[5, 4], color=colours["warn"], strokeWidth=1.5
        )
        layers.append(rule.encode(x="limit:Q"))
    chart = alt.layer(*layers).properties(height=max(70, 25 * len(rows) + 46))
    put(chart, says, key)


def intervals(rows: Sequence[Mapping[str, Any]], x: str, says: str, key: str) -> None:
    """Draw ``what``, ``mean``, ``low``, ``high``: a dot and a whisker each, in their order.

    ``tone`` is ``best`` for the ones that stand out.
    """
    colours = colours_of(mode())
    tones = {"best": colours["accent"], "plain": colours["muted"]}
    least, most = _ends(rows)
    room = 0.22 * (most - least or 1.0)  # for the number beside the last whisker
    layers = _whiskers(rows, x, (max(0.0, least - room / 4), most + room), tones, (".3~f", ".4f"))
    put(alt.layer(*layers).properties(height=_height(rows)), says, key)


def differences(rows: Sequence[Mapping[str, Any]], x: str, says: str, key: str) -> None:
    """Draw differences, shares of something, as `intervals` does, on both sides of zero.

    ``tone`` is ``better``, ``worse`` or ``open``.
    """
    colours = colours_of(mode())
    tones = {"better": colours["good"], "worse": colours["warn"], "open": colours["muted"]}
    least, most = _ends(rows)
    least, most = min(least, 0.0), max(most, 0.0)
    room = 0.12 * (most - least or 1.0)
    layers = _whiskers(rows, x, (least - room / 2, most + room), tones, (".2~%", "+.1%"))
    zero = alt.Chart(_data([{"zero": 0}])).mark_rule(color=colours["ink"], strokeWidth=1.5)
    put(alt.layer(zero.encode(x="zero:Q"), *layers).properties(height=_height(rows)), says, key)


def _ends(rows: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Return the least and the most that whiskers reach."""
    ends = [float(row[name]) for row in rows for name in ("low", "high") if row[name] is not None]
    return min(ends, default=0.0), max(ends, default=1.0)


def _height(rows: Sequence[Mapping[str, Any]]) -> int:
    return max(80, 28 * len(rows) + 46)


def _whiskers(
    rows: Sequence[Mapping[str, Any]],
    x: str,
    ends: tuple[float, float],
    tones: dict[str, str],
    formats: tuple[str, str],
) -> list[alt.Chart]:
    """Return whiskers, dots and numbers; formats of the axis and of the numbers."""
    on_axis, written = formats
    colour = alt.Scale(domain=list(tones), range=list(tones.values()))
    base = alt.Chart(_data(rows)).encode(
        y=alt.Y("what:N", sort=None, title=None),
        color=alt.Color("tone:N", legend=None, scale=colour),
        tooltip=[
            alt.Tooltip("what:N", title="what"),
            alt.Tooltip("mean:Q", format=written, title=x),
            alt.Tooltip("low:Q", format=written, title="from"),
            alt.Tooltip("high:Q", format=written, title="to"),
        ],
    )
    scale = alt.Scale(domain=list(ends), nice=False)
    axis = alt.X("low:Q", title=x, axis=alt.Axis(format=on_axis, tickCount=6), scale=scale)
    whisker = base.mark_rule(strokeWidth=3, opacity=0.45).encode(x=axis, x2="high:Q")
    dot = base.mark_circle(size=95, opacity=1).encode(x="mean:Q")
    number = base.mark_text(align="left", dx=9, fontSize=11.5).encode(
        x="high:Q",
        text=alt.Text("mean:Q", format=written),
        color=alt.value(colours_of(mode())["ink"]),
    )
    return [whisker, dot, number]


def histogram(rows: Sequence[Mapping[str, Any]], x: str, says: str, key: str) -> None:
    """Draw ``low``, ``high``, ``share``, ``which``: how often values occur, versions laid over."""
    chart = (
        alt.Chart(_data(rows))
        .mark_bar(opacity=0.62, binSpacing=1)
        .encode(
            x=alt.X("low:Q", title=x, bin="binned", axis=alt.Axis(format="~s", grid=False)),
            x2="high:Q",
            y=alt.Y("share:Q", title="share of rows", axis=alt.Axis(format="%"), stack=None),
            color=alt.Color("which:N", sort=None),
            tooltip=[
                alt.Tooltip("which:N", title="version"),
                alt.Tooltip("low:Q", format=",.4~g", title="from"),
                alt.Tooltip("high:Q", format=",.4~g", title="to"),
                alt.Tooltip("share:Q", format=".2%", title="share"),
            ],
        )
        .properties(height=HEIGHT)
    )
    put(chart, says, key)
