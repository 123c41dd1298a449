"""The comparison of models: every figure that the report, the card and the gate speak of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, JsonValue

from recomart.evaluation.beyond import Beyond, beyond
from recomart.evaluation.bootstrap import Interval, interval
from recomart.evaluation.coverage import Coverage
from recomart.evaluation.gate import BASELINES, Decision
from recomart.evaluation.metrics import ranking_metrics
from recomart.ranking.segments import item_segments, user_segments

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from recomart.ranking.questions import Question
    from recomart.settings import EvaluationSettings

MAIN_K = 10


class _Figures(BaseModel, frozen=True, extra="forbid"):
    """A part of the evaluation."""


class Against(_Figures):
    """A model against a baseline: the paired difference of the main metric."""

    baseline: str
    difference: Interval
    beats: bool


class ModelFigures(_Figures):
    """All figures of one model."""

    model: str
    config: dict[str, JsonValue]
    metrics: dict[str, Interval]
    segments: dict[str, Interval]
    beyond: Beyond
    against: tuple[Against, ...]
    segments_against: dict[str, Interval]


class Data(_Figures):
    """What the models learned from and were judged on."""

    events_version: str
    cut_at: str
    n_users: int
    n_items: int
    n_interactions: int
    n_test_users: int
    n_test_users_sampled_from: int
    n_relevant: int
    exclude_seen: bool
    relevant_types: tuple[str, ...]


class Reasons(_Figures):
    """One recommendation, and the columns that moved its score most (SHAP values)."""

    user_id: str
    item_id: str
    rank: int
    shares: dict[str, float]


class RankerFigures(_Figures):
    """What the ranker is, and what moves its scores."""

    loss: str
    tried: dict[str, float]
    n_trees: int
    importance: dict[str, float]
    example: tuple[Reasons, ...]


class Evaluation(_Figures):
    """The whole comparison; `models` come best first."""

    schema_version: Literal[2] = 2
    project: str
    main_metric: str
    data: Data
    models: tuple[ModelFigures, ...]
    observations: tuple[str, ...]
    decision: Decision
    coverage: tuple[Coverage, ...]
    ranker: RankerFigures | None
    no_ranker: str | None

    @property
    def best(self) -> ModelFigures:
        """The model with the highest main metric."""
        return self.models[0]


def figures(
    lists: Mapping[str, NDArray[np.int32]],
    configs: Mapping[str, dict[str, JsonValue]],
    question: Question,
    settings: EvaluationSettings,
) -> tuple[tuple[ModelFigures, ...], dict[str, NDArray[np.float64]]]:
    """Compare models by their lists, int32, shape (n_users, max k).

    Returns their figures, best first, and the main metric of each by user.
    """
    main = main_metric(settings)
    by_user = {
        n: ranking_metrics(made, question.relevant, settings.ks) for n, made in lists.items()
    }
    parts = {
        name: _by_segment(made, by_user[name][main], question, settings)
        for name, made in lists.items()
    }
    found = [
        ModelFigures(
            model=name,
            config=configs.get(name, {}),
            metrics={m: _interval(v, settings) for m, v in by_user[name].items()},
            segments={part: _interval(v, settings) for part, v in parts[name].items()},
            beyond=beyond(made, question.train, MAIN_K),
            against=_against(name, main, by_user, settings),
            segments_against=_against_baseline(name, parts, settings),
        )
        for name, made in lists.items()
    ]
    best_first = sorted(found, key=lambda one: (-(one.metrics[main].mean or 0.0), one.model))
    return tuple(best_first), {name: values[main] for name, values in by_user.items()}


def main_metric(settings: EvaluationSettings) -> str:
    """Return the metric that decides: NDCG at 10, or at the largest cut-off below it."""
    below = [k for k in settings.ks if k <= MAIN_K]
    return f"ndcg@{max(below) if below else min(settings.ks)}"


def _interval(values: NDArray[np.float64], settings: EvaluationSettings) -> Interval:
    return interval(values, settings.bootstrap, settings.seed)


def _by_segment(
    made: NDArray[np.int32],
    main: NDArray[np.float64],
    question: Question,
    settings: EvaluationSettings,
) -> dict[str, NDArray[np.float64]]:
    """Return the main metric for kinds of users, and for what is relevant of kinds of items.

    One number a user, NaN where it has nothing to do with the user.
    """
    found = {
        name: np.where(chosen, main, np.nan)
        for name, chosen in user_segments(question.history, settings.light_history).items()
    }
    k = int(main_metric(settings).partition("@")[2])
    for name, relevant in item_segments(question.relevant, question.train).items():
        found[name] = ranking_metrics(made, relevant, [k])[f"ndcg@{k}"]
    return found


def _against_baseline(
    name: str,
    parts: Mapping[str, Mapping[str, NDArray[np.float64]]],
    settings: EvaluationSettings,
) -> dict[str, Interval]:
    """Return the difference to popularity in each segment; nothing where it is not compared."""
    baseline = BASELINES[0]
    if name == baseline or baseline not in parts:
        return {}
    return {
        part: _interval(values - parts[baseline][part], settings)
        for part, values in parts[name].items()
    }


def _against(
    name: str,
    main: str,
    by_user: Mapping[str, Mapping[str, NDArray[np.float64]]],
    settings: EvaluationSettings,
) -> tuple[Against, ...]:
    found = []
    for baseline in BASELINES:
        if baseline in by_user and baseline != name:
            difference = _interval(by_user[name][main] - by_user[baseline][main], settings)
            beats = difference.is_above_zero
            found.append(Against(baseline=baseline, difference=difference, beats=beats))
    return tuple(found)


def observations(models: tuple[ModelFigures, ...], main: str) -> tuple[str, ...]:
    """Say in words what the figures show; nothing that they do not."""
    best = models[0]
    said = [f"{best.model} is best with {main.upper()} {best.metrics[main].written()}."]
    for against in best.against:
        verdict = "beats" if against.beats else "does not clearly beat"
        said.append(
            f"It {verdict} {against.baseline}: the difference is {against.difference.written()}."
        )
    losing = [
        one.model
        for one in models
        if any(a.baseline == BASELINES[0] and a.difference.is_below_zero for a in one.against)
    ]
    if losing:
        said.append(f"Worse than popularity: {', '.join(losing)}.")
    cold = best.segments["cold users"]
    if cold.n_users:
        said.append(
            f"{cold.n_users:,} of {best.metrics[main].n_users:,} test users had no history; for"
            f" them {best.model} reaches {cold.written()}."
        )
    tail, coverage = best.beyond.tail_share, best.beyond.catalogue_coverage
    if tail is not None:
        said.append(
            f"Its lists show {coverage:.1%} of the catalogue; {tail:.1%} of their places hold"
            " items of the tail."
        )
    return tuple(said)
