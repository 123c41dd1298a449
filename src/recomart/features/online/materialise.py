"""The materialisation stage: from the offline store to the online store, what is new of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from recomart.errors import DefinitionError, FrameError
from recomart.features.online import open_online
from recomart.features.online.base import State
from recomart.features.online.codec import RowCodec, keys_of

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
    before; the next goes on with the batch that is missing. By force all of it is loaded anew.
    """
    from recomart.features.views import views_of  # imports Ibis

    settings = bench.settings
    store = open_online(settings.paths.online, bench.loaded.folder)
    try:
        for view in views_of(settings.features).values():
            if view.online:
                manifest = bench.lake.latest(view.dataset)
                materialiser = Materialiser(bench.lake, store, bench.now_us)
                columns = view.columns(settings.features)
                how = materialiser.bring(view, columns, manifest, force=bench.force)
                bench.log.info("view_materialised", view=view.name, rows=manifest.rows, how=how)
    finally:
        store.close()


class Materialiser:
    """Brings versions of views to one online store."""

    def __init__(self, lake: Lake, store: OnlineStore, now_us: int) -> None:
        self.lake = lake
        self.store = store
        self.now_us = now_us

    def bring(
        self,
        view: FeatureView,
        columns: dict[str, str],
        manifest: Manifest,
        *,
        force: bool = False,
    ) -> str:
        """Bring one version; return how: ``there``, ``patched`` or ``loaded``.

        Raises DefinitionError where the data set lacks one of the columns, FrameError where two
        of its rows have one key.
        """
        lacking = [name for name in columns if name not in manifest.columns]
        if lacking:
            raise DefinitionError(
                f"{view.dataset!r} was built without {lacking[0]!r}.",
                remedy="Run `recomart build-features`, then do the same again.",
            )
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
        if current and current.signature == state.signature and not force:
            if current.version == state.version:
                return "there"
            if self._patch(current, state, codec, manifest):
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

    def _patch(self, current: State, state: State, codec: RowCodec, manifest: Manifest) -> bool:
        """Apply what differs from the current version, if that is little; say whether it was."""
        before = [m for m in self.lake.history(state.view) if m.version == current.version]
        if not before:
            return False
        most = min(MOST_CHANGED, int(SHARE_CHANGED * max(state.rows, current.rows)))
        changed: dict[bytes, bytes] = {}
        gone: set[bytes] = set()
        rows = (self._all_rows(m, state, codec) for m in (before[-1], manifest))
        for old, new in _side_by_side(*rows):
            if new is None:
                gone |= {old[1]} if old else set()
            elif old != new:
                changed[new[1]] = new[2]
            if len(changed) + len(gone) > most:
                return False
        # a key that came out of order was met twice: as gone, and as new
        self.store.patch(state, [*changed.items()], gone - changed.keys())
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
    keys = keys_of(batch, state.keys)
    if len(set(keys)) < len(keys):
        raise FrameError(
            f"Two rows of {state.view!r} have the same {', '.join(state.keys)}.",
            remedy="A view has one row a key: aggregate by it.",
        )
    return list(zip(keys, codec.encode(batch), strict=True))


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
