"""`recomart data restore`: a snapshot back into the lake and the warehouse.

All of it is laid out beside the lake and checked first; then each layer changes places with the
one that lies there. A restore that is cut off leaves whole layers, each of some snapshot, and goes
on when it is asked for again.
"""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from recomart.errors import VersioningError
from recomart.lake import Lake, LocalObjects, open_lake
from recomart.pipeline.versioning.pointers import SHORT, history, put_pointers, snapshot_at
from recomart.pipeline.versioning.remotes import fetch, remote_config
from recomart.pipeline.versioning.shop import WAREHOUSE, ready_shop
from recomart.pipeline.versioning.store import open_store
from recomart.pipeline.versioning.taking import HOLDER, layers_now, layers_of
from recomart.pipeline.versioning.warehouse import (
    copy_warehouse,
    put_warehouse_back,
    release_warehouse,
)
from recomart.vocabulary import LAYERS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from recomart.pipeline.versioning.pointers import Snapshot
    from recomart.pipeline.versioning.shop import Shop
    from recomart.pipeline.versioning.store import Store
    from recomart.settings import Loaded

STEM = "restore-"


@dataclass(frozen=True)
class Restored:
    """What was restored: the layers that are others now, the files that were fetched for it."""

    revision: str
    message: str
    changed: tuple[str, ...]
    warehouse: bool
    fetched: int


def restore(loaded: Loaded, revision: str, *, force: bool = False) -> Restored:
    """Bring data and pointers back as they were at a revision of git.

    What the cache lacks is fetched from the remote. Raises NotFoundError; VersioningError where
    what lies there now is in no snapshot and `force` does not allow to lose it, or where data of
    the revision are nowhere; IntegrityError where they are not what their manifests say. Then the
    lake is as it was.
    """
    shop = ready_shop(loaded)
    config = remote_config(loaded)
    with open_lake(loaded).lease(HOLDER), open_store(shop, config) as store:
        wanted = snapshot_at(shop, revision)
        now = layers_now(shop, store)
        if not force:
            _refuse_to_lose(shop, store, now)
        fetched = fetch(loaded, store, wanted.hashes.values())
        changed = [name for name in LAYERS if layers_of(wanted).get(name) != now.get(name)]
        with _laid_out(shop, store, wanted, changed) as folder:
            release_warehouse(shop)
            for name in changed:
                _swap(shop, name, folder)
        put_pointers(shop, wanted)
        has_warehouse = _bring_warehouse(shop, store, wanted)
    return Restored(wanted.revision[:SHORT], wanted.message, tuple(changed), has_warehouse, fetched)


def _refuse_to_lose(shop: Shop, store: Store, now: dict[str, str]) -> None:
    lying = dict(now)
    if shop.warehouse is not None and shop.warehouse.is_file():
        copy = shop.pointers / ".now.sqlite"
        try:
            copy_warehouse(shop, copy)
            [lying[WAREHOUSE]] = store.weigh(copy)
        finally:
            copy.unlink(missing_ok=True)
    kept = {pair for one in history(shop, everywhere=True) for pair in one.hashes.items()}
    lost = [name for name, md5 in lying.items() if (name, md5) not in kept]
    if lost:
        raise VersioningError(
            f"What lies there now is in no snapshot: {', '.join(lost)}.",
            remedy="Keep it with `recomart data snapshot`, or lose it with `--force`.",
        )


@contextmanager
def _laid_out(shop: Shop, store: Store, wanted: Snapshot, names: list[str]) -> Iterator[Path]:
    """Lay layers of a snapshot out beside the lake, checked; give the folder."""
    beside = shop.lake / ".aside"
    for left in beside.glob(f"{STEM}*"):  # of a restore that was cut off
        shutil.rmtree(left)
    folder = beside / f"{STEM}{uuid4().hex}"
    try:
        (folder / "before").mkdir(parents=True)
        for name in names:
            if name in wanted.hashes:
                store.bring(wanted.hashes[name], folder / name)
        lake = Lake(LocalObjects(folder))
        for dataset in lake.names():
            lake.paths(lake.latest(dataset).files)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _swap(shop: Shop, name: str, folder: Path) -> None:
    """Put a layer in the place of the one that lies there."""
    place = shop.data(name)
    if place.exists():
        place.rename(folder / "before" / name)
    if (folder / name).exists():
        (folder / name).rename(place)


def _bring_warehouse(shop: Shop, store: Store, wanted: Snapshot) -> bool:
    """Put the warehouse of a snapshot in place; one without leaves it to the next run."""
    if shop.warehouse is None or WAREHOUSE not in wanted.hashes:
        return False
    store.bring(wanted.hashes[WAREHOUSE], shop.data(WAREHOUSE))
    put_warehouse_back(shop)
    return True
