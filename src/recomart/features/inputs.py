"""Where features come from: prepared data sets in the lake, opened in an engine."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import ibis

from recomart.errors import FrameError
from recomart.features.definition import CATEGORIES, HISTORY, SEEN, Inputs, known_before

if TYPE_CHECKING:
    from collections.abc import Mapping

    from recomart.engines import Engine
    from recomart.lake import Lake, Manifest
    from recomart.settings import FeatureSettings

SOURCES: Mapping[str, Mapping[str, str]] = {
    "events": SEEN,
    "categories": CATEGORIES,
    "item_history": HISTORY,
}
"""Data set → the columns of it that features are made from."""


def sources_of(lake: Lake) -> list[Manifest]:
    """Return the current versions of the sources, checked for the columns that views need.

    Raises DataSetNotFoundError, FrameError.
    """
    found = [lake.latest(name) for name in SOURCES]
    for manifest in found:
        lacking = [name for name in SOURCES[manifest.name] if name not in manifest.columns]
        if lacking:
            raise FrameError(
                f"The data set {manifest.name!r} lacks {', '.join(lacking)}, of which features "
                "are made.",
                remedy="Run `recomart prepare --force`; RecoMart may have been upgraded since.",
            )
    return found


def open_inputs(engine: Engine, lake: Lake, settings: FeatureSettings) -> Inputs:
    """Open all events, known or not, in an engine. The moment is to be set."""
    tables = {
        manifest.name: engine.read(
            manifest.name, lake.paths(manifest.files), SOURCES[manifest.name]
        )
        for manifest in sources_of(lake)
    }
    return Inputs(
        events=tables["events"],
        categories=tables["categories"],
        history=tables["item_history"],
        at_us=0,
        settings=settings,
    )


def as_of_the_end(engine: Engine, inputs: Inputs, n_events: int) -> tuple[Inputs, int]:
    """Return inputs as of the moment at which the newest event is known, and that moment."""
    e = inputs.events
    newest = e.aggregate(us=ibis.greatest(e.occurred_us, e.arrived_us).max())
    [found] = engine.stream(newest).read_all()["us"].to_pylist()
    at_us = int(found or 0) + 1
    known = known_before(e, at_us)
    if engine.rows_at_once is None or n_events <= engine.rows_at_once:
        known = engine.keep("known_events", known)  # else files are read anew for each view
    return replace(inputs, events=known, at_us=at_us), at_us
