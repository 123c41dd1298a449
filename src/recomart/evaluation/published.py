"""The published models side by side: what each is, how it was judged, and which one serves."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recomart.errors import DataSetNotFoundError, NotFoundError
from recomart.evaluation.compare import Evaluation
from recomart.ranking.aliases import (
    PUBLISHED,
    find_challenger,
    find_champion,
    held_by,
    published,
)
from recomart.ranking.cascade import NAME as CASCADE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from recomart.evaluation.compare import ModelFigures
    from recomart.lake import Lake, Manifest

JUDGED_BY = (
    *("events_version", "cut_at", "relevant_types", "exclude_seen"),
    *("n_items", "n_relevant", "n_test_users", "n_test_users_sampled_from"),
)
"""Of an evaluation's data: what must be the same for figures to compare."""
ALIASES = {"champion": find_champion, "challenger": find_challenger}


@dataclass(frozen=True)
class Published:
    """One published model.

    figure  its main metric with the interval, from the evaluation that let it be published
    alias   champion, champion (held), challenger, or none
    why     the word of whoever holds it, or of the promotion gate
    """

    number: int
    model: str
    version: str
    made_at: str
    run_id: str
    metric: str | None
    figure: str | None
    alias: str | None
    why: str


def list_published(lake: Lake) -> list[Published]:
    """Describe every published model, oldest first."""
    hold = held_by(lake)
    aliases = {
        found.number: alias for alias, find in ALIASES.items() if (found := find(lake)) is not None
    }
    if hold.number is not None:
        aliases[hold.number] = "champion (held)"
    return [_describe(lake, one, aliases, hold.why) for one in lake.history(PUBLISHED)]


def _describe(lake: Lake, one: Manifest, aliases: Mapping[int, str], held_why: str) -> Published:
    told, model = _judged(lake, one)
    alias = aliases.get(one.number)
    says = told.decision.says if told else ""
    return Published(
        number=one.number,
        model=str(one.details["model"]),
        version=one.version,
        made_at=one.created_at,
        run_id=one.run_id,
        metric=told.main_metric if told else None,
        figure=model.metrics[told.main_metric].written() if told and model else None,
        alias=alias,
        why=held_why if alias and "champion" in alias and held_why else says,
    )


def find_published(lake: Lake, name: str) -> Manifest:
    """Return a published model by its number or alias. Raises NotFoundError."""
    if name in ALIASES:
        found = ALIASES[name](lake)
        if found is None:
            known = [alias for alias, find in ALIASES.items() if find(lake)]
            raise NotFoundError.of("published model", name, known)
        return found
    if not name.isdecimal():
        known = [*ALIASES, *(str(one.number) for one in lake.history(PUBLISHED))]
        raise NotFoundError.of("published model", name, known)
    return published(lake, int(name))


@dataclass(frozen=True)
class Comparison:
    """Two published models, field by field.

    differs     settings, parts and data versions that are not the same: name → (one, other)
    figures     metric → (one, other), with intervals
    comparable  whether both were judged by the same users and events
    says        what that means for the figures
    """

    differs: dict[str, tuple[str, str]]
    figures: dict[str, tuple[str, str]]
    comparable: bool
    says: str


def compare_published(lake: Lake, one: Manifest, other: Manifest) -> Comparison:
    """Compare two published models: what they are, what from, and how they were judged."""
    facts = [_facts(lake, manifest) for manifest in (one, other)]
    (told, model), (other_told, other_model) = _judged(lake, one), _judged(lake, other)
    return Comparison(
        differs={name: pair for name, pair in _pairs(*facts).items() if pair[0] != pair[1]},
        figures=_pairs(_figures(model), _figures(other_model)),
        comparable=bool(told and other_told and not _unlike(told, other_told)),
        says=_says(told, other_told),
    )


def _unlike(one: Evaluation, other: Evaluation) -> list[str]:
    """Return in what the data differ that two models were judged on."""
    return [name for name in JUDGED_BY if getattr(one.data, name) != getattr(other.data, name)]


def _says(one: Evaluation | None, other: Evaluation | None) -> str:
    if one is None or other is None:
        return "The evaluation of one of them is not there: nothing can be compared."
    if unlike := _unlike(one, other):
        return f"Judged on other data ({', '.join(unlike)}): the figures do not compare."
    return (
        "Judged on the same users and events: the figures compare. Intervals that overlap settle"
        " nothing; the paired difference of two published models is not kept."
    )


def _judged(lake: Lake, manifest: Manifest) -> tuple[Evaluation | None, ModelFigures | None]:
    """Return the evaluation that a published model came from, and its own figures in it."""
    parent = next((p for p in manifest.parents if p.name == "evaluation"), None)
    try:
        version = lake.version("evaluation", parent.version if parent else "")
        told = Evaluation.model_validate_json(lake.read_file(version, "evaluation.json"))
    except (DataSetNotFoundError, ValueError):  # cleared away, or of another release
        return None, None
    return told, next((m for m in told.models if m.model == manifest.details["model"]), None)


def _facts(lake: Lake, manifest: Manifest) -> dict[str, str]:
    """Return what a published model is: parts, hyper-parameters, the data it learned from."""
    told, _ = _judged(lake, manifest)
    configs = {m.model: m.config for m in told.models} if told else {}
    parts = manifest.details["models"]
    names = [*(parts if isinstance(parts, list) else ()), manifest.details["model"]]
    facts: dict[str, Any] = {
        f"{name}.{key}": value
        for name in names
        if name != CASCADE
        for key, value in configs.get(str(name), {}).items()
    }
    details = {k: v for k, v in manifest.details.items() if k not in ("views", "ranking")}
    ranking = manifest.details.get("ranking")
    facts |= details | {
        f"ranking.{key}": value
        for key, value in (ranking if isinstance(ranking, dict) else {}).items()
    }
    facts |= {f"data.{parent.name}": parent.version for parent in manifest.parents}
    facts["code_version"] = manifest.code_version
    return {name: v if isinstance(v, str) else json.dumps(v) for name, v in facts.items()}


def _figures(model: ModelFigures | None) -> dict[str, str]:
    if model is None:
        return {}
    found = {**model.metrics, **model.segments}
    return {name: interval.written() for name, interval in found.items()}


def _pairs(one: Mapping[str, str], other: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Put two records side by side; ``-`` where one has nothing."""
    names = dict.fromkeys((*one, *other))
    return {name: (one.get(name, "-"), other.get(name, "-")) for name in names}
