"""`recomart data init`: git and DVC in the shop's folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from recomart.errors import VersioningError
from recomart.pipeline.versioning.remotes import NAME, remote_of
from recomart.pipeline.versioning.shop import COMMITTED, POINTERS, shop_of
from recomart.pipeline.versioning.store import (
    CACHE_TYPES,
    import_dvc,
    in_our_words,
    open_store,
    quiet,
)
from recomart.settings.places import scheme_of

if TYPE_CHECKING:
    from recomart.pipeline.versioning.shop import Shop
    from recomart.settings import Loaded

OURS = (".dvc/config", ".dvc/.gitignore", ".dvcignore")
MESSAGE = "Keep versions of the data with DVC"


@dataclass(frozen=True)
class SetUp:
    """What was set up.

    repository  of git; `is_new`: it was made just now
    revision    the commit that holds it; None: all of it was there
    """

    folder: Path
    repository: Path
    is_new: bool
    remote: str | None
    revision: str | None


def init(loaded: Loaded) -> SetUp:
    """Make the shop's folder one of DVC in a git repository; doing it again changes nothing.

    Raises MissingToolError, MissingExtraError, VersioningError.
    """
    shop, remote = shop_of(loaded), remote_of(loaded)
    import_dvc()
    is_new = not shop.git.is_repository
    if is_new:
        shop.git.run("init", "--quiet")
    if shop.git.says("check-ignore", f"{POINTERS}/raw.dvc", ".dvc/config"):
        raise VersioningError(
            f"Git ignores what versioning writes in {shop.folder}.",
            remedy=f"See `git check-ignore -v {POINTERS}/raw.dvc .dvc/config`, and except them.",
        )
    _set_up(shop, loaded, remote)
    revision = shop.git.commit([*OURS, *COMMITTED[1:]], MESSAGE)
    top = Path(shop.git.run("rev-parse", "--show-toplevel").strip())
    return SetUp(shop.folder, top, is_new, remote or None, revision)


def _set_up(shop: Shop, loaded: Loaded, remote: str) -> None:
    from dvc.repo import Repo

    if not (shop.folder / ".dvc").is_dir():
        with quiet(), in_our_words():
            Repo.init(str(shop.folder), subdir=True).close()
    with open_store(shop) as store, store.repo.config.edit() as config:
        config["core"].update({"analytics": False, "check_update": False, "autostage": False})
        config["cache"].setdefault("type", CACHE_TYPES)
        if remote:
            config["remote"][NAME] = {"url": _written(loaded, remote)}
            config["core"]["remote"] = NAME
    if remote and not scheme_of(remote):
        Path(remote).mkdir(parents=True, exist_ok=True)
    shop.keep_out_of_git()


def _written(loaded: Loaded, remote: str) -> str:
    """Return a remote as .dvc/config has it: relative where the settings have it so."""
    given = loaded.settings.versioning.remote
    if scheme_of(remote) or Path(given).is_absolute():
        return remote
    from dvc.config_schema import RelPath

    written: str = RelPath(remote)
    return written
