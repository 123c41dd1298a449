"""A view in parts: more events than fit into memory, a range of keys at a time.

The rows of a view come ordered by its keys. Where a row depends on the events of its own key alone,
computing ranges of that key one after the other gives the same rows in the same order, whatever the
ranges: no aggregate, join or sort ever holds more than one of them.
"""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibis.expr.types import Table

    from recomart.engines import Engine
    from recomart.features.definition import FeatureView, Inputs

SAMPLED = 100_000
"""Events from which the ranges are guessed; a bad guess costs memory, never rows."""


def stream_view(
    engine: Engine, view: FeatureView, inputs: Inputs, n_events: int
) -> pa.RecordBatchReader:
    """Compute a view as of the moment of its inputs, and read its rows in order."""
    n_parts = ceil(n_events / engine.rows_at_once) if engine.rows_at_once else 1
    if n_parts < 2 or not view.depends_on:
        return engine.stream(view.table(inputs))
    key = view.depends_on[0]
    cuts = _cuts(engine, inputs.events, key, n_parts, n_events)
    schema = view.table(inputs).schema().to_pyarrow()

    def batches() -> Iterator[pa.RecordBatch]:
        for events in _ranges(inputs.events, key, cuts):
            part = replace(inputs, events=events, everybody=inputs.events)
            yield from engine.stream(view.table(part))

    return pa.RecordBatchReader.from_batches(schema, batches())


def _cuts(engine: Engine, events: Table, key: str, n_parts: int, n_events: int) -> list[str]:
    """Return keys that part a sample of the events evenly."""
    sample = events.select(key).sample(min(1.0, SAMPLED / n_events), seed=7)
    keys = sorted(filter(None, engine.stream(sample).read_all()[key].to_pylist()))
    found = {keys[len(keys) * part // n_parts] for part in range(1, n_parts)} if keys else set()
    return sorted(found)


def _ranges(events: Table, key: str, cuts: list[str]) -> Iterator[Table]:
    """Yield the events of each range of keys, half open, in order."""
    for low, high in zip([None, *cuts], [*cuts, None], strict=True):
        part = events
        if low is not None:
            part = part.filter(part[key] >= low)
        if high is not None:
            part = part.filter(part[key] < high)
        yield part
