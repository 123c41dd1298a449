"""Features: what is registered, how values are spread, what drifted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from recomart.dashboard import figures, look, words
from recomart.dashboard.records import Monitoring, View
from recomart.vocabulary import SECOND_US, dataset_of_view

if TYPE_CHECKING:
    import pyarrow as pa

    from recomart.dashboard.shop import Shop
    from recomart.lake import Manifest

N_BINS = 40
MOST_WORDS = 15
MOST_DRIFTS = 20
LOOKED_AT = 200_000
"""Rows of a view that a figure looks at."""


def show(shop: Shop) -> None:
    """Show it."""
    views = registered(shop)
    if not views:
        look.empty(
            "No features yet",
            "A run computes what is known of users, items and sessions, and registers it.",
            "recomart build-features",
        )
    else:
        found = {one.name: shop.find(dataset_of_view(one.name, one.version)) for one in views}
        n_features = sum(len(one.features) for one in views)
        newest = max((m.created_at for m in found.values() if m), default="")
        look.tiles(
            [
                ("Views", f"{len(views)}", "versions registered"),
                ("Features", f"{n_features}", "in all of them"),
                ("Rows", f"{sum(m.rows for m in found.values() if m):,}", "current values"),
                ("Computed", words.since(newest) if newest else "–", "the newest of them"),
            ]
        )
        with look.guarded():
            _registry(views, found)
        with look.guarded():
            _one_view(shop, views)
    with look.guarded():
        _drift(shop)


def registered(shop: Shop) -> list[View]:
    """Return every registered version of every view, by name."""
    manifest = shop.find("feature_registry")
    names = sorted(manifest.by_partition()) if manifest else []
    return [shop.record_of(View, manifest, name) for name in names if manifest]


def _registry(views: list[View], found: dict[str, Manifest | None]) -> None:
    look.heading("Registry", "A version of a view never changes its meaning.")
    rows = []
    for view in views:
        there = found[view.name]
        fresh = f"{view.fresh_days:g} d" if view.fresh_days else "for ever"
        rows.append(
            (
                f"{view.name} {view.version}",
                view.description,
                ", ".join(view.keys),
                len(view.features),
                there.rows if there else None,
                fresh,
                words.since(there.created_at) if there else "not computed",
            )
        )
    columns = ("view", "what it tells", "key", "features", "rows", "good for", "computed")
    look.table(columns, rows)


def _one_view(shop: Shop, views: list[View]) -> None:
    look.heading("One feature", "How its values are spread, in this version and an earlier one.")
    names = [f"{one.name} {one.version}" for one in views]
    start = next((n for n, one in enumerate(views) if one.name == "user_features"), 0)
    left, middle, right = st.columns([3, 3, 2])
    chosen = left.selectbox("View", names, index=start, key="features-view")
    view = views[names.index(chosen)]
    feature = middle.selectbox("Feature", [one.name for one in view.features], key=f"f-{chosen}")
    versions = shop.history(dataset_of_view(view.name, view.version))
    if not versions:
        look.empty("Not computed", "There are no values of it yet.", "recomart build-features")
        return
    now, before = versions[-1], {f"number {one.number}": one for one in versions[:-1][::-1]}
    told = right.selectbox("Beside it", ["nothing", *before], key=f"beside-{chosen}")
    shown = {f"now (number {now.number})": now}
    if told in before:
        shown[told] = before[told]
    described = next(one for one in view.features if one.name == feature)
    look.text(f"{described.description or described.name}; {described.dtype}")
    with look.guarded():
        _spread(shop, feature, shown)


def _spread(shop: Shop, feature: str, versions: dict[str, Manifest]) -> None:
    import pyarrow.types as kinds

    columns = {
        label: shop.table(one, [feature]).column(0).slice(0, LOOKED_AT)
        for label, one in versions.items()
        if feature in one.columns
    }
    if not columns:
        look.empty("No such column", "This version of the view does not have it.")
        return
    first = next(iter(columns.values()))
    if kinds.is_string(first.type) or kinds.is_large_string(first.type):
        _words(feature, first)
    else:
        _numbers(feature, columns)


def _words(feature: str, column: pa.ChunkedArray) -> None:
    counted = sorted(column.value_counts().to_pylist(), key=lambda one: -one["counts"])
    rows = [
        {"what": "null" if one["values"] is None else str(one["values"]), "value": one["counts"]}
        for one in counted[:MOST_WORDS]
    ]
    says = f"The most frequent of {len(counted):,} values of {feature}."
    figures.bars(rows, "rows", says, "words")


def _numbers(feature: str, columns: dict[str, pa.ChunkedArray]) -> None:
    values = {
        label: np.asarray(column.cast("float64").to_numpy(), dtype=np.float64)
        for label, column in columns.items()
    }
    known = {label: found[np.isfinite(found)] for label, found in values.items()}
    together = np.concatenate(list(known.values()))
    if not len(together):
        look.empty("Only nulls", "No row has a value of it.")
        return
    low, high = np.quantile(together, [0.0, 0.995])
    edges = np.linspace(low, high if high > low else low + 1, N_BINS + 1)
    rows: list[dict[str, Any]] = []
    for label, found in known.items():
        counts, _ = np.histogram(np.minimum(found, edges[-1]), bins=edges)
        share = counts / max(len(values[label]), 1)
        rows += [
            {"low": a, "high": b, "share": s, "which": label}
            for a, b, s in zip(edges[:-1].tolist(), edges[1:].tolist(), share.tolist(), strict=True)
        ]
    says = f"{feature}: share of rows by value; the last bin holds all that is larger."
    figures.histogram(rows, feature, says, "spread")
    look.table(
        ("version", "rows", "null", "least", "median", "mean", "most"),
        [
            (
                label,
                len(values[label]),
                f"{1 - len(found) / max(len(values[label]), 1):.1%}",
                *(float(f(found)) for f in (np.min, np.median, np.mean, np.max)),
            )
            for label, found in known.items()
            if len(found)
        ],
    )


def _drift(shop: Shop) -> None:
    look.heading("Drift", "How far values moved from those that the published model knew.")
    told = shop.record(Monitoring, "monitoring", "monitoring.json")
    if told is None:
        look.empty(
            "Not measured yet",
            "Monitoring measures what moved, and what it is a reason for.",
            "recomart monitor",
        )
        return
    verdicts = {True: "speaks for training", False: "within bounds", None: "says nothing"}
    look.table(
        ("reason", "now", "threshold", "verdict", "which says"),
        [
            (one.name, one.now, one.threshold, verdicts[one.verdict], one.says)
            for one in told.reasons
        ],
        best=[place for place, one in enumerate(told.reasons) if one.verdict],
    )
    look.text(f"Measured {words.ago(told.monitored_us / SECOND_US)}.")
    if told.features:
        _moved(told)


def _moved(told: Monitoring) -> None:
    ranked = sorted(told.features.items(), key=lambda one: -one[1].psi)[:MOST_DRIFTS]
    limit = next((one.threshold for one in told.reasons if one.name == "features"), None)
    rows = [{"what": name, "value": round(one.psi, 4)} for name, one in ranked]
    says = "Population stability index of each feature; the dashed line is what is tolerated."
    figures.bars(rows, "PSI", says, "psi", limit=limit)
    columns = ("feature", "PSI", "Jensen–Shannon, bits", "Kolmogorov–Smirnov", "null then", "now")
    table = [(name, o.psi, o.js, o.ks, o.null_then, o.null_now) for name, o in ranked]
    with st.expander("By other measures"):
        look.table(columns, table)
        look.export("drift", columns, table)
