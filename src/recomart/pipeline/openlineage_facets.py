"""What OpenLineage calls facets: what is said of a run, a job, a data set.

Needs openlineage-python. Each facet names its producer itself: the library's own way is one word
for the whole process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from openlineage.client.facet_v2 import (
    column_lineage_dataset,
    data_quality_assertions_dataset,
    data_quality_metrics_input_dataset,
    dataset_version_dataset,
    documentation_job,
    error_message_run,
    input_statistics_input_dataset,
    job_type_job,
    output_statistics_output_dataset,
    parent_run,
    processing_engine_run,
    schema_dataset,
    tags_run,
)

from recomart import __version__
from recomart.settings.places import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openlineage.client.facet_v2 import (
        DatasetFacet,
        InputDatasetFacet,
        JobFacet,
        OutputDatasetFacet,
        RunFacet,
    )

    from recomart.features.columns_from import Origin
    from recomart.lake import Manifest
    from recomart.quality.report_model import SourceQuality

PRODUCER = f"https://pypi.org/project/recomart/{__version__}"
INTEGRATION = "RECOMART"


def of_job(says: str, kind: str) -> dict[str, JobFacet]:
    """Say what a job does; `kind` is PIPELINE or TASK."""
    told = job_type_job.JobTypeJobFacet("BATCH", INTEGRATION, kind, producer=PRODUCER)
    about = documentation_job.DocumentationJobFacet(says, producer=PRODUCER)
    return {"jobType": told, "documentation": about}


def of_run(release: str, tags: Mapping[str, str]) -> dict[str, RunFacet]:
    """Say which RecoMart ran, and what leads from there to its own records."""
    engine = processing_engine_run.ProcessingEngineRunFacet(
        release or __version__, "RecoMart", __version__, producer=PRODUCER
    )
    told = [
        tags_run.TagsRunFacetFields(key, value, INTEGRATION) for key, value in tags.items() if value
    ]
    return {
        "processing_engine": engine,
        "tags": tags_run.TagsRunFacet(told, producer=PRODUCER),
    }


def of_parent(run_id: str, namespace: str, job: str) -> dict[str, RunFacet]:
    """Say of which run a stage is a part."""
    root = parent_run.Root(parent_run.RootRun(run_id), parent_run.RootJob(namespace, job))
    parent = parent_run.ParentRunFacet(
        parent_run.Run(run_id), parent_run.Job(namespace, job), root, producer=PRODUCER
    )
    return {"parent": parent}


def of_error(message: str | None) -> dict[str, RunFacet]:
    """Say why something failed, if it did; without passwords."""
    if not message:
        return {}
    told = error_message_run.ErrorMessageRunFacet(shown(message), "PYTHON", producer=PRODUCER)
    return {"errorMessage": told}


def of_version(version: str, manifest: Manifest | None) -> dict[str, DatasetFacet]:
    """Say which version of a data set is meant, and its columns."""
    found: dict[str, DatasetFacet] = {
        "version": dataset_version_dataset.DatasetVersionDatasetFacet(version, producer=PRODUCER)
    }
    if manifest and manifest.columns:
        fields = [
            schema_dataset.SchemaDatasetFacetFields(name, dtype)
            for name, dtype in manifest.columns.items()
        ]
        found["schema"] = schema_dataset.SchemaDatasetFacet(fields, producer=PRODUCER)
    return found


def of_input(manifest: Manifest) -> dict[str, InputDatasetFacet]:
    """Say how much was read."""
    n_bytes, n_files = sum(file.bytes for file in manifest.files), len(manifest.files)
    kind = input_statistics_input_dataset.InputStatisticsInputDatasetFacet
    return {"inputStatistics": kind(manifest.rows, n_bytes, n_files, producer=PRODUCER)}


def of_output(manifest: Manifest) -> dict[str, OutputDatasetFacet]:
    """Say how much was written."""
    n_bytes, n_files = sum(file.bytes for file in manifest.files), len(manifest.files)
    kind = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet
    return {"outputStatistics": kind(manifest.rows, n_bytes, n_files, producer=PRODUCER)}


def of_columns(namespace: str, origins: Mapping[str, Origin]) -> dict[str, DatasetFacet]:
    """Say from which columns of which data sets each column was made."""
    fields = {
        name: column_lineage_dataset.Fields(_input_fields(namespace, origin))
        for name, origin in origins.items()
    }
    told = column_lineage_dataset.ColumnLineageDatasetFacet(fields, producer=PRODUCER)
    return {"columnLineage": told}


def _input_fields(namespace: str, origin: Origin) -> list[column_lineage_dataset.InputField]:
    kinds = {"DIRECT": origin.values, "INDIRECT": origin.conditions}
    return [
        column_lineage_dataset.InputField(
            namespace,
            dataset,
            column,
            [
                column_lineage_dataset.Transformation(kind)
                for kind, columns in kinds.items()
                if (dataset, column) in columns
            ],
        )
        for dataset, column in sorted(origin.all)
    ]


def of_profile(quality: SourceQuality) -> dict[str, InputDatasetFacet]:
    """Say what the columns of valid data hold."""
    columns = {
        column.name: data_quality_metrics_input_dataset.ColumnMetrics(
            nullCount=column.nulls,
            distinctCount=column.distinct,
            count=float(column.rows - column.nulls),
            min=column.min,
            max=column.max,
            quantiles={str(int(name[1:]) / 100): value for name, value in column.quantiles.items()},
        )
        for column in quality.profile.columns
    }
    kind = data_quality_metrics_input_dataset.DataQualityMetricsInputDatasetFacet
    return {"dataQualityMetrics": kind(columns, quality.profile.rows, producer=PRODUCER)}


def of_rules(quality: SourceQuality) -> dict[str, InputDatasetFacet]:
    """Say which rules of its contract raw data broke."""
    told = [
        data_quality_assertions_dataset.Assertion(
            assertion=rule.code,
            success=rule.violations == 0,
            severity="error" if rule.action == "quarantine" else "warn",
            description=rule.says,
            actual=f"{rule.violations} rows",
        )
        for rule in quality.counts.rules
    ]
    kind = data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet
    return {"dataQualityAssertions": kind(told, producer=PRODUCER)}
