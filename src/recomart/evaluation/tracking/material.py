"""What the lake still knows of a run: its reports, its comparison, the model that it published."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from recomart.errors import DataSetNotFoundError, IntegrityError
from recomart.evaluation.compare import Evaluation
from recomart.lake.lake import manifest_key
from recomart.log import StageLog
from recomart.ranking.aliases import PUBLISHED

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from recomart.evaluation.compare import ModelFigures
    from recomart.evaluation.tracking.told import TrackedRun
    from recomart.lake import Lake, Manifest

Found = TypeVar("Found")

QUALITY, EVALUATION, CARD = "quality", "evaluation", "model_card.md"
REPORTS = {
    QUALITY: ("data_quality_report.json", "data_quality_report.html"),
    EVALUATION: ("evaluation.json", "evaluation.html", CARD),
}
"""Data set → its files that go to MLflow."""


@dataclass
class Material:
    """Reads it. What is no longer there, or damaged, is noted, and the rest is told all the same.

    missing  data sets of the run that could not be read
    """

    lake: Lake
    run: TrackedRun
    missing: list[str] = field(default_factory=list)

    def made(self, dataset: str) -> Manifest | None:
        """Return the version of a data set that the run made, None where it made none."""
        return self.manifests.get(dataset) if dataset in self.run.made else None

    @cached_property
    def manifests(self) -> dict[str, Manifest]:
        """The versions that the run left, by data set."""
        found = {}
        for dataset, version in self.run.versions.items():
            manifest = self.attempt(dataset, self._manifest, dataset, version)
            if manifest is not None:
                found[dataset] = manifest
        return found

    @cached_property
    def reports(self) -> dict[str, Path]:
        """The reports that the run made, by file name."""
        found = {}
        for dataset, names in REPORTS.items():
            manifest = self.made(dataset)
            for name in names if manifest else ():
                path = self.attempt(dataset, self._path, manifest, name)
                if path is not None:
                    found[name] = path
        return found

    @cached_property
    def evaluation(self) -> Evaluation | None:
        """The comparison that the run made; None also where another release wrote it."""
        path = self.reports.get("evaluation.json")
        if path is None:
            return None
        return self.attempt(EVALUATION, Evaluation.model_validate_json, path.read_bytes())

    @property
    def served(self) -> ModelFigures | None:
        """The figures of the model that the run's promotion gate chose."""
        told = self.evaluation
        serve = told.decision.serve if told else None
        return next((m for m in told.models if m.model == serve), None) if told else None

    @property
    def published(self) -> Manifest | None:
        """The model that the run published."""
        return self.made(PUBLISHED)

    def quality_score(self) -> float | None:
        """Return the score of the quality report that the run made."""
        path = self.reports.get("data_quality_report.json")
        told = json.loads(path.read_bytes()) if path else {}
        return told.get("score")

    def views(self) -> dict[str, Manifest]:
        """Return the feature views of the published model, as the run left them, or as they are."""
        names = self.published.details.get("views") if self.published else None
        found = {
            name: self.manifests.get(name) or self.lake.find(name)
            for name in (names if isinstance(names, dict) else ())
        }
        return {name: manifest for name, manifest in found.items() if manifest}

    def data_sets(self) -> list[dict[str, Any]]:
        """Describe the versions that the run left, each with the hash of its manifest."""
        return [
            {
                "name": name,
                "version": manifest.version,
                "number": manifest.number,
                "layer": manifest.layer,
                "rows": manifest.rows,
                "made_by_this_run": name in self.run.made,
                "manifest_sha256": self._sha256(manifest),
            }
            for name, manifest in self.manifests.items()
        ]

    def _sha256(self, manifest: Manifest) -> str:
        return hashlib.sha256(self.lake.objects.get(manifest_key(manifest))).hexdigest()

    def _manifest(self, dataset: str, version: str) -> Manifest:
        """Find a version; among those of the same content the one that this run made."""
        newest = self.lake.find(dataset)
        is_made = dataset in self.run.made
        if newest and newest.stands_for(version) and (not is_made or self._is_ours(newest)):
            return newest
        ours = [m for m in self.lake.history(dataset) if is_made and self._is_ours(m)]
        return ours[-1] if ours else self.lake.version(dataset, version)

    def _is_ours(self, manifest: Manifest) -> bool:
        return manifest.run_id == self.run.run_id

    def _path(self, manifest: Manifest, name: str) -> Path:
        [path] = self.lake.paths([manifest.by_partition()[name]])
        return path

    def attempt(self, dataset: str, read: Callable[..., Found], *what: object) -> Found | None:
        """Read something of a data set; None, and a note, where that does not succeed."""
        try:
            return read(*what)
        except (DataSetNotFoundError, IntegrityError, KeyError, ValueError) as error:
            self.missing.append(dataset)
            log = StageLog("tracking")
            log.warning("not_tracked", dataset=dataset, run_id=self.run.run_id, error=str(error))
            return None
