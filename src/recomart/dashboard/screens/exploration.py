"""Exploration: the pictures that the pipeline drew of the shop."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

import streamlit as st

from recomart.dashboard import look
from recomart.dashboard.records import Exploration
from recomart.vocabulary import SECOND_US

if TYPE_CHECKING:
    from recomart.dashboard.shop import Shop
    from recomart.lake import Manifest

DATASET = "exploration"
SECTIONS = {
    "When": {
        "activity": "Events over time, by type.",
        "hours": "Events by weekday and hour of the day, UTC.",
    },
    "What people do": {
        "event_mix": "Events by type.",
        "funnel": "Users who reached each step.",
        "history_lengths": "Events of a user: most have few.",
        "session_lengths": "Events of a session.",
    },
    "With what": {
        "top_items": "Items with most users.",
        "long_tail": "How few items make most of the events.",
        "prices": "Prices of the catalogue.",
        "categories": "Largest categories.",
    },
}
"""Pictures by section, and what each shows; further ones come last, under their names."""


def show(shop: Shop) -> None:
    """Show it."""
    manifest = shop.find(DATASET)
    if manifest is None:
        look.empty(
            "No pictures yet",
            "The stage explore draws who does what, when, with what.",
            "recomart explore",
        )
        return
    with look.guarded():
        _tiles(shop.record_of(Exploration, manifest, "eda.json"))
    drawn = [name.removesuffix(".svg") for name in manifest.by_partition() if name.endswith(".svg")]
    listed = {name for pictures in SECTIONS.values() for name in pictures}
    more = {name: name.replace("_", " ") for name in drawn if name not in listed}
    for heading, pictures in {**SECTIONS, "More": more}.items():
        there = [name for name in pictures if name in drawn]
        if there:
            look.heading(heading)
            _pictures(shop, manifest, {name: pictures[name] for name in there})


def _tiles(told: Exploration) -> None:
    seen = told.overview
    first, last = (
        datetime.fromtimestamp((us or 0) / SECOND_US, timezone.utc).date().isoformat()
        for us in (seen.first_us, seen.last_us)
    )
    look.tiles(
        [
            ("Events", f"{seen.n_events:,}", f"{first} to {last}"),
            ("Users", f"{seen.n_users:,}", "with at least one event"),
            ("Items", f"{seen.n_items:,}", "with at least one event"),
            ("Sessions", f"{seen.n_sessions:,}", "between silences"),
            ("Density", f"{seen.density or 0:.2%}", "of the pairs of user and item"),
        ]
    )


def _pictures(shop: Shop, manifest: Manifest, pictures: dict[str, str]) -> None:
    columns = st.columns(2, gap="medium")
    for place, (name, says) in enumerate(pictures.items()):
        with columns[place % 2], look.guarded():
            body = shop.body(manifest, f"{name}.svg")
            look.picture(name, body.decode("utf-8", "replace"), says)
