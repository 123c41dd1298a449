"""The feature store, as people use it: register, save, get, look up, training sets.

    store = FeatureStore.open("shop/recomart.yaml")
    rows = store.training_set(labels, ["user_features", "item_features"], label="bought")

`docs/guide/feature-store.md` tells the same with an example.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from recomart.engines import connect, open_engine
from recomart.errors import DefinitionError, FrameError, NotFoundError
from recomart.features.catalogue import list_features
from recomart.features.frames import arrow_of, like, moments_of
from recomart.features.offline import OfflineStore, Wanted, together
from recomart.features.references import (
    FeatureReference,
    composed_entry,
    resolve,
    saved_entry,
)
from recomart.features.registry import Entry, Registry
from recomart.features.saved import keys_of, save
from recomart.features.views import views_of
from recomart.lake import Making, open_lake
from recomart.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from typing_extensions import Self

    from recomart.engines import Engine
    from recomart.features.online import OnlineFeatures
    from recomart.lake import Lake
    from recomart.settings import Loaded


class FeatureStore:
    """Features by name and version: their history for training, their newest values to serve.

    A context manager; `close` ends engine and connections. Names are ``view``, ``view.feature``,
    or either with a version, ``view:v2``; without one the newest is meant.
    """

    def __init__(self, loaded: Loaded, lake: Lake | None = None) -> None:
        self.loaded = loaded
        self.lake = lake or open_lake(loaded)
        self.registry = Registry(self.lake)
        self._settings = loaded.settings
        self._opened = ExitStack()

    @classmethod
    def open(cls, settings: str | Path | None = None) -> Self:
        """Open the store of a shop: its recomart.yaml, or the folder that it stands in."""
        return cls(load_settings(Path(settings) if settings else None))

    @cached_property
    def _engine(self) -> Engine:
        """What computes; opened when something is to be computed."""
        settings, spill = self._settings.engine, self.lake.objects.aside().parent
        engine = open_engine(settings, connect(settings, spill), spill)
        return self._opened.enter_context(engine)

    @cached_property
    def _offline(self) -> OfflineStore:
        return OfflineStore(self._engine, self.lake, self._settings.features)

    # ------------------------------------------------------------------ registry

    def register_feature(
        self,
        feature_name: str,
        description: str,
        feature_type: str,
        source: str,
        transformation: str,
        version: str = "v1",
    ) -> Entry:
        """Register a feature whose values will be saved by `save_feature`.

        feature_type    int64, float64, string or boolean, or a usual word for one (numeric,
                        integer, text, categorical, …)
        source          where its values come from, in words
        transformation  how they are made, in words or SQL

        Registering the same again changes nothing. Raises DefinitionError for a bad name or
        type, and for a definition that changed while its version did not.
        """
        entry = saved_entry(
            feature_name, description, feature_type, source, transformation, version
        )
        return self._record(entry)

    def list_features(self) -> list[dict[str, Any]]:
        """Return every feature of every registered version: its name, type, entity and more."""
        return list_features(self.lake)

    # ------------------------------------------------------------------ values

    def save_feature(self, df: object, name: str, version: str | None = None) -> int:
        """Save values of a registered feature; return how many were new.

        df  join keys (columns ending in ``_id``), the value under the feature's name, and if
            they are not of just now the moments from which they hold (`occurred_us` or
            `occurred_at`) and at which they were learned (`arrived_us`; else the same)

        Saving the same rows again changes nothing. Raises FrameError, and saves nothing, for
        keys that are null or twice, other types, or another value for a moment already saved.
        """
        entry = self.registry.get(name, version)
        with self._writing() as making:
            return save(self._engine, self.lake, entry, arrow_of(df), _now_us(), making)

    def get_feature(self, name: str, version: str | None = None) -> pa.Table:
        """Return the current values of a view or a feature: keys and values.

        Of a saved feature all rows, with their moments. Raises NotFoundError.
        """
        reference = FeatureReference.parse(name, version)
        entry, features = resolve(self.registry, reference)
        if entry.kind == "composed":
            return ComposedView(self, entry).table()
        manifest = self.lake.latest(entry.dataset)
        table = pq.ParquetDataset(self.lake.paths(manifest.files)).read()
        return table if entry.kind == "saved" else table.select([*entry.keys, *features])

    def create_feature_view(
        self,
        feature_names: Sequence[str],
        join_key: str | Sequence[str],
        version: str = "v1",
        *,
        name: str | None = None,
    ) -> ComposedView:
        """Register features that are used together, by one join key, as a view of its own.

        name  by default that of the entity with ``_view``, such as ``user_view``

        Raises NotFoundError, FrameError where a feature has another key, DefinitionError where
        the view is there with other features.
        """
        keys = (join_key,) if isinstance(join_key, str) else tuple(join_key)
        members = [resolve(self.registry, FeatureReference.parse(one)) for one in feature_names]
        for member, _ in members:
            theirs = keys_of(self.lake, member)
            if set(theirs) != set(keys):
                raise FrameError(
                    f"{member.name!r} is keyed by {', '.join(theirs) or 'nothing yet'}, "
                    f"not by {', '.join(keys)}.",
                    remedy="Compose features of one join key; `training_set` takes several views.",
                )
        entity = "_".join(key.removesuffix("_id") for key in keys)
        entry = composed_entry(name or f"{entity}_view", version, keys, members)
        return ComposedView(self, self._record(entry))

    # ------------------------------------------------------------------ training

    def training_set(
        self,
        events: object,
        views: Sequence[str],
        label: str | Sequence[str] = (),
        *,
        every_us: int = 0,
    ) -> Any:  # noqa: ANN401  (the kind of data frame that was given)
        """Join features to rows as they were known just before each row's moment.

        events    a data frame: join keys, a moment (`at_us`, `occurred_us` in µs UTC, or `at`,
                  `occurred_at`, `timestamp`), and whatever else is to be kept
        views     names of views or features; their columns come as ``view__feature``
        label     the column(s) that are to be learned, held to be there
        every_us  see `OfflineStore.features_at`: with a day, rows see the features of the
                  day's beginning

        Returns the same kind of data frame, with the rows in their order, none lost or added.
        An event that occurred or arrived at the very moment of a row, or later, changes nothing
        in it. Raises FrameError, NotFoundError.
        """
        rows = arrow_of(events)
        moments = moments_of(rows)
        if moments is None:
            raise FrameError(
                "The rows do not say when they are.",
                remedy="Add `at_us` (µs UTC), or `at` (timestamps).",
            )
        labels = (label,) if isinstance(label, str) else tuple(label)
        lacking = [name for name in labels if name not in rows.column_names]
        if lacking:
            raise FrameError(
                f"The rows have no label {', '.join(lacking)}.",
                remedy=f"They have {', '.join(rows.column_names)}.",
            )
        return like(events, self.features_at(rows, moments, views, every_us))

    def features_at(
        self, rows: pa.Table, at_us: pa.ChunkedArray, views: Sequence[str], every_us: int = 0
    ) -> pa.Table:
        """Join features to Arrow rows as of moments given beside; see `training_set`."""
        wanted = [one for name in views for one in self._wanted(FeatureReference.parse(name))]
        return self._offline.features_at(rows, at_us, together(wanted), every_us)

    # ------------------------------------------------------------------ look-ups

    def get_user_features(self, user_id: str, version: str | None = None) -> dict[str, Any]:
        """Return the online values of a user. Raises NotFoundError where there are none."""
        return self.look_up("user_features", (user_id,), version)

    def get_item_features(self, item_id: str, version: str | None = None) -> dict[str, Any]:
        """Return the online values of an item. Raises NotFoundError."""
        return self.look_up("item_features", (item_id,), version)

    def get_user_item_features(
        self, user_id: str, item_id: str, version: str | None = None
    ) -> dict[str, Any]:
        """Return the online values of a user with an item. Raises NotFoundError."""
        return self.look_up("user_item_features", (user_id, item_id), version)

    def look_up(
        self, name: str, key: tuple[str | int, ...], version: str | None = None
    ) -> dict[str, Any]:
        """Return the online values of one key of a view, or one feature of it.

        Raises NotFoundError, FrameError for a key of other parts or types.
        """
        entry, features = resolve(self.registry, FeatureReference.parse(name, version))
        [found] = self.online.get(entry.dataset, [key])
        if found is None:
            raise NotFoundError(
                f"The online store has no {entry.name!r} of {', '.join(map(str, key))}.",
                remedy="Nothing was known of it at the last `recomart materialise`.",
            )
        return {feature: found[feature] for feature in features}

    @cached_property
    def online(self) -> OnlineFeatures:
        """The online store: newest values by key."""
        from recomart.features.online import OnlineFeatures, open_online

        online = OnlineFeatures(open_online(self._settings.paths.online, self.loaded.folder))
        self._opened.callback(online.close)
        return online

    # ------------------------------------------------------------------ inside

    def _wanted(self, reference: FeatureReference) -> list[Wanted]:
        entry, features = resolve(self.registry, reference)
        if entry.kind != "composed":
            columns = {feature: reference.column(entry, feature) for feature in features}
            return [Wanted(entry, keys_of(self.lake, entry), columns)]
        found = []
        for source in entry.source:
            member = FeatureReference.parse(source)
            of, [feature] = resolve(self.registry, member)
            columns = {feature: replace(member, version=None).column(of, feature)}
            found.append(Wanted(of, keys_of(self.lake, of), columns))
        return found

    def _record(self, entry: Entry) -> Entry:
        ours = views_of(self._settings.features)
        if entry.name in ours:
            raise DefinitionError(
                f"{entry.name!r} is a view that RecoMart computes.",
                remedy="Choose another name.",
            )
        with self._writing() as making:
            self.registry.record([entry], making)
        return entry

    @contextmanager
    def _writing(self) -> Iterator[Making]:
        run_id = f"api-{uuid4().hex[:12]}"
        with self.lake.lease(run_id):
            yield Making(key=run_id, stage="features", run_id=run_id)

    def close(self) -> None:
        """End the engine and the connection of the online store."""
        self._opened.close()

    def __enter__(self) -> Self:
        """Return the store."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


@dataclass(frozen=True)
class ComposedView:
    """Features of one join key that are used together."""

    store: FeatureStore
    entry: Entry

    def table(self) -> pa.Table:
        """Return the values as of now, one row a key that any member has."""
        keys = list(self.entry.keys)
        members = {FeatureReference.parse(source) for source in self.entry.source}
        tables = [self.store.get_feature(m.view, m.version).select(keys) for m in members]
        rows = pa.concat_tables(tables).group_by(keys).aggregate([]).sort_by(keys[0])
        now = pa.chunked_array([pa.array([_now_us()] * len(rows), pa.int64())])
        return self.store.features_at(rows, now, [f"{self.entry.name}:{self.entry.version}"])

    def training_set(self, events: object, label: str | Sequence[str] = ()) -> Any:  # noqa: ANN401
        """See `FeatureStore.training_set`."""
        return self.store.training_set(events, [f"{self.entry.name}:{self.entry.version}"], label)


def _now_us() -> int:
    return time.time_ns() // 1_000
