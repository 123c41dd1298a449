"""Drift of features: each view now against the version of it that the model knew.

That version is found by its lineage, not by a clock: the newest one that was made from the same
version of `events` as the published model.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import ibis

from recomart.features.views import views_of
from recomart.monitoring.distances import Distances, distances
from recomart.monitoring.reason import Reason
from recomart.monitoring.since import EVENTS, version_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from recomart.features.definition import FeatureView
    from recomart.lake import Manifest, Workbench
    from recomart.monitoring.since import Since

NAME = "features"
MOST_ROWS = 20_000
"""Rows of a view that are looked at on each side; the same keys on both, where both have them."""
LEAST_ROWS = 200
"""In fewer, chance alone moves the index beyond any threshold."""
SHOWN = 20


@dataclass(frozen=True)
class Drift:
    """How far one feature moved, such as ``item_features.price``."""

    feature: str
    moved: Distances


def feature_drift(since: Since, threshold: float) -> Reason:
    """Hold the features of now against those that the model knew."""
    found = since.once(drifts)
    if not found:
        return Reason.silent(NAME, threshold, "no view has enough rows, then and now")
    most, n_beyond = found[0], sum(one.moved.psi > threshold for one in found)
    told = f"; most: {most.feature}" if most.moved.psi else ""
    return Reason.of(
        NAME,
        most.moved.psi,
        threshold,
        f"{n_beyond} of {len(found)} features beyond{told}",
        {"psi": {one.feature: round(one.moved.psi, 4) for one in found[:SHOWN]}},
    )


def drifts(since: Since) -> list[Drift]:
    """Measure every feature that is not ignored, those that moved most first."""
    found: list[Drift] = []
    for view in views_of(since.bench.settings.features).values():
        now, then = since.bench.lake.find(view.dataset), known_to(since, view.dataset)
        if now is not None and then is not None:
            found += drifts_of(since.bench, view, then, now)
    return sorted(found, key=lambda one: (-one.moved.psi, one.feature))


def known_to(since: Since, dataset: str) -> Manifest | None:
    """Return the newest version of a view from the events that the model learned from."""
    for manifest in reversed(since.bench.lake.history(dataset)):
        if version_in(manifest, EVENTS) == since.learned:
            return manifest
    return None


def drifts_of(
    bench: Workbench, view: FeatureView, then: Manifest, now: Manifest
) -> Iterator[Drift]:
    """Yield how far each feature of a view moved between two of its versions."""
    ignored = bench.settings.retraining.ignored_features
    names = [f.name for f in view.features(bench.settings.features)]
    full = {name: f"{view.name}.{name}" for name in names if name in then.columns}
    kept = [n for n, told in full.items() if not any(fnmatchcase(told, one) for one in ignored)]
    if not kept or min(then.rows, now.rows) < LEAST_ROWS:
        return
    seed = str(bench.settings.evaluation.seed)
    if then.version == now.version:
        yield from (Drift(full[name], Distances()) for name in kept)
        return
    before, after = (_sample(bench, one, list(view.keys), kept, seed) for one in (then, now))
    for name in kept:
        yield Drift(full[name], distances(before[name], after[name]))


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
