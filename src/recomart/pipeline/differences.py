"""What differs between two runs: settings, code, data, figures."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recomart.errors import DataSetNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from recomart.lake import Lake
    from recomart.pipeline.record import RunRecord


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same; None where a run has no such thing.

    what  stages, settings, code, data or figures; the last three of stages that both runs had
    """

    what: str
    name: str
    a: object
    b: object


def differences(lake: Lake, a: RunRecord, b: RunRecord) -> list[Difference]:
    """Return what differs between two runs, causes before effects."""
    both = {one.stage for one in a.stages} & {one.stage for one in b.stages}
    code = [_code(one, both) for one in (a, b)]
    outputs = [_outputs(one, both) for one in (a, b)]
    data = [{name: version[:12] for name, version in of.items()} for of in outputs]
    figures = [figures_of(lake, of) for of in outputs]
    return [
        *_differing("stages", {"run": _stages(a)}, {"run": _stages(b)}),
        *_differing("settings", dict(_leaves(a.settings)), dict(_leaves(b.settings))),
        *_differing("code", *code),
        *_differing("data", *data),
        *_differing("figures", *figures),
    ]


def figures_of(lake: Lake, outputs: Mapping[str, str]) -> dict[str, object]:
    """Return the figures in what a run left: quality score, main metric of each model."""
    found: dict[str, object] = {}
    quality = _file(lake, outputs, "quality", "data_quality_report.json")
    if quality:
        found["quality score"] = quality["score"]
    evaluation = _file(lake, outputs, "evaluation", "evaluation.json")
    if evaluation:
        main = evaluation["main_metric"]
        for one in evaluation["models"]:
            found[f"{main} of {one['model']}"] = one["metrics"][main]["mean"]
        found["serves"] = evaluation["decision"]["serve"]
    return found


def _file(lake: Lake, outputs: Mapping[str, str], dataset: str, name: str) -> dict[str, Any] | None:
    """Return a report that a run left; None where it left none, or the lake has it no more."""
    version = outputs.get(dataset)
    if version is None:
        return None
    try:
        body = lake.read_file(lake.version(dataset, version), name)
    except DataSetNotFoundError:
        return None
    found: dict[str, Any] = json.loads(body)
    return found


def _stages(record: RunRecord) -> str:
    return ", ".join(one.stage for one in record.stages)


def _outputs(record: RunRecord, stages: set[str]) -> dict[str, str]:
    kept = [one.outputs for one in record.stages if one.stage in stages]
    return {name: version for outputs in kept for name, version in outputs.items()}


def _code(record: RunRecord, stages: set[str]) -> dict[str, str]:
    commits = {f"git of the {name}": at.commit[:12] for name, at in record.git.items() if at}
    kept = [one for one in record.stages if one.stage in stages]
    rooms = {f"stage {one.stage}": one.code_version[:12] for one in kept}
    return {**record.code, **commits, **rooms}


def _leaves(tree: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, object]]:
    for word, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{above}{word}.")
        else:
            yield f"{above}{word}", value


def _differing(what: str, a: Mapping[str, object], b: Mapping[str, object]) -> list[Difference]:
    return [
        Difference(what, name, a.get(name), b.get(name))
        for name in dict.fromkeys([*a, *b])
        if a.get(name) != b.get(name)
    ]
