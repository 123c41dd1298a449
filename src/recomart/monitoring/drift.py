"""Drift of features: each view now against the version of it that the champion knew.

That version is found by its lineage, not by a clock: the newest one that was made from the same
version of `events` as the published model.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa

from recomart.features.views import views_of
from recomart.monitoring.psi import psi
from recomart.monitoring.reason import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recomart.features.definition import FeatureView
    from recomart.lake import Lake, Manifest, Workbench

NAME = "features"
EVENTS = "events"
MOST_ROWS = 20_000
"""Rows of a view that are looked at on each side; the same keys on both, where both have them."""
LEAST_ROWS = 100
"""In fewer, chance alone moves the index beyond any threshold."""
SHOWN = 20


@dataclass(frozen=True)
class Drift:
    """The index of one feature, such as ``item_features.price``."""

    feature: str
    psi: float


def feature_drift(bench: Workbench, champion: Manifest) -> Reason:
    """Hold the features of now against those that the champion knew."""
    threshold = bench.settings.retraining.max_feature_psi
    if threshold is None:
        return Reason.silent(NAME, None, "switched off by retraining.max_feature_psi")
    found = sorted(drifts(bench, champion), key=lambda one: (-one.psi, one.feature))
    if not found:
        return Reason.silent(NAME, threshold, "no view has a version that the champion knew")
    most, n_beyond = found[0], sum(one.psi > threshold for one in found)
    return Reason.of(
        NAME,
        most.psi,
        threshold,
        f"{n_beyond} of {len(found)} features beyond; most: {most.feature}",
        {"psi": {one.feature: round(one.psi, 4) for one in found[:SHOWN]}},
    )


def drifts(bench: Workbench, champion: Manifest) -> Iterator[Drift]:
    """Yield the index of every feature that is not ignored, view by view."""
    for view in views_of(bench.settings.features).values():
        now, then = bench.lake.find(view.dataset), known_to(bench.lake, champion, view.dataset)
        if now is not None and then is not None:
            yield from drifts_of(bench, view, then, now)


def known_to(lake: Lake, champion: Manifest, dataset: str) -> Manifest | None:
    """Return the newest version of a view from the events that the champion learned from."""
    learned = version_in(champion, EVENTS)
    for manifest in reversed(lake.history(dataset)):
        if version_in(manifest, EVENTS) == learned:
            return manifest
    return None


def version_in(manifest: Manifest, parent: str) -> str | None:
    """Return the version of a parent."""
    return {one.name: one.version for one in manifest.parents}.get(parent)


def drifts_of(
    bench: Workbench, view: FeatureView, then: Manifest, now: Manifest
) -> Iterator[Drift]:
    """Yield the index of each feature of a view between two of its versions."""
    ignored = bench.settings.retraining.ignored_features
    names = [f.name for f in view.features(bench.settings.features)]
    full = {name: f"{view.name}.{name}" for name in names if name in then.columns}
    kept = [n for n, told in full.items() if not any(fnmatchcase(told, one) for one in ignored)]
    if not kept or min(then.rows, now.rows) < LEAST_ROWS:
        return
    seed = str(bench.settings.evaluation.seed)
    if then.version == now.version:
        yield from (Drift(full[name], 0.0) for name in kept)
        return
    before, after = (_sample(bench, one, list(view.keys), kept, seed) for one in (then, now))
    for name in kept:
        yield Drift(full[name], psi(before[name], after[name]))


def _sample(
    bench: Workbench, manifest: Manifest, keys: list[str], columns: list[str], seed: str
) -> pa.Table:
    """Return the rows whose keys have the lowest hashes: the same keys in every version."""
    table = bench.open_files(manifest.files, manifest)
    key = ibis.literal(seed)
    for name in keys:
        key = key.concat("|", table[name].cast("string"))
    chosen = table.mutate(__place=key.hash()).order_by("__place").limit(MOST_ROWS)
    return bench.con.to_pyarrow(chosen.select(*columns))
