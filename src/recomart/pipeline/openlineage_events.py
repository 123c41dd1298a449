"""A run as OpenLineage events: a job for the run, and one for each of its stages.

Needs openlineage-python; only its typed classes make an event, so that each fits the standard.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

from openlineage.client.event_v2 import (
    InputDataset,
    Job,
    OutputDataset,
    Run,
    RunEvent,
    RunState,
)
from pydantic import ValidationError

from recomart.errors import RecomartError
from recomart.features.columns_from import origins_of_all
from recomart.lake import Versions
from recomart.pipeline import openlineage_facets as facets
from recomart.pipeline.stages import STAGES
from recomart.quality.report_model import QualityReport
from recomart.settings import FeatureSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from openlineage.client.facet_v2 import RunFacet

    from recomart.features.columns_from import Origin
    from recomart.lake import Lake, Manifest
    from recomart.pipeline.record import RunRecord, StageRecord
    from recomart.quality.report_model import SourceQuality

RUN = "run"
"""Name of the job that a whole run is."""
ENDS = {"done": RunState.COMPLETE, "failed": RunState.FAIL, "killed": RunState.ABORT}
STAGE_OF = {stage.name: stage for stage in STAGES}
QUALITY, REPORT = "quality", "data_quality_report.json"


@dataclass(frozen=True)
class Work:
    """A job that ran: what its start and its end have in common.

    began, ended  ISO moments
    """

    job: Job
    run: Run
    began: str
    ended: str
    outcome: str
    error: str | None

    def start(self, inputs: Sequence[InputDataset] = ()) -> RunEvent:
        """Return the event of its start; which versions it read, no more: the end says the rest."""
        which = [
            InputDataset(one.namespace, one.name, facets={"version": (one.facets or {})["version"]})
            for one in inputs
        ]
        return RunEvent(
            eventTime=self.began,
            producer=facets.PRODUCER,
            run=self.run,
            job=self.job,
            eventType=RunState.START,
            inputs=which,
        )

    def end(
        self, inputs: Sequence[InputDataset] = (), outputs: Sequence[OutputDataset] = ()
    ) -> RunEvent:
        """Return the event of its end, whichever it was."""
        told: dict[str, RunFacet] = {**(self.run.facets or {}), **facets.of_error(self.error)}
        return RunEvent(
            eventTime=self.ended,
            producer=facets.PRODUCER,
            run=Run(self.run.runId, told),
            job=self.job,
            eventType=ENDS[self.outcome],
            inputs=list(inputs),
            outputs=list(outputs),
        )


class EventMaker:
    """Makes the events of runs from their records, and the manifests that those name."""

    def __init__(self, lake: Lake, namespace: str) -> None:
        self.lake = lake
        self.namespace = namespace
        self._versions = Versions(lake)

    def events_of(self, record: RunRecord) -> list[RunEvent]:
        """Return the start and the end of a run, around those of each stage that did something."""
        whole = self._whole(record)
        origins, quality = _origins(record), self._quality(record)
        found = [whole.start()]
        for stage in record.stages:
            if stage.outcome in ENDS:
                work, made = self._work(record, stage), self._made(stage)
                inputs = self._inputs(stage, made, quality)
                outputs = [self._output(m, origins.get(m.name, {})) for m in made]
                found += [work.start(inputs), work.end(inputs, outputs)]
        return [*found, whole.end()]

    def _whole(self, record: RunRecord) -> Work:
        errors = [stage.error for stage in record.stages if stage.error]
        return Work(
            Job(self.namespace, RUN, facets.of_job("the stages, in order", "PIPELINE")),
            Run(_id(record, RUN), facets.of_run(_release(record), _tags(record))),
            record.started_at,
            record.ended_at or _later(record.started_at, record.seconds),
            record.outcome,
            errors[0] if errors else None,
        )

    def _work(self, record: RunRecord, stage: StageRecord) -> Work:
        known = STAGE_OF.get(stage.stage)
        tags = {**_tags(record), "code_version": stage.code_version, "key": stage.key}
        told = facets.of_run(_release(record), tags)
        told |= facets.of_parent(_id(record, RUN), self.namespace, RUN)
        return Work(
            Job(self.namespace, stage.stage, facets.of_job(known.says if known else "", "TASK")),
            Run(_id(record, stage.stage), told),
            stage.started_at,
            _later(stage.started_at, stage.seconds),
            stage.outcome,
            stage.error,
        )

    def _made(self, stage: StageRecord) -> list[Manifest]:
        found = [self._versions.find(name, stage.outputs[name]) for name in stage.made]
        return [manifest for manifest in found if manifest]

    def _inputs(
        self, stage: StageRecord, made: Sequence[Manifest], quality: Mapping[str, SourceQuality]
    ) -> list[InputDataset]:
        """Return what a stage reads, and what else the manifests say it read."""
        own = {manifest.name for manifest in made}
        parents = [p for manifest in made for p in manifest.parents if p.name not in own]
        read = {**stage.inputs, **{parent.name: parent.version for parent in parents}}
        return [self._input(stage, *one, quality) for one in read.items()]

    def _input(
        self, stage: StageRecord, name: str, version: str, quality: Mapping[str, SourceQuality]
    ) -> InputDataset:
        manifest = self._versions.find(name, version)
        told = facets.of_input(manifest) if manifest else {}
        layer, _, source = name.partition("_")
        if source in quality and (layer, stage.stage) == ("raw", "validate"):
            told |= facets.of_rules(quality[source])
        if source in quality and (layer, stage.stage) == ("valid", "quality_report"):
            told |= facets.of_profile(quality[source])
        about = facets.of_version(version, manifest)
        return InputDataset(self.namespace, name, told, facets=about)

    def _output(self, manifest: Manifest, origins: Mapping[str, Origin]) -> OutputDataset:
        about = facets.of_version(manifest.version, manifest)
        if origins:
            about |= facets.of_columns(self.namespace, origins)
        told = facets.of_output(manifest)
        return OutputDataset(self.namespace, manifest.name, told, facets=about)

    def _quality(self, record: RunRecord) -> dict[str, SourceQuality]:
        """Return what a run's own quality report says of each source."""
        for stage in record.stages:
            manifest = self._made(stage)[:1] if QUALITY in stage.made else []
            for one in manifest:
                try:
                    body = self.lake.read_file(one, REPORT)
                    report = QualityReport.model_validate_json(body)
                except (RecomartError, ValidationError):
                    return {}  # damaged, or of another release: the rest can be told still
                return {source.name: source for source in report.sources}
        return {}


def _origins(record: RunRecord) -> Mapping[str, Mapping[str, Origin]]:
    """Return where features came from in a run; nothing, where the code has changed since."""
    for stage in record.stages:
        known = STAGE_OF.get(stage.stage)
        is_same = known is not None and stage.code_version == known.code_version()
        if stage.stage == "build_features" and stage.made and is_same:
            return origins_of_all(FeatureSettings.model_validate(record.settings["features"]))
    return {}


def _id(record: RunRecord, job: str) -> str:
    """Return the id of a job's run: the same, however often it is told."""
    return str(uuid5(NAMESPACE_URL, f"recomart:{record.run_id}:{job}"))


def _later(moment: str, seconds: float) -> str:
    at = datetime.fromisoformat(moment) + timedelta(seconds=seconds)
    return at.isoformat(timespec="milliseconds")


def _release(record: RunRecord) -> str:
    return record.code.get("recomart", "")


def _tags(record: RunRecord) -> dict[str, str]:
    """Return what leads from an event to the record, and to the code in git."""
    commits = {f"git_{where}": at.commit for where, at in record.git.items() if at}
    return {"run_id": record.run_id, "why": record.why, **commits}
