"""The comparison of models: every figure that the report, the card and the gate speak of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, JsonValue

from recomart.evaluation.beyond import Beyond, beyond
from recomart.evaluation.bootstrap import Interval, interval
from recomart.evaluation.metrics import ranking_metrics
from recomart.evaluation.segments import item_segments, user_segments

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from recomart.settings import EvaluationSettings

BASELINES = ("popularity", "cooccurrence")
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


class Evaluation(_Figures):
    """The whole comparison; `models` come best first."""

    schema_version: Literal[1] = 1
    project: str
    main_metric: str
    data: Data
    models: tuple[ModelFigures, ...]
    observations: tuple[str, ...]

    @property
    def best(self) -> ModelFigures:
        """The model with the highest main metric."""
        return self.models[0]


@dataclass(frozen=True)
class Question:
    """What every model is asked: lists for these users, held to what they did later.

    train     weights of all users, shape (n_all_users, n_items)
    history   weights of the test users, shape (n_users, n_items)
    relevant  what counts as a hit, same shape
    """

    train: csr_array
    history: csr_array
    relevant: csr_array


def figures(
    lists: Mapping[str, NDArray[np.int32]],
    configs: Mapping[str, dict[str, JsonValue]],
    question: Question,
    settings: EvaluationSettings,
) -> tuple[ModelFigures, ...]:
    """Compare models by their lists, int32, shape (n_users, max k); best first."""
    main = main_metric(settings)
    by_user = {
        n: ranking_metrics(made, question.relevant, settings.ks) for n, made in lists.items()
    }
    found = [
        ModelFigures(
            model=name,
            config=configs.get(name, {}),
            metrics={m: _interval(v, settings) for m, v in by_user[name].items()},
            segments=_segments(made, by_user[name][main], question, settings),
            beyond=beyond(made, question.train, MAIN_K),
            against=_against(name, main, by_user, settings),
        )
        for name, made in lists.items()
    ]
    return tuple(sorted(found, key=lambda one: (-(one.metrics[main].mean or 0.0), one.model)))


def main_metric(settings: EvaluationSettings) -> str:
    """Return the metric that decides: NDCG at 10, or at the largest cut-off below it."""
    below = [k for k in settings.ks if k <= MAIN_K]
    return f"ndcg@{max(below) if below else min(settings.ks)}"


def _interval(values: NDArray[np.float64], settings: EvaluationSettings) -> Interval:
    return interval(values, settings.bootstrap, settings.seed)


def _segments(
    made: NDArray[np.int32],
    main: NDArray[np.float64],
    question: Question,
    settings: EvaluationSettings,
) -> dict[str, Interval]:
    """Return the main metric for kinds of users, and for what is relevant of kinds of items."""
    found = {}
    for name, chosen in user_segments(question.history, settings.light_history).items():
        found[name] = _interval(np.where(chosen, main, np.nan), settings)
    k = int(main_metric(settings).partition("@")[2])
    for name, relevant in item_segments(question.relevant, question.train).items():
        found[name] = _interval(ranking_metrics(made, relevant, [k])[f"ndcg@{k}"], settings)
    return found


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
