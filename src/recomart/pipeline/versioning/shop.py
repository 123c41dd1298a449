"""Where versions are kept: the shop's folder, its lake, its warehouse, the pointers."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recomart.errors import VersioningError
from recomart.pipeline.git import Git
from recomart.settings.places import scheme_of, shown
from recomart.vocabulary import LAYERS

if TYPE_CHECKING:
    from pathlib import Path

    from recomart.settings import Loaded

POINTERS = "versions"
WAREHOUSE = "warehouse.sqlite"
NAMES = (*LAYERS, WAREHOUSE)
"""What is versioned: each has a pointer of its own."""
COMMITTED = (f"{POINTERS}/*.dvc", f"{POINTERS}/.gitignore")
"""What a snapshot commits."""


@dataclass(frozen=True)
class Shop:
    """A shop as versioning sees it.

    folder     that of recomart.yaml; in it or above it is the git repository
    lake       root of the lake, below the folder
    warehouse  an SQLite file; None where it is a database elsewhere
    """

    folder: Path
    lake: Path
    warehouse: Path | None
    git: Git

    @property
    def pointers(self) -> Path:
        """The folder of the pointers, and of the warehouse's copy."""
        return self.folder / POINTERS

    @property
    def is_set_up(self) -> bool:
        """Tell whether `recomart data init` was here."""
        return (self.folder / ".dvc" / "config").is_file()

    def pointer(self, name: str) -> Path:
        """Return where the pointer of a layer or of the warehouse is."""
        return self.pointers / f"{name}.dvc"

    def data(self, name: str) -> Path:
        """Return where the data of a pointer are: a layer's folder, the warehouse's copy."""
        return self.pointers / name if name == WAREHOUSE else self.lake / name

    def keep_out_of_git(self) -> None:
        """Let git pass by the lake, without a word in any file of the user's."""
        mark = self.lake / ".gitignore"
        if not mark.exists():
            self.lake.mkdir(parents=True, exist_ok=True)
            mark.write_text("*\n", encoding="utf-8")


def shop_of(loaded: Loaded) -> Shop:
    """Return the shop of the settings.

    Raises VersioningError for a lake that DVC cannot keep, MissingToolError without git.
    """
    paths = loaded.settings.paths
    if scheme_of(paths.lake):
        raise VersioningError(
            f"The lake is {shown(paths.lake)}; DVC keeps versions of a folder of this machine.",
            remedy="A lake in a bucket keeps every version by itself, under its manifests: see "
            "`recomart runs`. For a second copy turn on the bucket's versioning or replication.",
        )
    lake = loaded.path(paths.lake)
    if not lake.is_relative_to(loaded.folder) or lake == loaded.folder:
        raise VersioningError(
            f"The lake {lake} is not below {loaded.folder}; DVC keeps what is below a repository.",
            remedy="Let paths.lake name a folder below that of recomart.yaml, and no link.",
        )
    warehouse = None if scheme_of(paths.warehouse) else loaded.path(paths.warehouse)
    return Shop(loaded.folder, lake, warehouse, Git(loaded.folder))


def ready_shop(loaded: Loaded) -> Shop:
    """Return the shop of the settings, once it is set up. Raises VersioningError before that."""
    shop = shop_of(loaded)
    if not shop.is_set_up or not shop.git.is_repository:
        raise VersioningError(
            f"No versions are kept in {shop.folder} yet.", remedy="Run `recomart data init` first."
        )
    shop.keep_out_of_git()
    return shop


def relative(path: Path, start: Path) -> str:
    """Return a path as DVC writes it into its files."""
    return os.path.relpath(path, start).replace(os.sep, "/")
