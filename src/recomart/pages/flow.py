"""A picture of what leads to what: boxes in the order of the flow, from top to bottom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.patches import FancyBboxPatch, PathPatch
from matplotlib.path import Path

from recomart.pages.canvas import INK, MUTED, PAPER, WIDTH, Canvas, empty, plain
from recomart.pages.colours import PALETTE

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

IN_A_ROW = 5
BOX, GAP = (1.34, 0.5), 0.14
"""Width and height of a box, and the least space beside it; inches."""
ROW = 0.86
"""From one row to the next; inches."""
TOP = 0.35
"""Above the first row, where the kinds are named; inches."""
SWEEPS = 4
"""Times that rows are sorted by their neighbours, so that few arrows cross."""
LONGEST = 22

Arrows = set[tuple[str, str]]


@dataclass(frozen=True)
class Box:
    """Something in a flow.

    kind      boxes of one kind have one colour; kinds are named above the picture
    is_faint  drawn with a broken border
    """

    key: str
    title: str
    note: str = ""
    kind: str = ""
    is_faint: bool = False


def flow(boxes: Sequence[Box], arrows: Collection[tuple[str, str]], says: str = "") -> str:
    """Draw boxes and the arrows between them; each box stands below all that lead to it.

    An arrow that only repeats what others say together (a → c beside a → b → c) is left out.
    Arrows that run in a circle are left out, too.
    """
    if not boxes:
        return empty()
    known = {box.key: box for box in boxes}
    drawn = _needed(known, {(a, b) for a, b in arrows if a in known and b in known and a != b})
    rows = _rows(known, drawn)
    bottom = ROW * (len(rows) - 1) + BOX[1] + 0.1
    canvas = Canvas(bottom + TOP, grid="")
    canvas.axes.set_axis_off()
    canvas.axes.set_xlim(0, WIDTH)
    canvas.axes.set_ylim(bottom, -TOP)
    places = {
        key: (_across(place, len(row)), ROW * depth + BOX[1] / 2)
        for depth, row in enumerate(rows)
        for place, key in enumerate(row)
    }
    for start, end in sorted(drawn):
        _arrow(canvas, places[start], places[end])
    kinds = list(dict.fromkeys(box.kind for box in boxes))
    for key, place in places.items():
        _box(canvas, known[key], place, PALETTE[kinds.index(known[key].kind) % len(PALETTE)])
    _name_kinds(canvas, kinds)
    return canvas.svg(says or f"{len(boxes)} boxes and what leads to what")


def _needed(known: Mapping[str, Box], arrows: Arrows) -> Arrows:
    """Return the arrows that do not follow from others, without circles."""
    after: dict[str, set[str]] = {key: set() for key in known}
    for start, end in sorted(arrows):
        if not _leads(after, end, start):
            after[start].add(end)
    return {
        (start, end)
        for start, ends in after.items()
        for end in ends
        if not any(_leads(after, other, end) for other in ends - {end})
    }


def _leads(after: Mapping[str, set[str]], start: str, end: str) -> bool:
    """Tell whether one leads to the other, by however many arrows."""
    waiting, met = [start], set()
    while waiting:
        key = waiting.pop()
        if key == end:
            return True
        if key not in met:
            met.add(key)
            waiting += after[key]
    return False


def _rows(known: Mapping[str, Box], arrows: Arrows) -> list[list[str]]:
    """Return what stands in each row; a row that is too long is broken."""
    depth: dict[str, int] = {}

    def depth_of(key: str) -> int:
        if key not in depth:
            depth[key] = 1 + max((depth_of(a) for a, b in arrows if b == key), default=-1)
        return depth[key]

    levels: list[list[str]] = [[] for _ in range(1 + max(map(depth_of, known)))]
    for key in known:  # what nothing leads to stands near to where it leads
        if not any(end == key for _, end in arrows):
            depth[key] = min((depth[b] - 1 for a, b in arrows if a == key), default=0)
    for key in known:
        levels[depth[key]].append(key)
    _untangle(levels, arrows)
    return [part for level in levels for part in _broken(level)]


def _broken(level: Sequence[str]) -> list[list[str]]:
    """Break a level into rows of about the same length."""
    n_rows = -(-len(level) // IN_A_ROW)
    return [list(level[place::n_rows]) for place in range(n_rows)]


def _untangle(levels: list[list[str]], arrows: Arrows) -> None:
    """Sort each level by where its neighbours stand, downwards and upwards.

    Sugiyama, Tagawa, Toda, "Methods for visual understanding of hierarchical system structures",
    1981.
    """
    for sweep in range(SWEEPS):
        at = {key: _across(n, len(level)) for level in levels for n, key in enumerate(level)}
        for level in levels if sweep % 2 == 0 else levels[::-1]:
            middle = {key: _middle(key, at, arrows, above=sweep % 2 == 0) for key in level}
            level.sort(key=middle.__getitem__)
            at |= {key: _across(n, len(level)) for n, key in enumerate(level)}


def _middle(key: str, at: Mapping[str, float], arrows: Arrows, *, above: bool) -> float:
    """Return the mean place of a box's neighbours on one side; its own, where it has none."""
    ends = [a if above else b for a, b in arrows if (b if above else a) == key]
    return sum(at[end] for end in ends) / len(ends) if ends else at[key]


