"""The offline store: training rows that know only what was known before them.

Three kinds of values, one rule. A computed view is computed as of each row's moment, from events
that had occurred and arrived before it. A saved feature, and a version of a view that is no
longer declared (its snapshots are kept), give the newest value known before it. What happens or
arrives at the very instant of a row is not known yet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import ibis
import numpy as np
import pyarrow as pa

from recomart.engines.asof import latest_known
from recomart.engines.base import ARROW_TYPES
from recomart.errors import DataSetNotFoundError, FrameError
from recomart.features.definition import as_of
from recomart.features.frames import held_to
from recomart.features.inputs import open_inputs
from recomart.features.registry import changed, describe
from recomart.features.views import views_of
from recomart.vocabulary import DAY_US

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ibis.expr.types import Table

    from recomart.engines import Engine
    from recomart.features.definition import FeatureView, Inputs
    from recomart.features.registry import Entry
    from recomart.lake import Lake
    from recomart.settings import FeatureSettings

MOMENTS_AT_ONCE = 4
"""Moments that one query answers for a view whose rows depend on all events."""
MOST_MOMENTS = 2_000
"""Moments that such a view is asked for at most: each is a pass over all events."""
VALUE = "value"
"""Column of a saved feature's values."""
SAVED_TIMES = {"occurred_us": "int64", "arrived_us": "int64"}
ROW, AT = "__row", "at_us"


@dataclass(frozen=True)
class Wanted:
    """Features of one registered version, and their columns in the training set.

    keys     join key columns and types
    columns  feature → column of the result
    """

    entry: Entry
    keys: Mapping[str, str]
    columns: Mapping[str, str]


def together(wanted: Iterable[Wanted]) -> list[Wanted]:
    """Join what is wanted of one entry, so that it is computed once."""
    found: dict[tuple[str, str], Wanted] = {}
    for one in wanted:
        key = (one.entry.name, one.entry.version)
        before = found.get(key)
        found[key] = replace(one, columns={**before.columns, **one.columns}) if before else one
    return list(found.values())


