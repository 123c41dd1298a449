"""Feast's side of `benchmarks.point_in_time`; runs in Feast's own environment.

python benchmarks/point_in_time_feast.py FOLDER TRIES
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig
from feast.types import Float64


def write_source(folder: Path) -> Path:
    """Write the feature rows as Feast wants them: timestamps with a zone."""
    frame = pq.read_table(folder / "features.parquet").to_pandas()
    for column, source in (("event_timestamp", "occurred_us"), ("created", "arrived_us")):
        frame[column] = pd.to_datetime(frame.pop(source), unit="us", utc=True)
    frame.to_parquet(folder / "feast.parquet")
    return folder / "feast.parquet"


def main() -> None:
    """Time `get_historical_features`, from a data frame to an Arrow table."""
    folder, tries = Path(sys.argv[1]), int(sys.argv[2])
    repo = Path(tempfile.mkdtemp())
    store = FeatureStore(
        config=RepoConfig(
            project="bench",
            provider="local",
            registry=str(repo / "registry.db"),
            online_store={"type": "sqlite", "path": str(repo / "online.db")},
            offline_store={"type": "duckdb"},
            entity_key_serialization_version=3,
        )
    )
    item = Entity(name="item", join_keys=["item_id"])
    source = FileSource(
        path=str(write_source(folder)),
        timestamp_field="event_timestamp",
        created_timestamp_column="created",
    )
    view = FeatureView(
        name="values",
        entities=[item],
        ttl=timedelta(days=3650),
        schema=[Field(name="value", dtype=Float64)],
        source=source,
    )
    store.apply([item, view])
    labels = pq.read_table(folder / "labels.parquet").to_pandas()
    labels["event_timestamp"] = pd.to_datetime(labels.pop("at_us"), unit="us", utc=True)
    times = []
    for _ in range(tries):
        began = time.perf_counter()
        table = store.get_historical_features(
            entity_df=labels, features=["values:value"]
        ).to_arrow()
        times.append(time.perf_counter() - began)
    print(json.dumps({"seconds": min(times), "rows": table.num_rows}))


if __name__ == "__main__":
    main()
