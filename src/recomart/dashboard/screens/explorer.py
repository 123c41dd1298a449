"""Recommendations: who is shown what, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from recomart.dashboard import look, service
from recomart.dashboard.screens.live import not_there
from recomart.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from markupsafe import Markup
    from streamlit.delta_generator import DeltaGenerator

    from recomart.client import Client
    from recomart.dashboard.shop import Shop
    from recomart.serving.schemas import Listed

MOST_OFFERED = 300
"""Users or items in a list to choose from; typing narrows it."""
MOST_EVENTS = 60
MOST_VISITS = 14
MOST_DAYS = 120
"""Days of events that are looked through for a history, newest first."""
USER, SESSION = "A user", "An anonymous session"
EVENTS = ("user_id", "item_id", "event_type", "occurred_us", "title")


class Items:
    """Titles, categories and prices by item, of the catalogue as it was last prepared."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = {str(row["item_id"]): row for row in rows}

    def title(self, item_id: str) -> str:
        """Return the title, or the id where there is none."""
        return str(self.rows.get(item_id, {}).get("title") or item_id)

    def note(self, item_id: str) -> str:
        """Return category and price, as far as known."""
        row = self.rows.get(item_id, {})
        price = row.get("price")
        told = [str(row.get("category_id") or ""), "" if price is None else f"{price:,.2f}"]
        return " · ".join(part for part in [*told, item_id] if part)

    def matching(self, wanted: str) -> list[str]:
        """Return items whose id or title holds a text, those with most events first."""
        wanted = wanted.casefold()
        found = [
            item
            for item, row in self.rows.items()
            if wanted in item.casefold() or wanted in str(row.get("title") or "").casefold()
        ]
        found.sort(key=lambda item: -(self.rows[item].get("n_events") or 0))
        return found[:MOST_OFFERED]


def show(shop: Shop) -> None:
    """Show it."""
    if shop.find("published_model") is None:
        look.empty(
            "No model serves yet", "A run publishes one; a service then answers.", "recomart run"
        )
        return
    items = catalogue(shop)
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    kind = left.segmented_control(
        "Whom for", [USER, SESSION], default=USER, key="explorer-kind", label_visibility="collapsed"
    )
    n_items = int(right.slider("Items in the list", 3, 20, 8, key="explorer-n"))
    if kind == SESSION:
        _session(shop, items, n_items)
    else:
        _user(shop, items, n_items)


def catalogue(shop: Shop) -> Items:
    """Return what is known of the items."""
    manifest = shop.find("catalogue")
    if manifest is None:
        return Items([])
    wanted = [
        name
        for name in ("item_id", "title", "category_id", "price", "n_events")
        if name in manifest.columns
    ]
    found: Items = shop.once(
        ("items", manifest.number), lambda: Items(shop.table(manifest, wanted).to_pylist())
    )
    return found


def users(shop: Shop, wanted: str) -> list[str]:
    """Return users whose id holds a text, those with most interactions first."""
    manifest = shop.find("user_features")
    if manifest is None:
        return []
    table = shop.table(manifest, ["user_id", "total_interactions"])
    known: list[str] = shop.once(
        ("users", manifest.number),
        lambda: table.sort_by([("total_interactions", "descending")]).column(0).to_pylist(),
    )
    wanted = wanted.casefold()
    return [one for one in known if wanted in one.casefold()][:MOST_OFFERED]


def _user(shop: Shop, items: Items, n_items: int) -> None:
    left, right = st.columns([2, 3])
    wanted = left.text_input("Search a user", key="explorer-search", placeholder="part of an id")
    found = users(shop, wanted)
    if wanted and wanted not in found:
        found = [*found, wanted]
    if not found:
        look.empty("No users are known", "Type an id: a new user gets a list, too.")
        return
    chosen = right.selectbox(
        "User", found, key=f"explorer-user-{wanted}", help="Those with most interactions first"
    )
    user = str(chosen)
    left, *rest = _columns(shop)
    with left, look.guarded():
        look.heading("What they did", "Their latest events in the lake.")
        _history(history(shop, user), items)
    _lists(shop, items, lambda client: client.recommend(user, n_items), n_items, rest)


def _columns(shop: Shop) -> list[DeltaGenerator]:
    """Return a column for what was done, and one for each service's list."""
    widths = [3, 4, 4] if shop.loaded.settings.dashboard.other_api else [2, 3]
    return list(st.columns(widths, gap="medium"))


def history(shop: Shop, user: str) -> list[dict[str, Any]]:
    """Return a user's latest events, newest first."""
    import pyarrow.compute as pc

    manifest = shop.find("events")
    if manifest is None:
        return []

    def look_up() -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        days = sorted(manifest.files, key=lambda one: one.partition, reverse=True)
        for day in days[:MOST_DAYS]:
            table = shop.rows_of([day], EVENTS)
            rows += table.filter(pc.equal(table.column("user_id"), user)).to_pylist()
            if len(rows) >= MOST_EVENTS:
                break
        return sorted(rows, key=lambda row: -row["occurred_us"])[:MOST_EVENTS]

    found: list[dict[str, Any]] = shop.once(("history", manifest.number, user), look_up)
    return found


