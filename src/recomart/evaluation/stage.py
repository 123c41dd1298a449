"""The evaluation stage: ask every model the same question, and write down how they did."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, cast

import numpy as np
from scipy.sparse import csr_array

from recomart.errors import BadInputError
from recomart.evaluation.compare import (
    Data,
    Evaluation,
    Question,
    figures,
    main_metric,
    observations,
)
from recomart.evaluation.report import card_of, page_of
from recomart.lake import Lake, LocalObjects
from recomart.ranking.interactions import learning_window, read_events
from recomart.ranking.training import read_model
from recomart.vocabulary import CANCEL, EVENT_TYPES, PURCHASE

if TYPE_CHECKING:
    from pydantic import JsonValue

    from recomart.lake import Workbench
    from recomart.ranking.interactions import EventArrays
    from recomart.settings import EvaluationSettings, Loaded

FILES = ("evaluation.json", "evaluation.html", "model_card.md")


def evaluate_models(bench: Workbench) -> None:
    """Compare the trained models on the events after the cut; write `evaluation`."""
    settings = bench.settings.evaluation
    data = read_events(bench)
    cut_us = int(str(bench.lake.latest("id_map").details["cut_us"]))
    question, n_all = ask(data, cut_us, bench.settings.models.train_days, settings)
    lists, configs = {}, {}
    parents = [bench.lake.latest("events"), bench.lake.latest("id_map")]
    for name in bench.settings.models.train:
        manifest = bench.lake.latest(f"model_{name}")
        model = read_model(bench.lake, manifest.name)
        top = model.recommend(
            question.history, max(settings.ks), exclude_seen=settings.exclude_seen
        )
        lists[name] = top.items
        configs[name] = cast("dict[str, JsonValue]", manifest.details["config"])
        parents.append(manifest)
        bench.log.info("model_evaluated", model=name, users=len(top.items))
    models = figures(lists, configs, question, settings)
    main = main_metric(settings)
    evaluation = Evaluation(
        project=bench.settings.project,
        main_metric=main,
        data=_facts(parents[0].version, cut_us, question, n_all, settings),
        models=models,
        observations=observations(models, main),
    )
    draft = bench.draft("evaluation")
    card = card_of(evaluation, bench.settings.models.serve)
    bodies = (evaluation.model_dump_json(indent=1), page_of(evaluation), card)
    for name, body in zip(FILES, bodies, strict=True):
        draft.add_bytes(name, body.encode())
    best = evaluation.best
    facts: dict[str, JsonValue] = {"best": best.model, main: best.metrics[main].mean}
    bench.commit(draft, parents, details=facts)


def ask(
    data: EventArrays, cut_us: int, train_days: int | None, settings: EvaluationSettings
) -> tuple[Question, int]:
    """Return the question, and how many test users it was sampled from.

    Relevant is what a user did after the cut with one of the event types that count; a purchase
    taken back in that time does not. Raises BadInputError where nobody did anything.
    """
    train = learning_window(data, cut_us, train_days).interactions(cut_us).weights
    relevant = _relevant(data.between(cut_us, 2**63 - 1), settings)
    if settings.exclude_seen:
        relevant = relevant - relevant.multiply(train.astype(bool))
        relevant.eliminate_zeros()
    users = np.flatnonzero(np.diff(relevant.indptr))
    if not len(users):
        raise BadInputError(
            "Nobody did anything relevant in the test window.",
            remedy="Lengthen `evaluation.test_days`, or widen `evaluation.relevant`.",
        )
    n_all = len(users)
    if n_all > settings.max_users:
        rng = np.random.default_rng(settings.seed)
        users = np.sort(rng.choice(users, settings.max_users, replace=False))
    return Question(train, train[users], csr_array(relevant[users])), n_all


def _relevant(test: EventArrays, settings: EvaluationSettings) -> csr_array:
    """Return what each user has to be shown: shape (n_users, n_items), ones."""
    kinds = [EVENT_TYPES.index(kind) for kind in settings.relevant]
    counts = np.isin(test.types, kinds).astype(np.int64)
    if PURCHASE in settings.relevant:
        counts -= test.types == EVENT_TYPES.index(CANCEL)
    found = csr_array((counts, (test.users, test.items)), shape=test.shape)
    found.sum_duplicates()
    found.data = (found.data > 0).astype(np.int64)
    found.eliminate_zeros()
    return found


def _facts(
    version: str, cut_us: int, question: Question, n_all: int, settings: EvaluationSettings
) -> Data:
    n_items = question.train.shape[1]
    cut = datetime.fromtimestamp(cut_us / 1e6, timezone.utc)
    return Data(
        events_version=version,
        cut_at=cut.isoformat(timespec="seconds"),
        n_users=int(np.count_nonzero(np.diff(question.train.indptr))),
        n_items=int(n_items),
        n_interactions=int(question.train.nnz),
        n_test_users=int(question.history.shape[0]),
        n_test_users_sampled_from=n_all,
        n_relevant=int(question.relevant.nnz),
        exclude_seen=settings.exclude_seen,
        relevant_types=settings.relevant,
    )


def read_evaluation(loaded: Loaded) -> Evaluation:
    """Return the newest comparison. Raises DataSetNotFoundError."""
    lake = Lake(LocalObjects(loaded.path(loaded.settings.paths.lake)))
    return Evaluation.model_validate_json(lake.read("evaluation", FILES[0]))


def comparison(loaded: Loaded) -> list[dict[str, object]]:
    """Return the newest comparison as a short table for the terminal, best first."""
    evaluation = read_evaluation(loaded)
    main = evaluation.main_metric
    k = main.partition("@")[2]
    rows = []
    for one in evaluation.models:
        row: dict[str, object] = {"model": one.model, main.upper(): one.metrics[main].written()}
        row[f"Recall@{k}"] = one.metrics[f"recall@{k}"].mean
        row[f"HR@{k}"] = one.metrics[f"hit_rate@{k}"].mean
        row["coverage"] = one.beyond.catalogue_coverage
        against = {a.baseline: a for a in one.against}.get("popularity")
        row["beats popularity"] = None if against is None else against.beats
        rows.append(row)
    return rows
