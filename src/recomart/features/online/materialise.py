"""The materialisation stage: from the offline store to the online store, what is new of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from recomart.features.online import open_online
from recomart.features.online.base import State
from recomart.features.online.codec import RowCodec, keys_of
from recomart.features.views import views_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from recomart.features.definition import FeatureView
    from recomart.features.online.base import OnlineStore, Row
    from recomart.lake import Lake, Manifest, Workbench

    Sorted = tuple[tuple[Any, ...], bytes, bytes]

BATCH_ROWS = 20_000
MOST_CHANGED, SHARE_CHANGED = 50_000, 0.2
"""Up to so many rows, and so large a share, a change is applied to the current generation."""


def materialise(bench: Workbench) -> None:
    """Bring the online store to the current version of every view that is served.

    A version that is there already costs a look. A run that is killed leaves what was there
    before; the next goes on with the batch that is missing.
    """
    settings = bench.settings
    store = open_online(settings.paths.online, bench.loaded.folder)
    try:
        for view in views_of(settings.features).values():
            if view.online:
                manifest = bench.lake.latest(view.dataset)
                materialiser = Materialiser(bench.lake, store, bench.now_us)
                how = materialiser.bring(view, view.columns(settings.features), manifest)
                bench.log.info("view_materialised", view=view.name, rows=manifest.rows, how=how)
    finally:
        store.close()


class Materialiser:
    """Brings versions of views to one online store."""

    def __init__(self, lake: Lake, store: OnlineStore, now_us: int) -> None:
        self.lake = lake
        self.store = store
        self.now_us = now_us

    def bring(self, view: FeatureView, columns: dict[str, str], manifest: Manifest) -> str:
        """Bring one version; return how: ``there``, ``patched`` or ``loaded``."""
        features = {name: dtype for name, dtype in columns.items() if name not in view.keys}
        codec = RowCodec(features)
        state = State(
            view=view.dataset,
            version=manifest.version,
            keys=dict(view.keys),
            columns=features,
            signature=codec.signature,
            rows=manifest.rows,
            at_us=int(str(manifest.details.get("at_us", 0))),
            materialised_us=self.now_us,
            fresh_days=view.fresh_days,
        )
        current = self.store.state(view.dataset)
        if current and current.version == state.version and current.signature == state.signature:
            return "there"
        if current and current.signature == state.signature and self._patch(current, state, codec):
            return "patched"
        self._load(manifest, state, codec)
        return "loaded"

    def _load(self, manifest: Manifest, state: State, codec: RowCodec) -> None:
        """Write a generation batch by batch, from where it was left, and publish it."""
        done = self.store.progress(state.view, state.version)
        for number, batch in enumerate(self._batches(manifest)):
            if number >= done:
                rows = _rows(batch, state, codec)
                self.store.put(state.view, state.version, number, rows)
        self.store.publish(state)

    def _patch(self, current: State, state: State, codec: RowCodec) -> bool:
        """Apply what differs from the current version, if that is little; say whether it was."""
        before = [m for m in self.lake.history(state.view) if m.version == current.version]
        if not before:
            return False
        most = min(MOST_CHANGED, int(SHARE_CHANGED * max(state.rows, current.rows)))
        changed: list[Row] = []
        gone: list[bytes] = []
        rows = (self._all_rows(m, state, codec) for m in (before[-1], self.lake.latest(state.view)))
        for old, new in _side_by_side(*rows):
            if new is None:
                gone += [old[1]] if old else []
            elif old != new:
                changed.append(new[1:])
            if len(changed) + len(gone) > most:
                return False
        self.store.patch(state, changed, gone)
        return True

    def _all_rows(self, manifest: Manifest, state: State, codec: RowCodec) -> Iterator[Sorted]:
        for batch in self._batches(manifest):
            names = [batch.column(name).to_pylist() for name in state.keys]
            for parts, (key, value) in zip(
                zip(*names, strict=True), _rows(batch, state, codec), strict=True
            ):
                yield parts, key, value

    def _batches(self, manifest: Manifest) -> Iterator[pa.RecordBatch]:
        for path in self.lake.paths(manifest.files):
            with pq.ParquetFile(path) as file:
                yield from file.iter_batches(BATCH_ROWS)


def _rows(batch: pa.RecordBatch, state: State, codec: RowCodec) -> list[Row]:
    return list(zip(keys_of(batch, state.keys), codec.encode(batch), strict=True))


def _side_by_side(
    one: Iterator[Sorted], other: Iterator[Sorted]
) -> Iterator[tuple[Sorted | None, Sorted | None]]:
    """Walk two lists of rows that are sorted by key, and pair those of one key."""
    mine, its = next(one, None), next(other, None)
    while mine is not None or its is not None:
        if its is None or (mine is not None and mine[0] < its[0]):
            yield mine, None
            mine = next(one, None)
        elif mine is None or its[0] < mine[0]:
            yield None, its
            its = next(other, None)
        else:
            yield mine, its
            mine, its = next(one, None), next(other, None)
