"""The model registry: a version for each published model, and the aliases of those that serve."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from recomart.ranking.aliases import find_challenger, find_champion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

    from recomart.lake import Lake, Manifest

CHAMPION, CHALLENGER = "champion", "challenger"
NUMBER, VERSION = "recomart.published", "recomart.version"


def model_name(project: str) -> str:
    """Return the name of a project's registered model; MLflow allows no ``/`` and no ``:``."""
    return re.sub(r"[^\w .\-]+", "-", project).strip(" .") or "recomart"


class Registry:
    """The registered model of one project."""

    def __init__(self, client: MlflowClient, name: str) -> None:
        self.client = client
        self.name = name

    def find(self, published: Manifest) -> ModelVersion | None:
        """Return the version that a published model has here."""
        return self._known().get(_mark(published))

    def register(
        self,
        published: Manifest,
        source: str,
        run_id: str,
        tags: Mapping[str, str],
        description: str,
    ) -> None:
        """Give a published model a version, unless it has one."""
        if self.find(published) is None:
            self._create()
            marks = {NUMBER: str(published.number), VERSION: published.version, **tags}
            self.client.create_model_version(
                self.name, source, run_id, tags=marks, description=description
            )

    def follow(self, lake: Lake) -> None:
        """Let the aliases point where those of the lake do.

        While the model that serves has no version here yet, the alias stays where it was.
        """
        known = self._known()
        if not known:
            return
        held = dict(self.client.get_registered_model(self.name).aliases)
        wanted = {CHAMPION: find_champion(lake), CHALLENGER: find_challenger(lake)}
        for alias, published in wanted.items():
            version = known.get(_mark(published)) if published else None
            if version is not None and str(held.get(alias)) != str(version.version):
                self.client.set_registered_model_alias(self.name, alias, str(version.version))
            if published is None and alias in held:
                self.client.delete_registered_model_alias(self.name, alias)

    def _create(self) -> None:
        """Make the registered model, unless it is there."""
        from mlflow.exceptions import MlflowException

        try:
            self.client.create_registered_model(self.name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _known(self) -> dict[tuple[str, str], ModelVersion]:
        """Return what is registered, by published number and version; the oldest of each."""
        found = self.client.search_model_versions(f"name = '{self.name}'", max_results=10_000)
        newest_first = sorted(found, key=lambda one: -int(one.version))
        return {(one.tags.get(NUMBER, ""), one.tags.get(VERSION, "")): one for one in newest_first}


def _mark(published: Manifest) -> tuple[str, str]:
    return str(published.number), published.version
