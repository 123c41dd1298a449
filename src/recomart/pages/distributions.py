"""Figures of distributions: how values spread, how few make most of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recomart.pages.canvas import INK, MUTED, Canvas, count_axis, empty, numbers, short
from recomart.pages.colours import PALETTE

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

N_BINS = 40
MOST_POINTS = 400
HEAD_SHARE = 0.8


def histogram(
    values: ArrayLike | None = None,
    *,
    binned: tuple[ArrayLike, ArrayLike] | None = None,
    x_unit: str = "",
    y_unit: str = "rows",
    log: bool = False,
) -> str:
    """Draw how often values occur; `binned` gives edges (n + 1) and counts (n) instead.

    `log` spaces the bins and the axis logarithmically; values at or below 0 are left out.
    """
    edges, counts = _bins(values, log=log) if binned is None else tuple(map(numbers, binned))
    if not len(counts) or not np.nansum(counts):
        return empty()
    canvas = Canvas(2.4)
    widths = np.diff(edges)
    canvas.axes.bar(
        edges[:-1], counts, width=widths * 0.94, align="edge", color=PALETTE[0], linewidth=0
    )
    if log:
        canvas.axes.set_xscale("log")
    canvas.axes.xaxis.set_minor_formatter(lambda *_: "")
    count_axis(canvas.axes, "x")
    count_axis(canvas.axes, "y")
    canvas.name_axes(x_unit, y_unit)
    return canvas.svg(f"Histogram of {x_unit or 'values'}")


def _bins(
    values: ArrayLike | None, *, log: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    found = numbers([] if values is None else values)
    found = found[~np.isnan(found) & ((found > 0) | (not log))]
    if not len(found):
        return np.zeros(1), np.zeros(0)
    edges: NDArray[np.float64] | int = N_BINS
    if log and found.min() < found.max():
        edges = np.geomspace(found.min(), found.max(), N_BINS + 1)
    counts, made = np.histogram(found, bins=edges)
    return made.astype(np.float64), counts.astype(np.float64)


def ranked_curve(values: ArrayLike, x_unit: str = "items", y_unit: str = "share of events") -> str:
    """Draw the share that the most frequent x % make up (a Lorenz curve from the top).

    Says which share of `x_unit` makes 80 %, and the Gini coefficient: 0 where all are equal,
    near 1 where one has everything. Gini, "Variabilità e mutabilità", 1912.
    """
    amounts = np.sort(np.nan_to_num(numbers(values)).clip(min=0))[::-1]
    total = amounts.sum()
    if not total:
        return empty()
    share = np.concatenate([[0.0], np.cumsum(amounts) / total])
    place = np.linspace(0, 1, len(share))
    thin = np.unique(np.linspace(0, len(share) - 1, MOST_POINTS).astype(int))
    canvas = Canvas(2.7)
    canvas.axes.fill_between(place[thin], share[thin], color=PALETTE[0], alpha=0.16, linewidth=0)
    canvas.axes.plot(place[thin], share[thin], color=PALETTE[0], linewidth=1.8)
    head = float(place[np.searchsorted(share, HEAD_SHARE)])
    canvas.axes.plot([head, head, 0], [0, HEAD_SHARE, HEAD_SHARE], ":", color=MUTED, linewidth=1)
    canvas.axes.text(
        head + 0.02,
        0.06,
        f"{head:.1%} of {x_unit} make {HEAD_SHARE:.0%}; Gini {gini(amounts):.2f}",
        color=INK,
    )
    canvas.axes.set(xlim=(0, 1), ylim=(0, 1.02))
    for axis in (canvas.axes.xaxis, canvas.axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:.0%}")
    canvas.name_axes(f"{x_unit}, most frequent first ({short(len(amounts))})", y_unit)
    return canvas.svg(f"Share made up by the most frequent {x_unit}")


def gini(values: ArrayLike) -> float:
    """Return the Gini coefficient of amounts >= 0; NaN where they sum to nothing."""
    amounts = np.sort(numbers(values))
    n, total = len(amounts), amounts.sum()
    if not total:
        return float("nan")
    return float((2 * np.arange(1, n + 1) - n - 1) @ amounts / (n * total))
