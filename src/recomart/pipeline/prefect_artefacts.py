"""What a person sees of a run in Prefect: the quality score, the models compared, the gate."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from recomart.evaluation.stage import comparison, read_evaluation
from recomart.lake import open_lake
from recomart.pipeline.published import WHAT, publish_reports
from recomart.quality.report_model import QualityReport

if TYPE_CHECKING:
    from collections.abc import Iterable

    from recomart.settings import Loaded


def show_result_of(stage: str, loaded: Loaded) -> None:
    """Show what a stage left, if it is something that a person looks at."""
    if stage == "quality_report":
        _show_quality(loaded)
    elif stage == "evaluate":
        _show_models(loaded)


def show_reports(loaded: Loaded, *, publish: bool) -> None:
    """After a whole run: copy the reports out of the lake, and say where they are."""
    if not publish:
        return
    pages = publish_reports(loaded)
    lines = [f"- [{WHAT.get(page.name, page.name)}]({page.as_uri()})" for page in pages]
    text = "\n".join(["Copies on the machine that ran the flow:", "", *lines])
    _show(loaded, "reports", text, "The reports of the newest run")


def _show_quality(loaded: Loaded) -> None:
    body = open_lake(loaded).read("quality", "data_quality_report.json")
    report = QualityReport.model_validate_json(body)
    scores = [(one.name, one.score and one.score.value, one.counts.rows) for one in report.sources]
    scores.append(("all", report.score, report.rows))
    columns = ("source", "score", "rows in", "valid", "quarantined", "duplicates")
    lines = [_row(columns), _row("---" for _ in columns)]
    for name, score, rows in scores:
        told = "-" if score is None else f"{score:.1f}"
        counts = (rows.rows_in, rows.valid, rows.quarantined, rows.duplicates)
        lines.append(_row((name, told, *(f"{count:,}" for count in counts))))
    whole = "no score" if report.score is None else f"{report.score:.1f} of 100"
    text = "\n".join([f"# Data quality: {whole}", "", *lines, "", *report.formula[:1]])
    _show(loaded, "quality", text, f"Data quality: {whole}")


def _show_models(loaded: Loaded) -> None:
    decision = read_evaluation(loaded).decision
    table: list[dict[str, Any]] = comparison(loaded)
    says = f"{decision.serve} serves. {decision.says}"
    create_table_artifact(table, key=_key(loaded, "models"), description=says)
    _show(loaded, "gate", f"# {decision.serve} serves\n\n{decision.says}", says)


def _show(loaded: Loaded, what: str, markdown: str, description: str) -> None:
    create_markdown_artifact(markdown, key=_key(loaded, what), description=description)


def _key(loaded: Loaded, what: str) -> str:
    """Return a key as Prefect wants it; under one key it keeps what each run showed."""
    shop = re.sub(r"[^a-z0-9]+", "-", loaded.settings.project.lower()).strip("-")
    return f"{shop or 'shop'}-{what}"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
