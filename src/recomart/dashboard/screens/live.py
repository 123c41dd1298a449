"""The live service: latency, throughput and freshness, as it tells them itself."""

from __future__ import annotations

import math
import time
from datetime import datetime, timezone
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import streamlit as st

from recomart.dashboard import commands, exposition, figures, look, service, words
from recomart.errors import UnavailableError

if TYPE_CHECKING:
    from recomart.client import Client
    from recomart.dashboard.exposition import Samples
    from recomart.dashboard.look import Tile
    from recomart.dashboard.shop import Shop
    from recomart.serving.schemas import Health

EVERY_S = 3.0
MOST_POINTS = 200
LISTS = "/recommendations"


class Look(NamedTuple):
    """What the service told at a moment."""

    at_s: float
    samples: Samples


def show(shop: Shop) -> None:
    """Show it, and again every few seconds."""
    st.fragment(run_every=EVERY_S)(_guarded)(shop)


def _guarded(shop: Shop) -> None:
    """Guard it by itself: a fragment runs again without what stood around it."""
    with look.guarded():
        _live(shop)


def _live(shop: Shop) -> None:
    url = shop.loaded.settings.dashboard.api

    def both(client: Client) -> tuple[Health, str]:
        return client.health(), client.metrics()

    try:
        health, text = service.ask(shop, both)
    except UnavailableError as error:
        not_there(shop, error)
        return
    seen: list[Look] = st.session_state.setdefault(f"live-{url}", [])
    seen.append(Look(time.time(), exposition.parse(text)))
    del seen[:-MOST_POINTS]
    look.lead(f"{url}, asked every {EVERY_S:g} s.")
    look.tiles(_tiles(health, seen))
    look.notes((trouble, "warn") for trouble in health.troubles)
    _course(seen)
    left, right = st.columns(2, gap="medium")
    with left:
        _routes(seen[-1].samples)
    with right:
        _features(health)


def not_there(shop: Shop, error: UnavailableError) -> None:
    """Say that the service does not answer, and how to start it."""
    look.empty("The service does not answer", error.cause, commands.typed(shop, "serve"))
    if st.button("Ask again", icon=":material/refresh:", key="ask-again"):
        service.ask_again(shop.loaded.settings.dashboard.api)
        st.rerun()


def _tiles(health: Health, seen: list[Look]) -> list[Tile]:
    now, first = seen[-1], seen[0]
    lists = exposition.buckets(now.samples, "recomart_request_seconds", route=LISTS)
    before = exposition.buckets(first.samples, "recomart_request_seconds", route=LISTS)
    fresh = exposition.less(lists, before)
    counted = fresh if sum(fresh.values()) else lists
    p50, p95, p99 = (exposition.quantile(counted, share) for share in (0.5, 0.95, 0.99))
    since = "since this page is open" if counted is fresh and len(seen) > 1 else "since it started"
    asked = exposition.total(now.samples, "recomart_requests_total")
    failed = exposition.total(
        now.samples, "recomart_requests_total", lambda one: one.get("status", "").startswith("5")
    )
    model = health.model
    return [
        ("Status", health.status, f"up {words.since(health.started_at)[:-4]}", _tone(health)),
        ("Model", model.name, f"number {model.number}, {model.n_items:,} items"),
        ("Lists, median", _ms(p50), f"p95 {_ms(p95)}, p99 {_ms(p99)}; {since}"),
        ("Requests", f"{asked:,.0f}", f"{_rate(seen):.1f} a second now"),
        ("Failures", f"{failed:,.0f}", "answers with 5xx", "warn" if failed else "good"),
        ("Freshness", words.span(health.freshness_s), "age of the newest event it knows"),
    ]


def _tone(health: Health) -> Any:  # noqa: ANN401 - a tone, which mypy takes for a string
    return "good" if health.status == "ok" else "warn"


def _ms(seconds: float) -> str:
    return "–" if math.isnan(seconds) else f"{1_000 * seconds:.1f} ms"


def _rate(seen: list[Look]) -> float:
    """Return requests a second between the last two looks."""
    if len(seen) < 2:
        return 0.0
    before, now = seen[-2:]
    came = exposition.total(now.samples, "recomart_requests_total") - exposition.total(
        before.samples, "recomart_requests_total"
    )
    return max(came, 0.0) / max(now.at_s - before.at_s, 1e-3)


def _course(seen: list[Look]) -> None:
    if len(seen) < 3:
        look.text("Figures over time show after a few seconds.")
        return
    rates, delays = [], []
    for before, now in pairwise(seen):
        when = datetime.fromtimestamp(now.at_s, timezone.utc).isoformat(timespec="milliseconds")
        rates.append({"when": when, "what": "requests", "value": _rate([before, now])})
        came = exposition.less(
            exposition.buckets(now.samples, "recomart_request_seconds", route=LISTS),
            exposition.buckets(before.samples, "recomart_request_seconds", route=LISTS),
        )
        for name, share in (("median", 0.5), ("p95", 0.95)):
            value = exposition.quantile(came, share)
            if not math.isnan(value):
                delays.append({"when": when, "what": name, "value": 1_000 * value})
    left, right = st.columns(2, gap="medium")
    with left:
        says = "Requests a second, of all doors."
        figures.over_time(rates, "requests a second", says, "rates", clock=True)
    with right:
        if delays:
            says = "How long a list takes, inside the service."
            figures.over_time(delays, "milliseconds", says, "delays", clock=True)
        else:
            look.empty("No list was asked for", "Ask for one: see Recommendations.")


def _routes(samples: Samples) -> None:
    look.heading("Doors", "Since the service started.")
    rows = []
    for route, n in sorted(
        exposition.by_label(samples, "recomart_requests_total", "route").items(),
        key=lambda one: -one[1],
    ):
        spread = exposition.buckets(samples, "recomart_request_seconds", route=route)
        median, p99 = (_ms(exposition.quantile(spread, share)) for share in (0.5, 0.99))
        rows.append((route, int(n), median, p99))
    look.table(("door", "requests", "median", "p99"), rows)


def _features(health: Health) -> None:
    look.heading("Feature views", "How old the values are that it serves with.")
    rows = [
        (
            one.view,
            one.version[:12],
            words.span(one.age_s),
            look.pills(["fresh"]) if one.is_fresh else look.pill("old", "quiet"),
        )
        for one in health.features
    ]
    if rows:
        look.table(("view", "version", "age", ""), rows)
    else:
        look.text("This model uses none.")
