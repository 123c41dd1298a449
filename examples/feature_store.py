"""The feature store on a shop that has run: every call of docs/guide/feature-store.md.

recomart demo && python examples/feature_store.py demo
"""

from __future__ import annotations

import sys

import pyarrow as pa
import pyarrow.compute as pc

from recomart.errors import DefinitionError
from recomart.features.store import FeatureStore
from recomart.vocabulary import DAY_US


def some_rows(store: FeatureStore, n: int = 5) -> pa.Table:
    """Return users and items, each with a moment in the past and a label."""
    users = store.get_feature("user_item_features").select(["user_id", "item_id"]).slice(0, n)
    newest = int(str(store.lake.latest("user_features").details["at_us"]))
    moments = pa.array([newest - day * DAY_US for day in range(n)], pa.int64())
    bought = pa.array([day % 2 for day in range(n)], pa.int64())
    return users.append_column("at_us", moments).append_column("bought", bought)


def main(folder: str) -> None:
    """Register, save, get, compose, join, look up."""
    with FeatureStore.open(folder) as store:
        rows = some_rows(store)
        user, item = rows["user_id"][0].as_py(), rows["item_id"][0].as_py()

        print("1. Features that RecoMart computes:", len(store.list_features()))
        print("   the newest values of", user, "online:")
        for name, value in list(store.get_user_features(user).items())[:4]:
            print(f"      {name} = {value}")
        shared = store.get_user_item_features(user, item)
        print(f"   with {item}: {shared['interaction_count']} interaction(s)")

        print("2. A feature of our own, saved with the moments from which it holds")
        store.register_feature(
            feature_name="lifetime_value",
            description="margin of all orders",
            feature_type="numeric",
            source="crm",
            transformation="sum of margins",
            version="v1",
        )
        distinct = pc.unique(rows["user_id"])
        values = pa.table(
            {
                "user_id": distinct,
                "lifetime_value": pa.array(range(len(distinct)), pa.float64()),
                "occurred_us": pa.array([0] * len(distinct), pa.int64()),
            }
        )
        print("   new rows:", store.save_feature(values, "lifetime_value", "v1"))
        print("   again:   ", store.save_feature(values, "lifetime_value", "v1"))

        print("3. The same version with another meaning is refused")
        try:
            store.register_feature("lifetime_value", "", "numeric", "crm", "something else", "v1")
        except DefinitionError as error:
            print("  ", error.cause)

        print("4. Training rows, each as of its own moment")
        names = ["user_features.n_purchases", "item_features.total_interactions", "lifetime_value"]
        for row in store.training_set(rows, names, label="bought").to_pylist():
            print("  ", row)

        print("5. The same features as a view, by name")
        view = store.create_feature_view(
            ["lifetime_value", "user_features.n_purchases"], join_key="user_id", version="v1"
        )
        print("  ", view.training_set(rows, label="bought").column_names)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "demo")
