"""A published model as a folder that MLflow loads: a small lake of its own, and what describes it.

MLmodel  requirements.txt  python_env.yaml
data/    models/published_model/…, features/<view>/…: manifests and files as in the lake
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import yaml

import recomart
from recomart.lake.lake import manifest_key
from recomart.ranking.cascade import NAME as CASCADE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from recomart.lake import Lake, Manifest

DATA, PACKAGE = "data", "package.json"
LOADER = "recomart.evaluation.tracking.flavour"
MOST_ROWS = 200_000
"""Rows of all views by user together, up to which they are packed; they are read into memory."""


@dataclass(frozen=True)
class Folder:
    """A folder in the making; files are linked where that is possible, and copied elsewhere."""

    path: Path

    def write(self, name: str, text: str | bytes) -> None:
        """Write a file."""
        self._place(name).write_bytes(text.encode() if isinstance(text, str) else text)

    def take(self, name: str, file: Path) -> None:
        """Take a file as it is; it is only read."""
        try:
            os.link(file, self._place(name))
        except OSError:
            shutil.copyfile(file, self._place(name))

    def within(self, name: str) -> Folder:
        """Return a folder below."""
        return Folder(self.path / name)

    def _place(self, name: str) -> Path:
        place = self.path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        return place


def pack(
    lake: Lake,
    published: Manifest,
    views: Mapping[str, Manifest],
    folder: Folder,
    *,
    exclude_seen: bool,
    run_id: str,
) -> bool:
    """Write the folder; `views`: the feature views as they were at the publishing.

    Every file is checked. Returns whether features of users came along; where they did not, they
    are unknown, or come from an online store. Raises IntegrityError.
    """
    data = folder.within(DATA)
    keys = cast("dict[str, list[str]]", published.details.get("views", {}))
    by_user = [view for name, view in views.items() if "user_id" in keys[name]]
    has_users = sum(view.rows for view in by_user) <= MOST_ROWS
    left_out = () if has_users else by_user
    taken = [one for one in (published, *views.values()) if one not in left_out]
    hashes = dict(_copy(lake, manifest, data) for manifest in taken)
    data.write(PACKAGE, json.dumps(hashes, indent=1))
    _describe(folder, published, exclude_seen=exclude_seen, run_id=run_id)
    return has_users


def _copy(lake: Lake, manifest: Manifest, data: Folder) -> tuple[str, str]:
    """Take over a version; return where its manifest is, and the sha256 of that."""
    for entry, path in zip(manifest.files, lake.paths(manifest.files), strict=True):
        data.take(entry.key, path)
    key = manifest_key(manifest)
    body = lake.objects.get(key)
    data.write(key, body)
    return key, hashlib.sha256(body).hexdigest()


def _describe(folder: Folder, published: Manifest, *, exclude_seen: bool, run_id: str) -> None:
    """Write what MLflow reads; given outright, since to infer it takes seconds."""
    from mlflow import pyfunc
    from mlflow.models import Model, ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    extras = "rank,tracking" if published.details["model"] == CASCADE else "tracking"
    folder.write("requirements.txt", f"recomart[{extras}]=={recomart.__version__}\n")
    environment = {"python": platform.python_version(), "dependencies": ["-r requirements.txt"]}
    folder.write("python_env.yaml", yaml.safe_dump(environment))
    parameters = [ParamSpec("n", "long", 10), ParamSpec("exclude_seen", "boolean", exclude_seen)]
    asked = Schema([ColSpec("string", "user_id")])
    model = Model(
        artifact_path="model",
        run_id=run_id,
        signature=ModelSignature(asked, None, ParamSchema(parameters)),
        model_size_bytes=sum(entry.bytes for entry in published.files),
    )
    pyfunc.add_to_model(
        model,
        loader_module=LOADER,
        data=DATA,
        python_env="python_env.yaml",
        model_config={"online": ""},
    )
    model.add_flavor(
        "recomart",
        version=recomart.__version__,
        model=published.details["model"],
        published_version=published.version,
    )
    folder.write("MLmodel", model.to_yaml())
