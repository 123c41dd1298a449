"""Figures of amounts: each takes plain numbers and returns an SVG picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recomart.pages.canvas import (
    GRID,
    INK,
    MUTED,
    Canvas,
    count_axis,
    empty,
    legend,
    numbers,
    plain,
    short,
)
from recomart.pages.colours import PALETTE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike

MOST_TICKS = 8


def bars(labels: Sequence[object], values: ArrayLike, unit: str = "") -> str:
    """Draw horizontal bars, first on top, each with its number; for rules, items, types."""
    amounts = numbers(values)
    if not len(amounts):
        return empty()
    canvas = Canvas(0.5 + 0.27 * len(amounts), grid="x")
    places = np.arange(len(amounts))[::-1]
    canvas.axes.barh(places, np.nan_to_num(amounts), height=0.66, color=PALETTE[0])
    canvas.axes.set_yticks(places, [plain(label) for label in labels])
    for place, amount in zip(places, amounts, strict=True):
        text = "–" if np.isnan(amount) else f"{amount:,.4g}" if amount < 1e4 else short(amount)
        _beside(canvas, float(np.nan_to_num(amount)), place, text)
    canvas.axes.margins(x=0.12)
    count_axis(canvas.axes, "x")
    canvas.name_axes(unit, "")
    return canvas.svg(f"Bars of {len(amounts)} values")


def _beside(canvas: Canvas, x: float, y: float, text: str, colour: str = MUTED) -> None:
    """Write text a little to the right of a point."""
    canvas.axes.annotate(
        text, (x, y), (5, 0), textcoords="offset points", va="center", color=colour, fontsize=9
    )


def columns(
    x: Sequence[object], series: Mapping[str, ArrayLike], x_unit: str = "", y_unit: str = ""
) -> str:
    """Draw stacked columns: one column for each of `x`, one colour a series."""
    if not len(x) or not series:
        return empty()
    canvas = Canvas(2.7)
    places = np.arange(len(x))
    base = np.zeros(len(x))
    for place, values in enumerate(series.values()):
        heights = np.nan_to_num(numbers(values))
        colour = PALETTE[place % len(PALETTE)]
        canvas.axes.bar(places, heights, bottom=base, width=0.82, color=colour)
        base += heights
    _ticks(canvas, x)
    count_axis(canvas.axes, "y")
    legend(canvas.axes, series)
    canvas.name_axes(x_unit, y_unit)
    return canvas.svg(f"Columns of {', '.join(map(str, series))}")


def lines(
    x: Sequence[object],
    series: Mapping[str, ArrayLike],
    x_unit: str = "",
    y_unit: str = "",
    band: tuple[ArrayLike, ArrayLike] | None = None,
) -> str:
    """Draw one line a series over `x` (dates as text, or numbers); NaN is a gap.

    `band` shades from a lower to an upper line, such as an interval.
    """
    if not len(x) or not series:
        return empty()
    canvas = Canvas(2.7)
    places = np.arange(len(x))
    if band is not None:
        low, high = map(numbers, band)
        canvas.axes.fill_between(places, low, high, color=PALETTE[0], alpha=0.18, linewidth=0)
    for place, values in enumerate(series.values()):
        marker = "o" if len(x) == 1 else ""
        colour = PALETTE[place % len(PALETTE)]
        canvas.axes.plot(places, numbers(values), color=colour, linewidth=1.7, marker=marker)
    _ticks(canvas, x)
    canvas.axes.set_ylim(bottom=min(0.0, canvas.axes.get_ylim()[0]))
    count_axis(canvas.axes, "y")
    legend(canvas.axes, series)
    canvas.name_axes(x_unit, y_unit)
    return canvas.svg(f"Lines of {', '.join(map(str, series))}")


def _ticks(canvas: Canvas, x: Sequence[object]) -> None:
    """Label some of the places on the x axis, as many as can be read."""
    step = max(1, -(-len(x) // MOST_TICKS))
    places = range(0, len(x), step)
    canvas.axes.set_xticks(list(places), [plain(x[place]) for place in places])
    canvas.axes.set_xlim(-0.6, len(x) - 0.4)


def funnel(labels: Sequence[object], values: ArrayLike, unit: str = "") -> str:
    """Draw what is left at each step, with its share of the step before."""
    amounts = np.nan_to_num(numbers(values))
    if not len(amounts) or amounts.max() <= 0:
        return empty()
    canvas = Canvas(0.5 + 0.5 * len(amounts), grid="")
    places = np.arange(len(amounts))[::-1]
    colours = [PALETTE[0]] * len(amounts)
    canvas.axes.barh(places, amounts, left=-amounts / 2, height=0.74, color=colours, alpha=0.9)
    for step, (place, amount) in enumerate(zip(places, amounts, strict=True)):
        before = amounts[step - 1] if step else 0
        share = f"  {amount / before:.1%} of the step before" if before > 0 else ""
        text = f"{amount:,.0f} {plain(unit)}{share}"
        _beside(canvas, float(amounts.max() / 2), place, text, INK)
    canvas.axes.set_yticks(places, [plain(label) for label in labels])
    canvas.axes.set_xticks([])
    canvas.axes.set_xlim(-amounts.max() / 2, amounts.max() * 1.35)
    canvas.axes.spines[["left", "bottom"]].set_visible(False)
    return canvas.svg(f"Funnel of {len(amounts)} steps")


def heatmap(
    rows: Sequence[object], cols: Sequence[object], matrix: ArrayLike, unit: str = ""
) -> str:
    """Draw a matrix as colours, lightest for the least; rows from the top."""
    values = numbers(matrix)
    if not values.size or np.isnan(values).all():
        return empty()
    canvas = Canvas(0.9 + 0.28 * len(rows), grid="")
    image = canvas.axes.imshow(values, aspect="auto", cmap="Blues", interpolation="nearest")
    step = max(1, -(-len(cols) // 24))
    canvas.axes.set_xticks(range(0, len(cols), step), [plain(c) for c in cols[::step]])
    canvas.axes.set_yticks(range(len(rows)), [plain(row) for row in rows])
    canvas.axes.spines[:].set_visible(False)
    key = canvas.figure.colorbar(image, ax=canvas.axes, pad=0.01, aspect=14)
    key.ax.yaxis.set_major_formatter(lambda value, _: short(value))
    key.outline.set_visible(False)
    key.ax.tick_params(labelcolor=MUTED)
    key.set_label(plain(unit), color=MUTED)
    return canvas.svg(f"Heat map of {len(rows)} by {len(cols)}")


def intervals(
    labels: Sequence[object], means: ArrayLike, lows: ArrayLike, highs: ArrayLike, unit: str = ""
) -> str:
    """Draw a dot and a whisker for each label, first on top; a line marks the best mean."""
    middle, low, high = numbers(means), numbers(lows), numbers(highs)
    if not len(middle) or np.isnan(middle).all():
        return empty()
    canvas = Canvas(0.7 + 0.32 * len(middle), grid="x")
    places = np.arange(len(middle))[::-1]
    canvas.axes.hlines(places, low, high, color=PALETTE[0], linewidth=2.4, alpha=0.55)
    canvas.axes.plot(middle, places, "o", color=PALETTE[0], markersize=6.5)
    canvas.axes.axvline(float(np.nanmax(middle)), color=GRID, linewidth=1.2, linestyle="--")
    for place, value, right in zip(places, middle, np.fmax(high, middle), strict=True):
        if not np.isnan(value):
            _beside(canvas, float(right), place, f"{value:.4f}", INK)
    canvas.axes.set_yticks(places, [plain(label) for label in labels])
    canvas.axes.margins(x=0.16, y=0.1)
    canvas.name_axes(unit, "")
    return canvas.svg(f"Means and intervals of {len(middle)} models")
