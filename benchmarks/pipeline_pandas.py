"""The same logic as the table stages, written as one would in pandas: the peer."""

from __future__ import annotations

import hashlib
import shutil
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TYPES = {"view": "view", "addtocart": "add_to_cart", "transaction": "purchase"}
STRENGTH = {"view": 1.0, "add_to_cart": 3.0, "purchase": 5.0}
WANTED = {"categoryid": "category_id", "available": "available", "790": "price"}
GAP_MS = 30 * 60 * 1000
DAY_MS = 86_400_000


def run(data: Path, lake: Path) -> dict[str, float]:
    """Run every step; seconds by step. Results are written as Parquet, as ours are."""
    steps: dict[str, float] = {}

    @contextmanager
    def step(name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        steps[name] = time.perf_counter() - began

    with step("ingest"):
        for path in sorted(data.glob("*.csv")):
            shutil.copy(path, lake)
            hashlib.sha256((lake / path.name).read_bytes()).hexdigest()
    with step("validate"):
        events = validate_events(lake)
        properties = validate_properties(lake)
        tree = pd.read_csv(lake / "category_tree.csv", dtype=str)
    with step("prepare"):
        history = attribute_history(properties)
        del properties
        events = prepare(events, history, lake)
    with step("build_features"):
        features(events, history, tree, lake)
    shutil.rmtree(lake)
    return steps


def part(rows: pd.DataFrame, good: pd.Series, lake: Path, name: str) -> pd.DataFrame:
    """Put bad rows aside with their line, drop repeats, write both."""
    repeated = rows.duplicated(rows.columns.difference(["line"]))
    rows[~good & ~repeated].to_parquet(lake / f"quarantined_{name}.parquet")
    valid = rows[good & ~repeated]
    valid.to_parquet(lake / f"valid_{name}.parquet")
    return valid


def validate_events(lake: Path) -> pd.DataFrame:
    """Read as text, cast, hold to the rules."""
    rows = pd.read_csv(lake / "events.csv", dtype=str)
    rows["line"] = np.arange(len(rows)) + 2
    rows["ms"] = pd.to_numeric(rows["timestamp"], errors="coerce")
    rows["event_type"] = rows["event"].map(TYPES)
    good = rows["visitorid"].notna() & rows["itemid"].notna() & rows["event_type"].notna()
    good &= rows["ms"].notna() & (rows["ms"] < time.time() * 1000 + DAY_MS)
    return part(rows, good, lake, "events")


def validate_properties(lake: Path) -> pd.DataFrame:
    """As the events; twenty million rows."""
    parts = []
    for path in sorted(lake.glob("item_properties*.csv")):
        rows = pd.read_csv(path, dtype=str)
        rows["line"] = np.arange(len(rows)) + 2
        rows["ms"] = pd.to_numeric(rows["timestamp"], errors="coerce")
        good = rows["itemid"].notna() & rows["property"].notna() & rows["ms"].notna()
        parts.append(part(rows, good, lake, path.stem))
    return pd.concat(parts)


def attribute_history(properties: pd.DataFrame) -> pd.DataFrame:
    """Return attribute versions of items: last known values carried forward."""
    rows = properties[properties["property"].isin(WANTED)].copy()
    rows["attribute"] = rows["property"].map(WANTED)
    rows = rows.drop_duplicates(["itemid", "ms", "attribute"], keep="last")
    wide = rows.pivot(index=["itemid", "ms"], columns="attribute", values="value").sort_index()
    wide = wide.reindex(columns=list(WANTED.values()))
    wide = wide.groupby(level=0).ffill().reset_index()
    wide["price"] = pd.to_numeric(
        wide["price"].str.lstrip("n").str.split(" ").str[0], errors="coerce"
    )
    values = wide[list(WANTED.values())]
    same = values.eq(values.shift()).all(axis=1) & wide["itemid"].eq(wide["itemid"].shift())
    return wide[~same]


def prepare(events: pd.DataFrame, history: pd.DataFrame, lake: Path) -> pd.DataFrame:
    """Enrich as of the event, find sessions, write one file a day."""
    events = events.sort_values(["ms", "line"])
    history = history.sort_values("ms")
    events["ms"], history["ms"] = events["ms"].astype("int64"), history["ms"].astype("int64")
    joined = pd.merge_asof(events, history, on="ms", by="itemid")
    first = history.drop_duplicates("itemid").set_index("itemid")
    for name in ("category_id", "price"):
        joined[name] = joined[name].fillna(joined["itemid"].map(first[name]))
    joined["strength"] = joined["event_type"].map(STRENGTH)
    joined["day"] = joined["ms"] // DAY_MS
    joined["hour"] = joined["ms"] // 3_600_000 % 24
    joined["day_of_week"] = (joined["day"] + 3) % 7
    joined = joined.sort_values(["visitorid", "ms"], kind="stable")
    new = joined["visitorid"].ne(joined["visitorid"].shift()) | (joined["ms"].diff() > GAP_MS)
    joined["session_id"] = new.cumsum()
    joined["session_position"] = joined.groupby("session_id").cumcount() + 1
    joined = joined.sort_values(["ms", "line"])
    for day, rows in joined.groupby("day"):
        rows.to_parquet(lake / f"events-{day}.parquet")
    return joined


def features(events: pd.DataFrame, history: pd.DataFrame, tree: pd.DataFrame, lake: Path) -> None:
    """Compute the views that ours computes, and write them."""
    at = events["ms"].max() + 1
    for kind in STRENGTH:
        events[kind] = events["event_type"].eq(kind)
    for days in (1, 7, 14, 30):
        events[f"in_{days}d"] = events["ms"] >= at - days * DAY_MS
    for key in ("visitorid", "itemid"):
        entity(events, key, at).to_parquet(lake / f"{key}.parquet")
    favourite = events.groupby(["visitorid", "category_id"]).size().reset_index(name="n")
    favourite = favourite.sort_values(
        ["visitorid", "n", "category_id"], ascending=[True, False, True]
    )
    favourite.drop_duplicates("visitorid").to_parquet(lake / "favourite.parquet")
    pair = events.groupby(["visitorid", "itemid"]).agg(
        count=("line", "size"),
        score=("strength", "sum"),
        last=("ms", "max"),
        bought=("purchase", "sum"),
    )
    pair["affinity"] = pair["score"] / pair.groupby(level=0)["score"].transform("sum")
    pair.reset_index().to_parquet(lake / "user_item.parquet")
    sessions(events).to_parquet(lake / "sessions.parquet")
    category = events.groupby("category_id").agg(
        items=("itemid", "nunique"),
        n=("line", "size"),
        week=("in_7d", "sum"),
        price=("price", "mean"),
    )
    tree.merge(category, left_on="categoryid", right_index=True, how="left").to_parquet(
        lake / "category.parquet"
    )
    events.groupby(["day_of_week", "hour"]).size().reset_index(name="n").to_parquet(
        lake / "time.parquet"
    )
    latest = history.drop_duplicates("itemid", keep="last")
    mean = latest.groupby("category_id")["price"].transform("mean")
    latest.assign(relative=latest["price"] / mean).to_parquet(lake / "prices.parquet")
    item_pairs(events).to_parquet(lake / "pairs.parquet")


def entity(events: pd.DataFrame, key: str, at: int) -> pd.DataFrame:
    """Aggregate the events of a user or an item."""
    other = "itemid" if key == "visitorid" else "visitorid"
    found = events.groupby(key).agg(
        total=("line", "size"),
        score=("strength", "sum"),
        distinct=(other, "nunique"),
        sessions=("session_id", "nunique"),
        views=("view", "sum"),
        carts=("add_to_cart", "sum"),
        bought=("purchase", "sum"),
        price=("price", "mean"),
        last=("ms", "max"),
        first=("ms", "min"),
        days=("day", "nunique"),
        d1=("in_1d", "sum"),
        d7=("in_7d", "sum"),
        d14=("in_14d", "sum"),
        d30=("in_30d", "sum"),
    )
    found["mean"] = found["score"] / found["total"]
    found["since"] = (at - found["last"]) / DAY_MS
    found["trend"] = np.log((found["d7"] + 1) / (found["d14"] - found["d7"] + 1))
    found["popularity"] = found["distinct"].rank(method="max", pct=True)
    return found.reset_index()


def sessions(events: pd.DataFrame) -> pd.DataFrame:
    """Aggregate the events of each session, with its last three items."""
    found = events.groupby("session_id").agg(
        user=("visitorid", "first"),
        start=("ms", "min"),
        end=("ms", "max"),
        length=("line", "size"),
        items=("itemid", "nunique"),
        cart=("add_to_cart", "any"),
        bought=("purchase", "any"),
    )
    back = events.groupby("session_id").cumcount(ascending=False)
    for place in range(3):
        last = events[back == place].set_index("session_id")["itemid"]
        found[f"last_{place + 1}"] = last
    return found.reset_index()


def item_pairs(events: pd.DataFrame) -> pd.DataFrame:
    """Count pairs of items in sessions of at most 50 items; keep the 50 closest of each."""
    met = events.drop_duplicates(["session_id", "itemid"])[["session_id", "itemid"]]
    met = met[met.groupby("session_id").cumcount() < 50]
    both = met.merge(met, on="session_id", suffixes=("", "_other"))
    both = both[both["itemid"] != both["itemid_other"]]
    pairs = both.groupby(["itemid", "itemid_other"]).size().reset_index(name="together")
    alone = met["itemid"].value_counts()
    size = pairs["itemid"].map(alone) * pairs["itemid_other"].map(alone)
    pairs["cosine"] = pairs["together"] / np.sqrt(size)
    pairs = pairs.sort_values(["itemid", "cosine", "itemid_other"], ascending=[True, False, True])
    return pairs[pairs.groupby("itemid").cumcount() < 50]