def _across(place: int, n: int) -> float:
    """Return the middle of the box at a place of a row with `n` boxes."""
    step = min(WIDTH / max(n, 1), BOX[0] + 3 * GAP)
    return WIDTH / 2 + (place - (n - 1) / 2) * step


def _arrow(canvas: Canvas, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw a curve from below one box to above another, with a point at its end."""
    (x0, y0), (x1, y1) = (start[0], start[1] + BOX[1] / 2), (end[0], end[1] - BOX[1] / 2 - 0.05)
    bend = min((y1 - y0) * 0.5, ROW)
    curve = [(x0, y0), (x0, y0 + bend), (x1, y1 - bend), (x1, y1)]
    path = Path(curve, [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4])
    canvas.axes.add_patch(
        PathPatch(path, facecolor="none", edgecolor=MUTED, linewidth=1.0, alpha=0.75, zorder=1)
    )
    point = [(x1 - 0.04, y1 - 0.03), (x1 + 0.04, y1 - 0.03), (x1, y1 + 0.05), (x1, y1)]
    canvas.axes.add_patch(
        PathPatch(
            Path(point, [Path.MOVETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]),
            facecolor=MUTED,
            linewidth=0,
            zorder=3,
        )
    )


def _box(canvas: Canvas, box: Box, place: tuple[float, float], colour: str) -> None:
    """Draw a box with its title and its note."""
    (x, y), (width, height) = place, BOX
    canvas.axes.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - height / 2),
            width,
            height,
            boxstyle="round,pad=0,rounding_size=0.07",
            facecolor=PAPER,
            edgecolor=colour,
            linewidth=1.4,
            linestyle="--" if box.is_faint else "-",
            zorder=2,
        )
    )
    lines = [(box.title, INK, 8.2, "bold"), (box.note, MUTED, 7.2, "normal")]
    lines = [line for line in lines if line[0]]
    for n, (text, ink, size, weight) in enumerate(lines):
        down = (n - (len(lines) - 1) / 2) * 0.19
        canvas.axes.text(
            x,
            y + down,
            _short(text),
            ha="center",
            va="center_baseline",
            color=ink,
            fontsize=size,
            fontweight=weight,
            zorder=4,
        )


def _short(text: str) -> str:
    shown = plain(text)
    return shown if len(shown) <= LONGEST else shown[: LONGEST - 1] + "…"


def _name_kinds(canvas: Canvas, kinds: Sequence[str]) -> None:
    """Say which colour is which."""
    for n, kind in enumerate(kinds if any(kinds) else ()):
        x = 0.1 + n * WIDTH / max(len(kinds), 5)
        colour = PALETTE[n % len(PALETTE)]
        canvas.axes.plot(x, -TOP / 2, "s", color=colour, markersize=6, clip_on=False)
        canvas.axes.text(x + 0.12, -TOP / 2, _short(kind), va="center_baseline", color=MUTED)