def _history(rows: list[dict[str, Any]], items: Items) -> None:
    if not rows:
        look.empty("No history", "A newcomer: the list starts from what is popular now.")
        return
    visits: list[tuple[str, list[str], int]] = []
    for row in rows:  # what was done with one item, one thing after the other, is told together
        item, kind = str(row["item_id"]), str(row["event_type"])
        if visits and visits[-1][0] == item:
            visits[-1][1].insert(0, kind)
        else:
            visits.append((item, [kind], row["occurred_us"]))
    titles = {str(row["item_id"]): row["title"] for row in rows}
    look.table(
        ("when, UTC", "item, and what they did with it"),
        [
            (look.moment(us), look.titled(titles[item] or items.title(item), dict.fromkeys(kinds)))
            for item, kinds, us in visits[:MOST_VISITS]
        ],
    )


def _session(shop: Shop, items: Items, n_items: int) -> None:
    clicked: list[str] = st.session_state.setdefault("explorer-clicked", [])
    left, *rest = _columns(shop)
    with left:
        look.heading("What they looked at", "A visitor without a history; the latest counts most.")
        wanted = st.text_input("Search an item", key="session-search", placeholder="a title, an id")
        offered = items.matching(wanted)
        chosen = st.selectbox("Item", offered, format_func=items.title, key=f"session-{wanted}")
        add, forget = st.columns(2, gap="small")
        if add.button("Look at it", icon=":material/add:", key="session-add") and chosen:
            clicked.append(str(chosen))
        if forget.button("Begin anew", icon=":material/restart_alt:", key="session-clear"):
            clicked.clear()
        if clicked:
            look.table(("", "item"), [(n, items.title(one)) for n, one in enumerate(clicked, 1)])
        else:
            look.empty("Nothing yet", "Choose an item, and look at it.")
    _lists(
        shop, items, lambda client: client.recommend(None, n_items, items=clicked), n_items, rest
    )


def _lists(
    shop: Shop,
    items: Items,
    question: Callable[[Client], Listed],
    n_items: int,
    columns: list[DeltaGenerator],
) -> None:
    """Show the list of the service, and beside it that of a second one."""
    settings = shop.loaded.settings.dashboard
    services = [settings.api, settings.other_api][: len(columns)]
    found: list[tuple[str, Listed]] = []
    for column, url in zip(columns, services, strict=True):
        with column, look.guarded():
            try:
                listed = service.ask(shop, question, url)
            except UnavailableError as error:
                if url != settings.api:
                    raise
                look.heading("What they are shown")
                not_there(shop, error)
                continue
            found.append((url, listed))
            look.heading("What they are shown", f"{listed.model}, {listed.model_version[:12]}")
            _lines(listed, items)
    if len(found) == 2:
        _overlap(found, n_items)
    if found:
        _similar(shop, items, found[0][1])


def _lines(listed: Listed, items: Items) -> None:
    if listed.degraded:
        look.notes(
            [(f"Out of order while it answered: {', '.join(listed.degraded_parts)}.", "warn")]
        )
    if not listed.items:
        look.empty("An empty list", "Nothing is left after the rules.")
        return
    look.lines(
        (
            line.rank,
            items.title(line.item_id),
            line.reason,
            look.html(
                '{source}<span class="rm-muted">{note}</span>',
                source=look.pills([line.source]),
                note=items.note(line.item_id),
            ),
            _confidence(line.confidence),
        )
        for line in listed.items
    )
    look.text(f"Recommendation {listed.recommendation_id}: see Lineage for what it came from.")


def _confidence(value: float | None) -> Markup:
    if value is None:
        return look.html("not<br>calibrated")
    return look.html("<b>{share}</b>confidence{bar}", share=f"{value:.0%}", bar=look.bar(value))


def _overlap(found: list[tuple[str, Listed]], n_items: int) -> None:
    one, other = ([line.item_id for line in listed.items] for _, listed in found)
    both = set(one) & set(other)
    same = sum(a == b for a, b in zip(one, other, strict=False))
    look.notes(
        [(f"{len(both)} of {n_items} items are in both lists, {same} at the same rank.", "")]
    )


def _similar(shop: Shop, items: Items, listed: Listed) -> None:
    if not listed.items:
        return
    look.heading("Items like one of them", "Alike by what people did with both.")
    chosen = st.selectbox(
        "Like",
        [line.item_id for line in listed.items],
        format_func=items.title,
        key=f"similar-{listed.items[0].item_id}",
        label_visibility="collapsed",
    )
    with look.guarded():
        found = service.ask(shop, lambda client: client.similar(str(chosen), 5))
        look.table(
            ("rank", "item", "category, price, id", "score"),
            [(o.rank, items.title(o.item_id), items.note(o.item_id), o.score) for o in found.items],
        )
