"""`recomart data snapshot` and `list`: what lies in the lake, as a commit of pointers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recomart.errors import VersioningError
from recomart.lake import open_lake
from recomart.pipeline.versioning.pointers import (
    SHORT,
    begin_pointers,
    history,
    in_work_tree,
    snapshot_at,
)
from recomart.pipeline.versioning.shop import COMMITTED, WAREHOUSE, ready_shop
from recomart.pipeline.versioning.store import open_store
from recomart.pipeline.versioning.warehouse import copy_warehouse
from recomart.vocabulary import LAYERS

if TYPE_CHECKING:
    from recomart.pipeline.versioning.pointers import Snapshot
    from recomart.pipeline.versioning.shop import Shop
    from recomart.pipeline.versioning.store import Store
    from recomart.settings import Loaded

MESSAGE = "Snapshot of the data"
HOLDER = "recomart data"
"""Who holds the lease."""


@dataclass(frozen=True)
class Taken:
    """A snapshot that was taken.

    is_new  False where nothing had changed since the last
    layers  the bytes of each, and of the warehouse
    """

    revision: str
    is_new: bool
    layers: dict[str, int]
    files: int
    bytes: int


def snapshot(loaded: Loaded, message: str = MESSAGE) -> Taken:
    """Keep the layers and the warehouse as they are, and commit their pointers; nothing else.

    Raises VersioningError, LakeBusyError, StoreUnavailableError, UnavailableError. Whatever it
    raises, the snapshots before are as they were, and trying again goes on.
    """
    shop = ready_shop(loaded)
    with open_lake(loaded).lease(HOLDER), open_store(shop) as store:
        copy_warehouse(shop)
        names = begin_pointers(shop)
        if not set(names) & set(LAYERS):
            raise VersioningError(
                "There are no data to keep yet.", remedy="Run `recomart run` first."
            )
        store.add(shop.data(name) for name in names)
        revision = shop.git.commit(COMMITTED, message)
    taken = snapshot_at(shop, revision or "HEAD")
    return Taken(
        revision or history(shop)[0].revision,
        revision is not None,
        **sizes_of(taken),
    )


def snapshots(loaded: Loaded) -> list[dict[str, Any]]:
    """Describe the snapshots of the branch, newest first.

    ``in_lake``: it is what lies in the lake now. ``is_here``: all of it is in the cache, so that it
    can be restored without a remote.
    """
    shop = ready_shop(loaded)
    with open_store(shop) as store:
        now = layers_now(shop, store)
        return [
            {
                "revision": one.revision[:SHORT],
                "at": one.at,
                "message": one.message,
                **sizes_of(one),
                "in_lake": layers_of(one) == now,
                "is_here": not store.lacks(one.hashes.values()),
            }
            for one in history(shop)
        ]


def sizes_of(snapshot: Snapshot) -> dict[str, Any]:
    """Return how much a snapshot holds, as records of it say it."""
    pointers = snapshot.pointers.values()
    return {
        "layers": {name: pointer.bytes for name, pointer in snapshot.pointers.items()},
        "files": sum(pointer.files for pointer in pointers),
        "bytes": sum(pointer.bytes for pointer in pointers),
    }


def layers_of(snapshot: Snapshot) -> dict[str, str]:
    """Return the hashes of a snapshot's layers, without the warehouse."""
    return {name: md5 for name, md5 in snapshot.hashes.items() if name != WAREHOUSE}


def layers_now(shop: Shop, store: Store) -> dict[str, str]:
    """Return the hash of each layer that lies in the lake now."""
    there = [name for name in LAYERS if shop.data(name).is_dir()]
    weighed = {name: store.weigh(shop.data(name)) for name in there}
    return {n: md5 for n, parts in weighed.items() for md5 in parts if md5.endswith(".dir")}


def needed_now(shop: Shop, store: Store) -> set[str]:
    """Return the hashes of all that lies in the lake now, or that the pointers name."""
    there = [shop.data(name) for name in LAYERS if shop.data(name).is_dir()]
    lying = {part for path in there for part in store.weigh(path)}
    return lying | store.all_parts(in_work_tree(shop).values())
