"""The canvas of every figure: one palette, one way to draw, SVG that fits into any page."""

from __future__ import annotations

import io
import re
import warnings
from html import escape
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from recomart.pages.colours import LIGHT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray

INK, MUTED, GRID, PAPER = (LIGHT[name] for name in ("ink", "muted", "line", "paper"))
WIDTH = 7.4
"""Inches; a page scales the picture to the width it has."""
LONGEST_LABEL = 38

_CSS = {INK: "--ink", MUTED: "--muted", GRID: "--line", PAPER: "--paper"}
_LOOK: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "recomart",
    "font.family": "sans-serif",
    "font.size": 9.5,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": GRID,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
}


class Canvas:
    """One picture in the making: draw on `axes`, then take `svg`."""

    def __init__(self, height: float, *, grid: str = "y") -> None:
        with mpl.rc_context(_LOOK):
            self.figure = Figure(figsize=(WIDTH, height), layout="constrained")
            FigureCanvasSVG(self.figure)
            self.axes: Axes = self.figure.subplots()
            self.axes.grid(visible=False)
            if grid:
                self.axes.grid(visible=True, axis=grid)  # type: ignore[arg-type]

    def svg(self, says: str = "") -> str:
        """Return the picture; `says` is read aloud in its place. Same drawing, same text."""
        buffer = io.StringIO()
        with mpl.rc_context(_LOOK), warnings.catch_warnings():
            # the reader's fonts draw the text; that ours lack an emoji does not matter
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            self.figure.savefig(
                buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None}
            )
        return _for_page(buffer.getvalue(), says)

    def name_axes(self, x: str, y: str) -> None:
        """Write what the axes count, units included."""
        self.axes.set_xlabel(plain(x))
        self.axes.set_ylabel(plain(y))


def _for_page(svg: str, says: str) -> str:
    """Drop the prologue, let the page's colours in, and say what the picture shows."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    for colour, name in _CSS.items():
        svg = svg.replace(colour, f"var({name}, {colour})")
    svg = re.sub(r'(<svg [^>]*?)width="[^"]*" height="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'height="[\d.]+pt" ', "", svg, count=1)
    svg = re.sub(r' width="[\d.]+pt"', "", svg, count=1)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(_printable(says))}" ', 1)


def empty(says: str = "Nothing to show yet") -> str:
    """Return a sober picture for no data."""
    canvas = Canvas(1.2, grid="")
    canvas.axes.set_axis_off()
    canvas.axes.text(0.5, 0.5, plain(says), ha="center", va="center", color=MUTED)
    return canvas.svg(says)


def plain(text: object) -> str:
    """Return text as it is to be drawn: no control characters, no formula, not too long."""
    clean = _printable(str(text)).strip().replace("$", r"\$")
    return clean if len(clean) <= LONGEST_LABEL else clean[: LONGEST_LABEL - 1] + "…"


def _printable(text: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f\ud800-\udfff]+", " ", text)


def numbers(values: ArrayLike) -> NDArray[np.float64]:
    """Return values as floats, infinities as NaN, which is drawn as a gap."""
    found = np.asarray(values, dtype=np.float64)
    return np.where(np.isfinite(found), found, np.nan)


def short(value: float) -> str:
    """Write a number for an axis: 1.2M, 3.4k, 12, 0.08."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


def count_axis(axes: Axes, which: str) -> None:
    """Write an axis of counts as 1.2M or 3.4k."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_formatter(lambda value, _: short(value))


def legend(axes: Axes, names: Iterable[object]) -> None:
    """Name the series above the picture, where there is more than one."""
    known: Sequence[str] = [plain(name) for name in names]
    if len(known) > 1:
        axes.legend(
            labels=known,
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=min(len(known), 4),
            fontsize=9,
            frameon=False,
            labelcolor=INK,
        )
