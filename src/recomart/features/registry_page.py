"""The registry as a page: every view, its features, and the SQL that makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recomart.features.catalogue import list_views, show_view
from recomart.features.registry import DATASET as REGISTRY
from recomart.pages import Page, bars

if TYPE_CHECKING:
    from recomart.lake import Workbench

VIEW_COLUMNS = ("view", "version", "entity", "n_features", "rows", "as_of", "source", "owner")


def registry_page(bench: Workbench) -> None:
    """Write the data set `feature_page` with one page of all registered views."""
    views = list_views(bench.lake)
    page = Page(bench.settings.project, subtitle="Features: what is known, and how it is made")
    latest = max((view["as_of"] for view in views if view["as_of"]), default="-")
    n_features = sum(view["n_features"] for view in views)
    page.tiles(
        [
            ("Views", str(len(views)), "versions registered"),
            ("Features", str(n_features), "in all of them"),
            ("As of", latest[:10], f"{latest[11:19]} UTC"),
        ]
    )
    page.section("Views", "One row a version. A version never changes its meaning.")
    rows = [{**view, "as_of": (view["as_of"] or "-")[:16].replace("T", " ")} for view in views]
    page.table(VIEW_COLUMNS, [[row[name] for name in VIEW_COLUMNS] for row in rows])
    sized = [view for view in views if view["rows"]]
    page.figure(bars([v["view"] for v in sized], [v["rows"] for v in sized], "rows"), "Rows a view")
    for view in views:
        _describe(page, show_view(bench.lake, f"{view['view']}:{view['version']}"))
    draft = bench.draft("feature_page")
    draft.add_bytes("features.html", page.html().encode())
    names = sorted({v["view"] for v in views if v["rows"] is not None})
    bench.commit(draft, bench.current(REGISTRY, *names))


def _describe(page: Page, view: dict[str, Any]) -> None:
    page.section(f"{view['view']} {view['version']}", view["description"])
    made_from = ", ".join(f"{p['name']} {p['version'][:8]}" for p in view["made_from"])
    fresh = f"{view['fresh_days']:g} days" if view["fresh_days"] else "for ever"
    keys = ", ".join(view["keys"])
    page.note(
        f"Key: {keys or 'comes with the values'}. Good for: {fresh}. Owner: {view['owner'] or '-'}."
        f" Made from: {made_from or view['source']}."
    )
    rows = [[f["name"], f["dtype"], f["window_days"], f["description"]] for f in view["features"]]
    page.table(("feature", "type", "window, days", "meaning"), rows)
    page.code(view["transformation"])
