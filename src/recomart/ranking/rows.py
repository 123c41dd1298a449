"""Training rows of a ranker: what people wanted, what they might have, as known just before.

Rows come from the days before the test window. What each row knows of its user and item is the
feature store's business, and nobody else's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from recomart.engines import open_engine
from recomart.features.offline import OfflineStore, Wanted
from recomart.features.registry import Registry
from recomart.ranking.interactions import cut_moment, read_events
from recomart.vocabulary import DAY_US, EVENT_TYPES, FIRST_VERSION, HOUR_US

if TYPE_CHECKING:
    from recomart.lake import Workbench
    from recomart.ranking.interactions import EventArrays
    from recomart.settings import Settings

DATASET = "training_rows"
VIEWS = ("user_features", "item_features", "user_item_features", "price_features")
"""Views that a row of user and item can be joined with."""


def training_rows(bench: Workbench) -> None:
    """Write `training_rows`: user, item, moment, label, and features as of the moment."""
    data = read_events(bench)
    rows, moments = label_rows(data, bench.settings)
    every_us = round(bench.settings.ranking.every_hours * HOUR_US)
    spill = bench.lake.objects.aside().parent
    with open_engine(bench.settings.engine, bench.con, spill) as engine:
        store = OfflineStore(engine, bench.lake, bench.settings.features)
        found = store.features_at(rows, moments, _wanted(bench), every_us)
    draft = bench.draft(DATASET)
    draft.add_table(found.to_reader())
    parents = [bench.lake.latest(name) for name in ("events", "categories", "item_history")]
    manifest = bench.commit(draft, parents, details={"every_us": every_us})
    bench.log.info("rows_joined", rows=manifest.rows, columns=len(found.column_names))


def label_rows(data: EventArrays, settings: Settings) -> tuple[pa.Table, pa.ChunkedArray]:
    """Return user, item, moment and label, in time order, and the moments once more.

    Label 1: an event of a relevant type in the last days before the test window. Label 0: items
    drawn, for the same user and moment, from what others met before those days, by how often.
    """
    ranking = settings.ranking
    until_us = cut_moment(data, settings.evaluation)
    first_us = until_us - round(ranking.label_days * DAY_US)
    window, before = data.between(first_us, until_us), data.between(0, first_us)
    relevant = [EVENT_TYPES.index(kind) for kind in settings.evaluation.relevant]
    chosen = np.flatnonzero(np.isin(window.types, relevant))
    rng = np.random.default_rng(settings.evaluation.seed)
    if len(chosen) > ranking.max_positives:
        chosen = np.sort(rng.choice(chosen, ranking.max_positives, replace=False))
    n_drawn = ranking.negatives if len(before.items) else 0
    drawn = before.items[rng.integers(0, max(1, len(before.items)), (len(chosen), n_drawn))]
    items = np.concatenate([window.items[chosen, None], drawn], axis=1)
    users = np.repeat(window.users[chosen], 1 + n_drawn)
    at_us = np.repeat(window.occurred_us[chosen], 1 + n_drawn)
    labels = np.tile(np.arange(1 + n_drawn) == 0, len(chosen)).astype(np.int64)
    keep = (labels == 1) | (items.ravel() != np.repeat(items[:, 0], 1 + n_drawn))
    rows = pa.table(
        {
            "user_id": data.user_ids.take(pa.array(users[keep])),
            "item_id": data.item_ids.take(pa.array(items.ravel()[keep])),
            "at_us": pa.array(at_us[keep], pa.int64()),
            "label": pa.array(labels[keep], pa.int64()),
        }
    )
    return rows, rows["at_us"]


def _wanted(bench: Workbench) -> list[Wanted]:
    """Ask for every feature of the views, in the versions that the settings name."""
    registry, versions = Registry(bench.lake), bench.settings.features.versions
    entries = [registry.get(name, versions.get(name, FIRST_VERSION)) for name in VIEWS]
    return [
        Wanted(entry, entry.keys, {f.name: f"{entry.name}__{f.name}" for f in entry.features})
        for entry in entries
    ]
