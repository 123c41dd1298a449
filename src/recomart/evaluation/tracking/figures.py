"""Figures in MLflow's words: flat names that it allows, numbers, short texts."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from recomart.evaluation.bootstrap import Interval
    from recomart.evaluation.compare import Evaluation, ModelFigures

BRANCHES = ("quality", "preparation", "features", "models", "ranking", "evaluation")
"""Of the settings: those that change a result, and so are parameters of a run."""


def name_of(text: str) -> str:
    """Return a name that MLflow takes: ``ndcg@10`` becomes ``ndcg_at_10``.

    It knows letters, digits and ``_ - . /`` and the space; a slash makes a section in its pages.
    """
    return re.sub(r"[^\w\-. /]", "_", text.replace("@", "_at_").replace("–", "-"))


def flat(tree: Mapping[str, Any], above: str = "") -> dict[str, str]:
    """Return the leaves of a tree by their path; lists are written as JSON."""
    found: dict[str, str] = {}
    for key, value in tree.items():
        name = f"{above}.{key}" if above else str(key)
        if isinstance(value, dict) and value:
            found |= flat(value, name)
        else:
            found[name_of(name)] = value if isinstance(value, str) else json.dumps(value)
    return found


def parameters_of(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings that change a result."""
    return flat({name: settings[name] for name in BRANCHES if name in settings})


def model_parameters(
    evaluation: Evaluation, model: ModelFigures, settings: Mapping[str, Any]
) -> dict[str, str]:
    """Return a model's hyper-parameters, and what it learned from and was judged on."""
    data = evaluation.data.model_dump(mode="json")
    data["train_days"] = settings["models"]["train_days"]
    return flat({**model.config, "data": data})


def model_metrics(evaluation: Evaluation, model: ModelFigures) -> dict[str, float]:
    """Return all figures of a model, by the names of docs/guide/tracking.md."""
    found: dict[str, float] = {}
    for name, interval in model.metrics.items():
        found |= _spread(name, interval)
    for name, interval in model.segments.items():
        found |= _spread(f"segments/{name}", interval)
        found[f"users/{name}"] = float(interval.n_users)
    for against in model.against:
        found |= _spread(f"against/{against.baseline}", against.difference)
    for name, value in model.beyond.model_dump().items():
        found |= _known(f"beyond/{name}", value)
    for one in evaluation.coverage:
        if one.model == model.model:
            found["coverage/list recall"] = one.list_recall
            for name, part in one.parts.items():
                found |= _known(f"coverage/{name}", part.coverage)
                found |= _known(f"set size/{name}", part.set_size)
    return {name_of(name): value for name, value in found.items()}


def _spread(name: str, interval: Interval) -> dict[str, float]:
    """Return a mean under its name, and the ends of its interval under ``low/`` and ``high/``."""
    return {
        **_known(name, interval.mean),
        **_known(f"low/{name}", interval.low),
        **_known(f"high/{name}", interval.high),
    }


def _known(name: str, value: float | None) -> dict[str, float]:
    return {} if value is None else {name: value}
