"""Lineage: what was made from what."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from recomart.dashboard import commands, look, words

if TYPE_CHECKING:
    from recomart.dashboard.shop import Shop

CHAMPION = "champion"
UP, DOWN = "made from", "made of it"
SHORT, RUN = 12, len("20260101T120000")
"""Letters of a hash and of a run's id that are shown."""
WIDTH = 840


def show(shop: Shop) -> None:
    """Show it."""
    names = shop.lake.names()
    if not names:
        look.empty(
            "Nothing to trace yet",
            "Every data set keeps which versions it was made from.",
            "recomart run",
        )
        return
    look.lead("Every version knows what it was made from.")
    first = [CHAMPION] if shop.find("published_model") else []
    left, middle, right = st.columns([3, 3, 2], vertical_alignment="bottom")
    chosen = left.selectbox("What", [*first, *names], key="lineage-name")
    given = middle.text_input("Or a recommendation, by its id", key="lineage-given").strip()
    way = right.segmented_control("Way", [UP, DOWN], default=UP, key="lineage-way")
    with look.guarded():
        _picture(shop, given or str(chosen), is_down=way == DOWN)


def _picture(shop: Shop, name: str, *, is_down: bool) -> None:
    with st.spinner("Drawing …"):
        svg, told = traced(shop, name, is_down=is_down)
    says = "What was made of it." if is_down else "What it was made from, up to the raw files."
    look.picture("lineage", svg, f"{says} Arrows that follow from others are left out.", WIDTH)
    look.heading("Versions", "Of everything in the picture.")
    rows = [
        (
            one["name"],
            one["number"],
            one["version"][:SHORT],
            one["rows"] or None,
            one["stage"] or "not in the lake",
            (one["run_id"] or "–")[:RUN],
            words.day(one["created_at"]) if one["created_at"] else "–",
        )
        for one in told["nodes"]
    ]
    columns = ("data set", "number", "version", "rows", "stage", "run", "made at, UTC")
    look.table(columns, rows)
    look.export("lineage", columns, rows)


def traced(shop: Shop, name: str, *, is_down: bool) -> tuple[str, dict[str, Any]]:
    """Return the picture and the record of a lineage, as `recomart lineage` gives them."""
    stand = tuple(
        (one.name, one.number) for known in shop.lake.names() if (one := shop.find(known))
    )
    found: tuple[str, dict[str, Any]] = shop.once(
        ("lineage", name, is_down, stand), lambda: _trace(shop, name, is_down=is_down)
    )
    return found


def _trace(shop: Shop, name: str, *, is_down: bool) -> tuple[str, dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="recomart-") as folder:
        file = Path(folder) / "lineage.svg"
        way = ["--down"] if is_down else []
        told = commands.call(shop, "lineage", *way, f"--svg={file}", "--", name)
        return file.read_text(encoding="utf-8"), told