class OfflineStore:
    """Answers for many rows, each at its own moment."""

    def __init__(self, engine: Engine, lake: Lake, settings: FeatureSettings) -> None:
        self.engine = engine
        self.lake = lake
        self.settings = settings
        self._inputs: Inputs | None = None

    def features_at(
        self, rows: pa.Table, at_us: pa.ChunkedArray, wanted: Sequence[Wanted], every_us: int = 0
    ) -> pa.Table:
        """Return `rows` with features as of their moments; none lost, none added, in order.

        rows      join keys of everything wanted, and whatever else is to be kept
        at_us     the moment of each row, µs
        every_us  values as of the last multiple of this before the moment, as a store that is
                  filled so often would give them; 0: as of the moment itself

        Raises FrameError: a key lacks, is null or of another type, a name is taken, too many
        different moments; DefinitionError: the settings mean another view than is registered.
        """
        taken = set(rows.column_names)
        for one in wanted:
            twice = sorted(taken & set(one.columns.values()))
            if twice:
                raise FrameError(
                    f"The rows, or two views, give {', '.join(twice)} twice.",
                    remedy="Rename the column, or ask for the feature once.",
                )
            taken |= set(one.columns.values())
        moments = _on_grid(at_us, every_us)
        for one in wanted:
            for name, column in self._answer(rows, moments, at_us, one).items():
                rows = rows.append_column(name, column)
        return rows

    def _answer(
        self, rows: pa.Table, moments: pa.Array, exact: pa.ChunkedArray, wanted: Wanted
    ) -> dict[str, pa.ChunkedArray]:
        """Return the columns of one view."""
        asked = held_to(rows, wanted.keys)
        asked = asked.append_column(ROW, pa.array(np.arange(len(rows)), pa.int64()))
        view = views_of(self.settings).get(wanted.entry.name)
        if wanted.entry.kind == "computed" and view and view.version == wanted.entry.version:
            asked = asked.append_column(AT, moments)
            parts = list(self._computed(asked, view, wanted))
        else:
            asked = asked.append_column(AT, exact)
            parts = [self._stored(asked, wanted)]
        found = pa.concat_tables(parts)
        found = found.take(pa.array(np.argsort(found[ROW].to_numpy(), kind="stable")))
        return {column: found[column] for column in wanted.columns.values()}

    def _computed(self, asked: pa.Table, view: FeatureView, wanted: Wanted) -> Iterator[pa.Table]:
        """Compute a view as of the moments, some of them at a time."""
        now = describe(view, self.settings)
        if now.fingerprint != wanted.entry.fingerprint:
            raise changed(wanted.entry, now)
        if self._inputs is None:
            self._inputs = open_inputs(self.engine, self.lake, self.settings)
        for part in _parts(asked, view):
            table = self.engine.load("asked", part)
            found = as_of(table, view, self._inputs)
            yield self._read(found, wanted, {c: name for name, c in wanted.columns.items()})
            self.engine.drop("asked")

    def _stored(self, asked: pa.Table, wanted: Wanted) -> pa.Table:
        """Find the newest values that were stored, and known, before the moments."""
        values = self._values(wanted)
        table = self.engine.load("asked", asked)
        found = latest_known(
            table,
            values,
            list(wanted.keys),
            {column: feature for feature, column in wanted.columns.items()},
            has_asof=self.engine.has_asof,
        )
        days = wanted.entry.fresh_days
        if days is not None:
            is_fresh = found.value_us >= found[AT] - round(days * DAY_US)
            fresh = {
                column: ibis.ifelse(is_fresh, found[column], ibis.null(found[column].type()))
                for column in wanted.columns.values()
            }
            found = found.mutate(**fresh)
        answer = self._read(found, wanted, {c: c for c in wanted.columns.values()})
        self.engine.drop("asked")
        return answer

    def _values(self, wanted: Wanted) -> Table:
        """Open what is stored of an entry, with the moments from which each row holds."""
        entry = wanted.entry
        columns = {**wanted.keys, **{f.name: f.dtype for f in entry.features}}
        if entry.kind == "saved":
            manifest = self.lake.latest(entry.dataset)
            paths = self.lake.paths(manifest.files)
            stored = {**wanted.keys, **SAVED_TIMES, VALUE: entry.features[0].dtype}
            table = self.engine.read(entry.dataset, paths, stored)
            return table.rename({entry.features[0].name: VALUE})
        versions = self.lake.history(entry.dataset)
        if not versions:
            raise DataSetNotFoundError(entry.dataset, self.lake.names())
        snapshots = []
        for manifest in versions:
            name = f"{entry.dataset}_{manifest.number}"
            table = self.engine.read(name, self.lake.paths(manifest.files), columns)
            # a snapshot may be used from the moment on that it is of
            before_us = int(str(manifest.details[AT])) - 1
            snapshots.append(table.mutate(occurred_us=before_us, arrived_us=before_us))
        return ibis.union(*snapshots) if len(snapshots) > 1 else snapshots[0]

    def _read(self, found: Table, wanted: Wanted, names: Mapping[str, str]) -> pa.Table:
        """Read columns (name in the result → name in `found`), of the types promised."""
        answer = self.engine.stream(found.select(ROW, **{c: found[n] for c, n in names.items()}))
        dtypes = {f.name: ARROW_TYPES[f.dtype] for f in wanted.entry.features}
        types = [(column, dtypes[feature]) for feature, column in wanted.columns.items()]
        return answer.read_all().cast(pa.schema([(ROW, pa.int64()), *types]))


def _on_grid(at_us: pa.ChunkedArray, every_us: int) -> pa.Array:
    moments = at_us.to_numpy()
    return pa.array(moments // every_us * every_us if every_us else moments, pa.int64())


def _parts(asked: pa.Table, view: FeatureView) -> Iterator[pa.Table]:
    """Cut questions so that one query answers few moments, where a view needs all events."""
    if (view.depends_on and not view.looks_around) or not len(asked):
        yield asked
        return
    moments, which = np.unique(asked[AT].to_numpy(), return_inverse=True)
    if len(moments) > MOST_MOMENTS:
        raise FrameError(
            f"The rows ask for {view.name!r} as of {len(moments):,} different moments, and each "
            f"is a pass over all events; at most {MOST_MOMENTS:,} are allowed.",
            remedy="Pass `every_us`, such as 86400000000 for a day: rows then see the features "
            "of the day's beginning, as an online store that is filled daily would give them.",
        )
    for first in range(0, len(moments), MOMENTS_AT_ONCE):
        chosen = (which >= first) & (which < first + MOMENTS_AT_ONCE)
        yield asked.filter(pa.array(chosen))
