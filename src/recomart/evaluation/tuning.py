"""The search for hyper-parameters: Optuna, on the window before the test window.

Trials are judged by what users did in the last window of the time that models may learn from; the
test window is never looked at. A trial is first fitted to a part of the users, and given up if it
does worse there than half of those before it: Akiba et al., "Optuna: A Next-generation
Hyperparameter Optimization Framework", KDD 2019; median stopping, Golovin et al., KDD 2017.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel

from recomart.errors import BadInputError, MissingExtraError
from recomart.evaluation.metrics import ranking_metrics
from recomart.models.interactions import Interactions
from recomart.models.registry import model_kind
from recomart.models.sequences import recommend_for
from recomart.ranking.content import read_content
from recomart.ranking.interactions import cut_moment, read_events
from recomart.ranking.questions import ask, known_at, windows

if TYPE_CHECKING:
    from collections.abc import Callable

    from recomart.lake import Workbench
    from recomart.ranking.questions import Question

K = 10
SHARE = 0.3
"""Users to whom a trial is fitted first."""

Space = dict[str, tuple[float, float] | tuple[str, ...]]
SPACES: dict[str, Space] = {
    "popularity": {"half_life_days": (1.0, 365.0), "count": ("users", "strength")},
    "cooccurrence": {"neighbours": (20, 1000), "shrinkage": (0.1, 100.0)},
    "content": {"neighbours": (20, 1000)},
    "itemknn": {"neighbours": (20, 1000), "shrinkage": (0.1, 100.0)},
    "rp3beta": {"alpha": (0.3, 1.5), "beta": (0.01, 1.0), "neighbours": (50, 1000)},
    "sessionknn": {
        "position_decay": (0.5, 20.0),
        "distance_decay": (0.5, 20.0),
        "half_life_days": (1.0, 365.0),
        "neighbours": (50, 2000),
    },
    "ials": {
        "embedding_size": (32, 256),
        "regularisation": (1e-4, 0.1),
        "unobserved_weight": (0.003, 1.0),
        "epochs": (1, 6),
    },
    "graphfilter": {"embedding_size": (32, 512), "low_pass": (0.01, 3.0)},
    "twotower": {
        "learning_rate": (0.002, 0.05),
        "temperature": (0.03, 0.3),
        "hidden_share": (0.2, 0.8),
    },
    "sasrec": {"learning_rate": (0.0003, 0.01), "dropout": (0.05, 0.5)},
}
"""What is searched, by model: from … to, evenly in the logarithm, or one of some words."""


class Trial(BaseModel, frozen=True, extra="forbid"):
    """One set of hyper-parameters; no figure if it was given up."""

    number: int
    options: dict[str, float | int | str]
    ndcg: float | None


class Tuning(BaseModel, frozen=True, extra="forbid"):
    """What a search found; `default` is the figure of the settings as they are."""

    model: str
    default: float
    best: Trial
    trials: tuple[Trial, ...]


def tune(
    bench: Workbench, name: str, n_trials: int, seconds: float | None, told: Callable[[Trial], None]
) -> Tuning:
    """Search for hyper-parameters of a model, within a budget of trials and time.

    told  is called with each trial when it ends

    Raises MissingExtraError, NotFoundError for a model that there is not, BadInputError for one
    that there is nothing to search of, or where nobody did anything in the window.
    """
    try:
        import optuna
    except ImportError:
        raise MissingExtraError("optuna", "tune") from None
    model_kind(name)
    if name not in SPACES:
        raise BadInputError(
            f"There is nothing to search of {name!r}.", remedy=f"Tune one of {', '.join(SPACES)}."
        )
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    judge = Judge(bench, name)
    default = judge.ndcg({}, judge.known)
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=bench.settings.evaluation.seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4),
    )

    def objective(trial: Any) -> float:  # noqa: ANN401 -- Optuna's
        options = suggested(trial, name)
        trial.report(judge.ndcg(options, judge.some), step=1)
        if trial.should_prune():
            raise optuna.TrialPruned
        return judge.ndcg(options, judge.known)

    study.optimize(
        objective,
        n_trials=n_trials,
        timeout=seconds,
        callbacks=[lambda _, done: told(_trial(done))],
    )
    trials = tuple(_trial(done) for done in study.trials)
    start = Trial(number=-1, options={}, ndcg=default)
    best = max((t for t in (start, *trials) if t.ndcg is not None), key=lambda t: t.ndcg or 0.0)
    return Tuning(model=name, default=default, best=best, trials=trials)


class Judge:
    """Fits a model before the last window, and judges its lists by what was done in it."""

    def __init__(self, bench: Workbench, name: str) -> None:
        self.settings = bench.settings
        self.name = name
        data = read_events(bench)
        cut_us = cut_moment(data, self.settings.evaluation)
        span = windows(int(data.occurred_us[0]), cut_us, self.settings.ranking.label_days)
        content = read_content(bench, data, span.calibrate_us).features
        self.known = known_at(data, span.calibrate_us, self.settings).with_content(content)
        self.question: Question = ask(
            data,
            self.known,
            span.cut_us,
            self.settings.evaluation,
            self.settings.ranking.max_users,
        )
        self.some = some_users(self.known, SHARE, self.settings.evaluation.seed)

    def ndcg(self, options: dict[str, float | int | str], known: Interactions) -> float:
        """Return NDCG@10 of the model with these options, over those of the settings."""
        told = {**self.settings.models.parameters.get(self.name, {}), **options}
        model = model_kind(self.name).make(told).fit(known)
        exclude_seen = self.settings.evaluation.exclude_seen
        question = self.question
        top = recommend_for(
            model, question.history, question.sequences, K, exclude_seen=exclude_seen
        )
        found = ranking_metrics(top.items, question.relevant, [K])[f"ndcg@{K}"]
        return float(found.mean())


def suggested(trial: Any, name: str) -> dict[str, float | int | str]:  # noqa: ANN401 -- Optuna's
    """Ask for a value of each hyper-parameter of a model."""
    found: dict[str, float | int | str] = {}
    for option, span in SPACES[name].items():
        if isinstance(span[0], str):
            found[option] = trial.suggest_categorical(option, list(span))
        elif all(isinstance(edge, int) for edge in span):
            found[option] = trial.suggest_int(option, *span, log=True)
        else:
            found[option] = trial.suggest_float(option, *span, log=True)
    return found


def some_users(known: Interactions, share: float, seed: int) -> Interactions:
    """Return what a share of the users did, drawn at random, over the same id maps."""
    drawn = np.random.default_rng(seed).random(known.shape[0]) < share
    kept = drawn[known.users]
    part = Interactions.from_events(
        known.users[kept],
        known.items[kept],
        known.strengths[kept],
        known.occurred_us[kept],
        shape=known.shape,
        now_us=known.now_us,
    )
    return part if known.content is None else part.with_content(known.content)


def _trial(done: Any) -> Trial:  # noqa: ANN401 -- Optuna's
    return Trial(
        number=done.number,
        options=dict(done.params),
        ndcg=done.value if done.state.is_finished() and done.state.name == "COMPLETE" else None,
    )
