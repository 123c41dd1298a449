"""Telling MLflow of a run: the run, a run below it for each model compared, and what it published.

A run is there once: it is looked up by its id before it is created, and its status is the last
thing that is set. So one that was cut off, or whose answer was lost, is finished the next time.
"""

from __future__ import annotations

import json
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from recomart.evaluation.tracking.client import artefacts_of
from recomart.evaluation.tracking.figures import (
    model_metrics,
    model_parameters,
    name_of,
    parameters_of,
)
from recomart.evaluation.tracking.material import CARD, Material
from recomart.evaluation.tracking.packing import Folder, pack
from recomart.evaluation.tracking.registry import Registry, model_name
from recomart.lake.lake import manifest_key
from recomart.ranking.aliases import PUBLISHED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlflow import MlflowClient
    from mlflow.entities import Run

    from recomart.evaluation.compare import Evaluation, ModelFigures
    from recomart.evaluation.tracking.told import TrackedRun
    from recomart.lake import Lake, Manifest
    from recomart.settings import Loaded

RUN, MODEL = "recomart.run_id", "recomart.model"
RUNNING = "RUNNING"
KIND = {"mlflow.experimentKind": "custom_model_development"}
"""Without it the pages show an experiment as one of language models."""
SHOWN_LAYERS = ("raw", "prepared")
"""Of the data sets: those that MLflow lists by name; data_sets.json has all."""
FOLDER = "model"
"""Where the published model lies among the artefacts of its run."""
PARAMETERS, METRICS, LONGEST = 100, 1000, 5000
"""Of one request, at most; and characters of a tag."""


