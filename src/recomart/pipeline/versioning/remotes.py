"""`recomart data push` and `pull`: snapshots in a second place, a folder or a bucket."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recomart.errors import (
    AccessDeniedError,
    SettingsError,
    StoreUnavailableError,
    VersioningError,
)
from recomart.lake import open_lake
from recomart.pipeline.versioning.pointers import SHORT, history, snapshot_at
from recomart.pipeline.versioning.shop import ready_shop
from recomart.pipeline.versioning.store import FULL, HASH, open_store
from recomart.pipeline.versioning.taking import HOLDER
from recomart.settings.places import scheme_of, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dvc_data.hashfile.db import HashFileDB

    from recomart.pipeline.versioning.store import Store
    from recomart.settings import Loaded

NAME = "recomart"
"""Of the remote of the settings, in .dvc/config."""
PATIENCE_S = 10
CLIENTS = ("aiobotocore", "aiohttp", "botocore")
"""Whose errors speak of a bucket."""


@dataclass(frozen=True)
class Sent:
    """What went to the remote: objects that it did not have; snapshots that it has whole now.

    incomplete  snapshots of which the cache here has not everything; these stay as they are
    """

    remote: str
    objects: int
    snapshots: int
    incomplete: tuple[str, ...]


@dataclass(frozen=True)
class Fetched:
    """What came from the remote for a snapshot: objects that the cache did not have."""

    remote: str
    revision: str
    objects: int


def push(loaded: Loaded) -> Sent:
    """Send what the remote lacks of all snapshots of the branch. The lake is not touched."""
    shop = ready_shop(loaded)
    with open_lake(loaded).lease(HOLDER), open_store(shop, remote_config(loaded)) as store:
        known = history(shop)
        whole = [one for one in known if not store.lacks(one.hashes.values())]
        wanted = store.all_parts(md5 for one in whole for md5 in one.hashes.values())
        place = place_of(loaded, store)
        with _remote(place, store) as remote:
            n_sent = _transfer(store, store.cache, remote, wanted)
    parts = tuple(one.revision[:SHORT] for one in known if one not in whole)
    return Sent(place, n_sent, len(whole), parts)


def pull(loaded: Loaded, revision: str = "HEAD") -> Fetched:
    """Bring what the cache lacks of a snapshot. The lake is not touched: `restore` is for that."""
    shop = ready_shop(loaded)
    with open_lake(loaded).lease(HOLDER), open_store(shop, remote_config(loaded)) as store:
        wanted = snapshot_at(shop, revision)
        n_fetched = fetch(loaded, store, wanted.hashes.values())
        return Fetched(place_of(loaded, store), wanted.revision[:SHORT], n_fetched)


def fetch(loaded: Loaded, store: Store, md5s: Iterable[str]) -> int:
    """Bring what the cache lacks of some pointers, and return how many objects that were.

    Raises VersioningError where the remote has not all of it, or there is no remote.
    """
    wanted = list(md5s)
    n_lacking, place, n_fetched = len(store.lacks(wanted)), place_of(loaded, store), 0
    if n_lacking and place:
        with _remote(place, store) as remote:
            lists = store.lacks(wanted) & set(wanted)
            n_fetched = _transfer(store, remote, store.cache, lists)
            n_fetched += _transfer(store, remote, store.cache, store.lacks(wanted))
        n_lacking = len(store.lacks(wanted))
    if n_lacking:
        raise VersioningError(
            f"{n_lacking} objects of the snapshot are neither in the cache nor in "
            f"{place or 'a remote, since none is named'}.",
            remedy="Name the remote in versioning.remote; if it has them not, run `recomart data "
            "push` where they are. The lake is as it was.",
        )
    return n_fetched


def remote_of(loaded: Loaded) -> str:
    """Return the remote of the settings, a folder made absolute; empty where there is none."""
    remote = loaded.settings.versioning.remote
    if shown(remote) != remote or (scheme_of(remote) and "@" in remote):
        raise SettingsError(
            f"versioning.remote {shown(remote)!r} holds credentials.",
            remedy="Leave them out; they come from the usual chain (environment, profile, role).",
        )
    if scheme_of(remote) not in ("", "s3"):
        raise SettingsError(
            f"versioning.remote {remote!r} is neither a folder nor s3://….",
            remedy="Leave it empty and name it to DVC itself: `dvc remote add --default NAME URL`.",
        )
    return remote if scheme_of(remote) or not remote else str(loaded.path(remote))


def remote_config(loaded: Loaded) -> dict[str, Any]:
    """Return the remote of the settings as DVC's configuration has it."""
    remote = remote_of(loaded)
    if not remote:
        return {}
    options: dict[str, Any] = {"url": remote}
    if scheme_of(remote):
        options |= {"connect_timeout": PATIENCE_S}
    return {"core": {"remote": NAME}, "remote": {NAME: options}}


def place_of(loaded: Loaded, store: Store) -> str:
    """Return where the remote is: that of the settings, else that of .dvc/config."""
    config = store.repo.config
    own = config["remote"].get(config["core"].get("remote", ""), {}).get("url", "")
    return shown(remote_of(loaded) or own)


@contextmanager
def _remote(place: str, store: Store) -> Iterator[HashFileDB]:
    """Give the remote's objects; raise what goes wrong with it as our errors."""
    if not place:
        raise VersioningError(
            "There is no remote.",
            remedy="Name a folder or s3://bucket/prefix in versioning.remote.",
        )
    name = f"The remote {place}"
    if not scheme_of(place) and not Path(place).is_dir():
        raise StoreUnavailableError(name, "there is no such folder")
    try:
        yield store.repo.cloud.get_remote_odb()
    except PermissionError:
        raise AccessDeniedError(name, "read or write there") from None
    except Exception as error:
        is_outside = type(error).__module__.partition(".")[0] in CLIENTS
        if not is_outside and (not isinstance(error, OSError) or error.errno in FULL):
            raise
        raise StoreUnavailableError(name, str(error)) from error


def _transfer(store: Store, source: HashFileDB, target: HashFileDB, md5s: Iterable[str]) -> int:
    """Move objects that the target lacks; return how many. Raises StoreUnavailableError."""
    from dvc_data.hashfile.hash_info import HashInfo
    from dvc_data.hashfile.transfer import transfer

    wanted = {HashInfo(HASH, md5) for md5 in md5s}
    verify = target is store.cache
    result = transfer(source, target, wanted, cache_odb=store.cache, verify=verify)
    if result.failed:
        cause = store.said[-1] if store.said else f"{len(result.failed)} objects did not pass"
        raise StoreUnavailableError("The remote", cause)
    return len(result.transferred)
