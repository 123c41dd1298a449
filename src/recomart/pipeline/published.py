"""What a person looks at after a run: the reports, the data sets, how the last run went."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from recomart.lake import open_lake, replace_file
from recomart.pipeline.runs import Runs
from recomart.vocabulary import LAYERS

if TYPE_CHECKING:
    from pathlib import Path

    from recomart.lake import Lake
    from recomart.settings import Loaded

REPORTS = {
    "quality": ("data_quality_report.html", "data_quality_report.json"),
    "exploration": ("eda.html", "eda.json"),
    "feature_page": ("features.html",),
    "evaluation": ("evaluation.html", "evaluation.json", "model_card.md"),
    "experiment_report": ("experiments.html", "experiments.json"),
    "monitoring": ("monitoring.html", "monitoring.json", "monitoring.prom"),
}
"""Data set → its files that people read."""

WHAT = {
    "data_quality_report.html": "Data quality: what came in, what was put aside, and why",
    "eda.html": "The shop in pictures: who does what, when, with what",
    "features.html": "The feature views: what is known of users and items, and how it is made",
    "monitoring.html": "Drift, online quality, and whether to train anew",
    "experiments.html": "Experiments: what was tried on whom, and what came of it",
    "lineage.html": "What was made from what, down to the columns that features come from",
    "evaluation.html": "The models compared: how good, for whom, against what",
}


def publish_reports(loaded: Loaded) -> list[Path]:
    """Write the current reports, each in one step; return the pages, index first.

    All are copied out of the lake but that of the lineage, which is of the moment.
    """
    lake = open_lake(loaded)
    folder = loaded.path(loaded.settings.paths.reports)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for dataset, names in REPORTS.items():
        manifest = lake.find(dataset)
        there = manifest.by_partition() if manifest else {}
        for name in names:
            if name in there:
                [path] = lake.paths([there[name]])
                written.append(replace_file(folder / name, path.read_bytes()))
    pages = [path for path in written if path.suffix == ".html"]
    if pages:
        pages.append(replace_file(folder / "lineage.html", _lineage(loaded, lake).encode()))
        pages.insert(0, replace_file(folder / "index.html", _index(loaded, pages).encode()))
    return pages


def _lineage(loaded: Loaded, lake: Lake) -> str:
    from recomart.pipeline.lineage_page import lineage_page

    return lineage_page(loaded, lake)


def _index(loaded: Loaded, pages: list[Path]) -> str:
    from recomart.pages import Page

    page = Page(loaded.settings.project, subtitle="Reports of the last run")
    page.section("Pages")
    page.links([(path.name, WHAT.get(path.name, path.name)) for path in pages])
    page.section("Data sets", "Every one is a version in the lake, with a manifest behind it.")
    columns = ("layer", "name", "rows", "files", "version", "made_at")
    page.table(columns, [[row[c] for c in columns] for row in data_sets(loaded)])
    return page.html()


def data_sets(loaded: Loaded) -> list[dict[str, Any]]:
    """Describe the current version of every data set, in the order of the layers."""
    lake = open_lake(loaded)
    manifests = [lake.latest(name) for name in lake.names()]
    return [
        {
            "layer": manifest.layer,
            "name": manifest.name,
            "rows": manifest.rows,
            "files": len(manifest.files),
            "version": manifest.version[:12],
            "number": manifest.number,
            "made_at": manifest.created_at,
            "run_id": manifest.run_id,
            "age_s": _age_s(manifest.created_at),
        }
        for manifest in sorted(manifests, key=lambda m: (LAYERS.index(m.layer), m.name))
    ]


def _age_s(created_at: str) -> int:
    return int((datetime.now(timezone.utc) - datetime.fromisoformat(created_at)).total_seconds())


def last_run(loaded: Loaded) -> dict[str, Any] | None:
    """Return the record of the newest run, if there was one."""
    runs = Runs.of(loaded, open_lake(loaded))
    known = runs.ids()
    return runs.read(known[-1]).model_dump(mode="json") if known else None
