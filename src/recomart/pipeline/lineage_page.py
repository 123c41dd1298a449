"""The page of the lineage: from the manifests as they are now to the columns of each feature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recomart.features.columns_from import origins_of_all
from recomart.lake import Versions, ancestry
from recomart.pages import Page
from recomart.pipeline.lineage_picture import picture
from recomart.pipeline.stages import STAGES, expand
from recomart.ranking.aliases import find_champion
from recomart.vocabulary import LAYERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from recomart.features.columns_from import Columns, Origin
    from recomart.lake import Lake, Lineage, Manifest, Node
    from recomart.settings import Loaded

MOST_FILES = 100
"""Raw files that are listed; the newest of them."""
N_SHOWN, SHORT = 12, 8
"""Letters of a hash that are shown."""
RUN = len("20260101T120000")
"""Letters of a run's id that are shown: when it began, to the second."""
VERSION_COLUMNS = ("data set", "version", "rows", "files", "stage", "code", "run", "made at, UTC")


def lineage_page(loaded: Loaded, lake: Lake) -> str:
    """Return the page; the same manifests and settings give the same bytes."""
    versions, champion = Versions(lake), find_champion(lake)
    current = [next(versions.newest_first(name)) for name in lake.names()]
    lineage = ancestry(versions, [*current, *([champion] if champion else [])])
    raw = [node for node in _sorted(lineage) if node.layer == "raw"]
    page = Page(loaded.settings.project, subtitle="Lineage: what was made from what, and by what")
    page.tiles(
        [
            ("Data sets", str(len({node.name for node in lineage.nodes.values()})), "current"),
            ("Raw files", f"{sum(len(node.files) for node in raw):,}", "as they came in"),
            ("Champion", champion.version[:N_SHOWN] if champion else "–", _model(champion)),
        ]
    )
    page.section("From raw files to the champion", "Every arrow leaves a manifest behind it.")
    page.figure(
        picture(lineage),
        "What was made from what. An arrow that follows from others is left out here; the table "
        "below has every parent. A broken border: that version is not in the lake any more.",
    )
    _versions(page, lineage, loaded)
    _sources(page, raw)
    _columns(page, origins_of_all(loaded.settings.features))
    return page.html()


def _sorted(lineage: Lineage) -> list[Node]:
    """Return the nodes in the order of the layers, then by name, the newest version first."""

    def place(node: Node) -> tuple[int, str, int]:
        number = node.manifest.number if node.manifest else 0
        return LAYERS.index(node.layer), node.name, -number

    return sorted(lineage.nodes.values(), key=place)


def _model(champion: Manifest | None) -> str:
    return str(champion.details.get("model", "")) if champion else "nothing is published yet"


def _versions(page: Page, lineage: Lineage, loaded: Loaded) -> None:
    page.section(
        "Versions",
        "The current version of every data set, and older ones that something current was made "
        "from. The run says when it began; its record has its settings.",
    )
    stage_of = {name: s.name for s in STAGES for name in expand(s.writes, loaded.settings)}
    rows = [_version(node, stage_of) for node in _sorted(lineage)]
    page.table(VERSION_COLUMNS, rows)
    made_from = {
        f"{node.name} {_numbered(node)}": ", ".join(p.name for p in lineage.parents(node.key))
        for node in _sorted(lineage)
    }
    page.section("Made from", "The parents of each version; raw data sets have none.")
    page.table(("data set", "made from"), [(k, v) for k, v in made_from.items() if v])


def _version(node: Node, stage_of: Mapping[str, str]) -> tuple[object, ...]:
    there, version = node.manifest, f"{_numbered(node)}\u00a0{node.version[:SHORT]}".strip()
    if there is None:
        return (node.name, version, None, None, "not in the lake", "", "", "")
    return (
        *(node.name, version, there.rows, len(there.files)),
        *(stage_of.get(node.name, there.stage), there.code_version[:SHORT], there.run_id[:RUN]),
        there.created_at[:16].replace("T", "\u00a0"),
    )


def _numbered(node: Node) -> str:
    return f"#{node.manifest.number}" if node.manifest else ""


def _sources(page: Page, raw: list[Node]) -> None:
    files = [(node.name, file) for node in raw for file in node.files]
    shown = sorted(files, key=lambda one: one[1].partition)[-MOST_FILES:]
    rest = len(files) - len(shown)
    lead = "Everything begins with these files, kept byte for byte."
    page.section("Sources", lead + (f" The newest {len(shown)} of {len(files):,}." if rest else ""))
    rows = [(name, f.partition, f.rows, f.bytes, f.sha256[:N_SHOWN]) for name, f in shown]
    page.table(("data set", "file", "rows", "bytes", "sha256"), rows)


def _columns(page: Page, origins: Mapping[str, Mapping[str, Origin]]) -> None:
    page.section(
        "Columns",
        "Which columns of the prepared data each feature is computed from, read off the "
        "expression that computes it.",
    )
    for dataset, features in origins.items():
        shared = frozenset.intersection(*(o.conditions for o in features.values()))
        rows = [
            (name, written(o.values) or "the number of rows", written(o.conditions - shared))
            for name, o in features.items()
        ]
        told = f"Which rows count is decided by {written(shared)}." if shared else ""
        page.table((dataset, "computed from", "also decided by"), rows, told)


def written(columns: Columns) -> str:
    """Write columns as people read them: ``events: price, user_id; categories: path``."""
    by: dict[str, list[str]] = {}
    for dataset, column in sorted(columns):
        by.setdefault(dataset, []).append(column)
    return "; ".join(f"{dataset}: {', '.join(names)}" for dataset, names in by.items())