class Tracker:
    """Tells one MLflow of the runs of one shop."""

    def __init__(self, client: MlflowClient, loaded: Loaded, lake: Lake) -> None:
        self.client = client
        self.lake = lake
        self.registry = Registry(client, model_name(loaded.settings.project))
        self.experiment_id = _experiment(client, loaded)

    def tell(self, run: TrackedRun) -> None:
        """Tell of a run, unless all of it is known already."""
        known = self._find(run.run_id)
        parent = known.pop("", None)
        if parent is not None and parent.info.status != RUNNING:
            return
        material = Material(self.lake, run)
        tags = {"mlflow.note.content": _card(material), **run.tags}
        there = self._begin(parent, run.run_id, run.began_ms, {RUN: run.run_id, **tags})
        run_id = there.info.run_id
        self._log(run_id, run.ended_ms, _metrics(run, material), parameters_of(run.settings))
        if material.evaluation is not None:
            self._tell_models(run_id, run, material.evaluation, known)
        self._bring_reports(run_id, run, material)
        if material.published is not None:
            self._register(there, run, material, material.published)
        self._tell_data(run_id, material)
        self._tag(run_id, _found(material))
        self.client.set_terminated(run_id, run.status, run.ended_ms)

    def follow_aliases(self) -> None:
        """Let the registry's aliases point at what serves."""
        self.registry.follow(self.lake)

    def _find(self, run_id: str) -> dict[str, Run]:
        """Return what is there of a run, by model, and under "" the run itself.

        Two hosts that tell at the same time may both have created it; one of them stays.
        """
        found = self.client.search_runs(
            [self.experiment_id], f"tags.`{RUN}` = '{run_id}'", max_results=1_000
        )
        # the run itself first, then one that has ended
        ordered = sorted(
            found, key=lambda one: (MODEL in one.data.tags, one.info.status == RUNNING)
        )
        kept: dict[str, Run] = {}
        for one in ordered:
            above = one.data.tags.get("mlflow.parentRunId")
            is_ours = above is None or ("" in kept and above == kept[""].info.run_id)
            if not is_ours or kept.setdefault(one.data.tags.get(MODEL, ""), one) is not one:
                self.client.delete_run(one.info.run_id)
        return kept

    def _begin(self, there: Run | None, name: str, began_ms: int, tags: Mapping[str, str]) -> Run:
        short = {key: value[:LONGEST] for key, value in tags.items()}
        return there or self.client.create_run(self.experiment_id, began_ms, short, name)

    def _tell_models(
        self, parent: str, run: TrackedRun, evaluation: Evaluation, known: Mapping[str, Run]
    ) -> None:
        for model in evaluation.models:
            there = known.get(model.model)
            if there is None or there.info.status == RUNNING:
                self._tell_model(parent, run, evaluation, model, there)

    def _tell_model(
        self,
        parent: str,
        run: TrackedRun,
        evaluation: Evaluation,
        model: ModelFigures,
        there: Run | None,
    ) -> None:
        tags = {RUN: run.run_id, MODEL: model.model, "mlflow.parentRunId": parent}
        run_id = self._begin(there, model.model, run.began_ms, tags).info.run_id
        parameters = model_parameters(evaluation, model, run.settings)
        self._log(run_id, run.ended_ms, model_metrics(evaluation, model), parameters)
        self.client.set_terminated(run_id, "FINISHED", run.ended_ms)

    def _log(
        self,
        run_id: str,
        at_ms: int,
        metrics: Mapping[str, float],
        parameters: Mapping[str, str],
    ) -> None:
        """Log figures in as few requests as MLflow takes; again does no harm."""
        from mlflow.entities import Metric, Param

        values = [Metric(name, value, at_ms, 0) for name, value in metrics.items()]
        words = [Param(name, value) for name, value in parameters.items()]
        while values or words:
            some, words = words[:PARAMETERS], words[PARAMETERS:]
            n_values = METRICS - len(some)
            self.client.log_batch(run_id, values[:n_values], some)
            values = values[n_values:]

    def _tag(self, run_id: str, tags: Mapping[str, str]) -> None:
        from mlflow.entities import RunTag

        words = [RunTag(name, value[:LONGEST]) for name, value in tags.items()]
        self.client.log_batch(run_id, tags=words)

    def _tell_data(self, run_id: str, material: Material) -> None:
        """Name the versions of the data that the run went by."""
        from mlflow.entities import Dataset, DatasetInput

        shown = [
            DatasetInput(
                Dataset(
                    name=one.name,
                    digest=one.version,
                    source_type="recomart lake",
                    source=json.dumps({"manifest": manifest_key(one)}),
                    profile=json.dumps({"num_rows": one.rows}),
                )
            )
            for one in material.manifests.values()
            if one.layer in SHOWN_LAYERS
        ]
        self.client.log_inputs(run_id, shown)

    def _bring_reports(self, run_id: str, run: TrackedRun, material: Material) -> None:
        with self._folder() as folder:
            folder.write("run.json", run.record)
            folder.write("data_sets.json", json.dumps(material.data_sets(), indent=1))
            for name, path in material.reports.items():
                folder.take(name, path)
            self.client.log_artifacts(run_id, str(folder.path))

    def _register(
        self, there: Run, run: TrackedRun, material: Material, published: Manifest
    ) -> None:
        """Bring the model that a run published, and give it a version in the registry."""
        run_id, is_packed = there.info.run_id, None
        with self._folder() as folder:
            is_packed = material.attempt(
                PUBLISHED, self._pack, folder, run, published, material.views(), run_id
            )
            if is_packed is None:
                return
            self.client.log_artifacts(run_id, str(folder.path), FOLDER)
        tags = {MODEL: str(published.details["model"]), "recomart.run_id": run.run_id}
        tags["recomart.user_features"] = "packed" if is_packed else "in the online store only"
        served, evaluation = material.served, material.evaluation
        if served and evaluation:
            tags[name_of(evaluation.main_metric)] = served.metrics[evaluation.main_metric].written()
        says = evaluation.decision.says if evaluation else ""
        self.registry.register(published, f"{there.info.artifact_uri}/{FOLDER}", run_id, tags, says)

    def _pack(
        self,
        folder: Folder,
        run: TrackedRun,
        published: Manifest,
        views: Mapping[str, Manifest],
        run_id: str,
    ) -> bool:
        exclude_seen = bool(run.settings["evaluation"]["exclude_seen"])
        return pack(self.lake, published, views, folder, exclude_seen=exclude_seen, run_id=run_id)

    @contextmanager
    def _folder(self) -> Iterator[Folder]:
        """Give a folder beside the lake's files, so that they can be linked to."""
        beside = self.lake.objects.aside().parent
        with tempfile.TemporaryDirectory(dir=beside, prefix="mlflow-") as path:
            yield Folder(Path(path))


def _experiment(client: MlflowClient, loaded: Loaded) -> str:
    """Return the id of the shop's experiment, which is made if it is not there."""
    name = loaded.settings.tracking.experiment or loaded.settings.project
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    return str(client.create_experiment(name, artefacts_of(loaded), KIND))


def _metrics(run: TrackedRun, material: Material) -> dict[str, float]:
    """Return a run's own figures, and those of the model that its gate chose."""
    found: dict[str, float] = {}
    if material.evaluation is not None and material.served is not None:
        found |= model_metrics(material.evaluation, material.served)
    score = material.quality_score()
    if score is not None:
        found["quality score"] = score
    return found | {name_of(name): value for name, value in run.metrics.items()}


def _found(material: Material) -> dict[str, str]:
    """Return tags of what was found in the lake, and of what was not."""
    tags = {}
    if material.evaluation is not None:
        tags["recomart.serves"] = material.evaluation.decision.serve
    if material.published is not None:
        tags["recomart.published"] = str(material.published.number)
    if material.missing:
        tags["recomart.missing"] = ", ".join(sorted(set(material.missing)))
    return tags


def _card(material: Material) -> str:
    """Return the model card, which MLflow shows as the description of the run."""
    path = material.reports.get(CARD)
    return path.read_text(encoding="utf-8") if path else ""
