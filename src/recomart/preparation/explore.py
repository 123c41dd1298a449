"""The exploration stage: the shop in figures and pictures."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from recomart.engines import open_engine_for_tables
from recomart.pages import Page, bars, columns, funnel, heatmap, histogram, ranked_curve
from recomart.preparation import eda
from recomart.preparation.catalogue import CATALOGUE
from recomart.vocabulary import PREPARED_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ibis.expr.types import Table

    from recomart.engines import Engine
    from recomart.lake import Workbench

MOST_COLUMNS = 60
EPOCH = date(1970, 1, 1)


def explore(bench: Workbench) -> None:
    """Write `exploration`: eda.json, one SVG a picture, and eda.html with all of them."""
    lake = bench.lake
    events, catalogue, categories = map(lake.latest, ("events", "catalogue", "categories"))
    with open_engine_for_tables(bench.settings.engine, bench.con, bench.spill) as engine:
        figures = figures_of(
            engine,
            engine.read("events", lake.paths(events.files), PREPARED_COLUMNS),
            engine.read("catalogue", lake.paths(catalogue.files), CATALOGUE),
        )
    drawn = pictures(figures)
    draft = bench.draft("exploration")
    draft.add_bytes("eda.json", json.dumps(figures, indent=1, sort_keys=True).encode())
    for name, (svg, _) in drawn.items():
        draft.add_bytes(f"{name}.svg", svg.encode())
    draft.add_bytes("eda.html", page_of(bench.settings.project, figures, drawn).encode())
    bench.commit(draft, [events, catalogue, categories])


def figures_of(engine: Engine, events: Table, catalogue: Table) -> dict[str, Any]:
    """Compute every figure, by name."""
    by_item = eda.events_by_item(engine, events)
    return {
        "overview": eda.overview(engine, events),
        "event_mix": eda.event_mix(engine, events),
        "activity": eda.activity(engine, events),
        "hours": eda.hours(engine, events),
        "top_items": eda.top_items(engine, events, catalogue),
        "events_by_item": by_item,
        "history_lengths": eda.lengths(engine, events, "user_id"),
        "session_lengths": eda.lengths(engine, events, "session_id"),
        "funnel": eda.funnel(engine, events),
        "prices": eda.prices(engine, catalogue),
        "categories": eda.categories(engine, events),
    }


def pictures(figures: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Draw the figures: name → picture and the sentence below it."""
    mix, top = figures["event_mix"], figures["top_items"]
    reached = figures["funnel"]["users"]
    x, series = _over_time(figures["activity"])
    return {
        "activity": (columns(x, series, "UTC", "events"), "Events over time, by type."),
        "hours": (
            heatmap(eda.WEEKDAYS, list(range(24)), figures["hours"], "events"),
            "Events by weekday and hour of the day, UTC.",
        ),
        "event_mix": (
            bars([row["event_type"] for row in mix], [row["n"] for row in mix], "events"),
            "Events by type.",
        ),
        "funnel": (
            funnel(list(reached), list(reached.values()), "users"),
            "Users who reached each step.",
        ),
        "top_items": (
            bars(
                [row["title"] or row["item_id"] for row in top], [r["users"] for r in top], "users"
            ),
            "Items with most users.",
        ),
        "long_tail": (
            ranked_curve(figures["events_by_item"]),
            "How few items make most of the events.",
        ),
        "history_lengths": (
            _spread(figures["history_lengths"], "events of a user", "users"),
            "Events of a user: most have few.",
        ),
        "session_lengths": (
            _spread(figures["session_lengths"], "events of a session", "sessions"),
            "Events of a session.",
        ),
        "prices": (
            histogram(figures["prices"], log=True, x_unit="price", y_unit="items"),
            "Prices of the catalogue.",
        ),
        "categories": (
            bars(
                [row["category_id"] for row in figures["categories"]],
                [row["n"] for row in figures["categories"]],
                "events",
            ),
            "Largest categories.",
        ),
    }


def _over_time(activity: list[dict[str, Any]]) -> tuple[list[str], dict[str, list[int]]]:
    """Put days together until they fit on a page: labels, and counts by type."""
    if not activity:
        return [], {}
    first, last = activity[0]["day"], activity[-1]["day"]
    width = -(-(last - first + 1) // MOST_COLUMNS)
    n = (last - first) // width + 1
    series: dict[str, list[int]] = defaultdict(lambda: [0] * n)
    for row in activity:
        series[row["event_type"]][(row["day"] - first) // width] += row["n"]
    labels = [(EPOCH + timedelta(days=first + place * width)).isoformat() for place in range(n)]
    return labels, dict(sorted(series.items(), key=lambda one: -sum(one[1])))


def _spread(lengths: Mapping[int, int], x_unit: str, y_unit: str) -> str:
    """Draw lengths on bins that double: 1, 2–3, 4–7 and so on."""
    counts: dict[int, int] = defaultdict(int)
    for length, n in lengths.items():
        counts[int(length).bit_length() - 1] += n
    powers = range(max(counts, default=-1) + 1)
    labels = [str(2**p) if p == 0 else f"{2**p}–{2 ** (p + 1) - 1}" for p in powers]
    return columns(labels, {y_unit: [counts[p] for p in powers]}, x_unit, y_unit)


def page_of(project: str, figures: Mapping[str, Any], drawn: Mapping[str, tuple[str, str]]) -> str:
    """Return the page, self-contained."""
    seen = figures["overview"]
    span = [EPOCH + timedelta(microseconds=seen[k] or 0) for k in ("first_us", "last_us")]
    page = Page("The shop in pictures", f"{project}, {span[0]} to {span[1]}")
    page.tiles(
        [
            ("Events", f"{seen['n_events']:,}", f"in {seen['n_sessions']:,} sessions"),
            ("Users", f"{seen['n_users']:,}", "with at least one event"),
            ("Items", f"{seen['n_items']:,}", "with at least one event"),
            (
                "Density",
                f"{seen['density'] or 0:.3%}",
                f"{seen['n_pairs']:,} pairs of user and item",
            ),
        ]
    )
    for heading, names in SECTIONS.items():
        page.section(heading)
        for name in names:
            page.figure(*drawn[name])
    return page.html()


SECTIONS = {
    "When": ("activity", "hours"),
    "What people do": ("event_mix", "funnel", "history_lengths", "session_lengths"),
    "With what": ("top_items", "long_tail", "prices", "categories"),
}
