"""`recomart data gc`: free what no snapshot needs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from recomart.errors import VersioningError
from recomart.lake import open_lake
from recomart.pipeline.versioning.pointers import SHORT, history
from recomart.pipeline.versioning.shop import POINTERS, ready_shop
from recomart.pipeline.versioning.store import open_store
from recomart.pipeline.versioning.taking import HOLDER, needed_now

if TYPE_CHECKING:
    from recomart.pipeline.versioning.shop import Shop
    from recomart.pipeline.versioning.store import Store
    from recomart.settings import Loaded

FOREIGN = ("*.dvc", "*dvc.yaml", "*dvc.lock", f":(exclude){POINTERS}/*.dvc")


@dataclass(frozen=True)
class Freed:
    """What was freed, or would be where `is_done` is False.

    dropped  snapshots that can be restored from a remote only afterwards
    """

    objects: int
    bytes: int
    dropped: tuple[str, ...]
    is_done: bool


def gc(loaded: Loaded, keep: int | None = None, *, do_it: bool = False) -> Freed:
    """Delete from DVC's cache what no snapshot needs, on any branch; or not the newest `keep`.

    What lies in the lake now always stays, the remote is not touched. Raises VersioningError where
    the cache also holds what somebody else keeps in it.
    """
    shop = ready_shop(loaded)
    with open_lake(loaded).lease(HOLDER), open_store(shop) as store:
        _refuse_what_is_not_ours(shop, store)
        known = history(shop, everywhere=True)
        kept = known[:keep]
        hashes = (md5 for one in kept for md5 in one.hashes.values())
        needed = store.all_parts(hashes) | needed_now(shop, store)
        sizes = store.sizes()
        unused = [md5 for md5 in sizes if md5 not in needed]
        dropped = [one for one in known if store.all_parts(one.hashes.values()) & set(unused)]
        if do_it:
            store.forget(unused)
    n_bytes = sum(sizes[md5] for md5 in unused)
    names = tuple(one.revision[:SHORT] for one in dropped)
    return Freed(len(unused), n_bytes, names, do_it)


def _refuse_what_is_not_ours(shop: Shop, store: Store) -> None:
    """See that nobody else keeps anything in the cache: what they need is not known here."""
    lying = [one for one in store.repo.index.stages if Path(one.path).parent != shop.pointers]
    if lying or shop.git.log(FOREIGN, everywhere=True):
        raise VersioningError(
            "DVC keeps other data in this folder, too, whose versions are not ours to judge.",
            remedy="Run `dvc gc --workspace --all-commits`, which knows all of them.",
        )
