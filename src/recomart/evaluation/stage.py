"""The evaluation stage: ask every model the same question, and write down how they did."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, cast

import numpy as np

from recomart.engines import open_engine
from recomart.evaluation.compare import (
    Data,
    Evaluation,
    RankerFigures,
    Reasons,
    figures,
    main_metric,
    observations,
)
from recomart.evaluation.coverage import measure
from recomart.evaluation.gate import Gate
from recomart.evaluation.report import card_of, page_of
from recomart.features.offline import OfflineStore
from recomart.features.registry import DATASET as REGISTRY
from recomart.lake import open_lake
from recomart.models.sequences import recommend_for
from recomart.ranking.aliases import find_champion
from recomart.ranking.cascade import NAME as CASCADE
from recomart.ranking.cascade import Cascade, ranks_in
from recomart.ranking.content import read_content
from recomart.ranking.interactions import read_events
from recomart.ranking.knowing import Knowing
from recomart.ranking.knowledge import matrix_of
from recomart.ranking.learning import DATASET as RANKER
from recomart.ranking.learning import read_confidence, read_ranker
from recomart.ranking.questions import ask, known_at
from recomart.ranking.rows import cut, retrievers_of
from recomart.ranking.training import read_model
from recomart.vocabulary import FOREVER_US

if TYPE_CHECKING:
    from pydantic import JsonValue

    from recomart.evaluation.coverage import Coverage
    from recomart.lake import Manifest, Workbench
    from recomart.models.base import Recommender, TopN
    from recomart.ranking.interactions import EventArrays
    from recomart.ranking.knowledge import Knowledge
    from recomart.ranking.questions import Question
    from recomart.settings import Loaded

FILES = ("evaluation.json", "evaluation.html", "model_card.md")
SHOWN_EXAMPLES, SHOWN_SHARES, SHOWN_IMPORTANCE = 5, 6, 30
"""Recommendations explained in the report; columns named for each, and in all."""


@dataclass
class Answers:
    """What the models said: lists as long as those that confidence was calibrated on."""

    question: Question
    lists: dict[str, TopN] = field(default_factory=dict)
    configs: dict[str, dict[str, JsonValue]] = field(default_factory=dict)
    parents: list[Manifest] = field(default_factory=list)
    ranker: RankerFigures | None = None


def evaluate_models(bench: Workbench) -> None:
    """Compare the trained models on the events after the cut; write `evaluation`."""
    settings = bench.settings.evaluation
    data = read_events(bench)
    cut_us = int(str(bench.lake.latest("id_map").details["cut_us"]))
    known = known_at(data, cut_us, bench.settings)
    question = ask(data, known, FOREVER_US, settings, settings.max_users)
    answers = _ask_all(bench, data, question)
    main = main_metric(settings)
    shown = {name: top.items[:, : max(settings.ks)] for name, top in answers.lists.items()}
    models, by_user = figures(shown, answers.configs, question, settings)
    serving = find_champion(bench.lake)
    champion = str(serving.details["model"]) if serving else None
    decision = Gate(by_user, settings).decide(champion, bench.settings.models.serve)
    none = bench.lake.latest(RANKER).details.get("none")
    evaluation = Evaluation(
        project=bench.settings.project,
        main_metric=main,
        data=_facts(answers.parents[0].version, cut_us, question, bench),
        models=models,
        observations=observations(models, main),
        decision=decision,
        coverage=tuple(_coverage(bench, answers, {decision.serve, CASCADE})),
        ranker=answers.ranker,
        no_ranker=str(none) if none else None,
    )
    draft = bench.draft("evaluation")
    bodies = (evaluation.model_dump_json(indent=1), page_of(evaluation), card_of(evaluation))
    for name, body in zip(FILES, bodies, strict=True):
        draft.add_bytes(name, body.encode())
    best = evaluation.best
    facts: dict[str, JsonValue] = {
        "best": best.model,
        "serve": decision.serve,
        main: best.metrics[main].mean,
    }
    bench.commit(draft, answers.parents, details=facts)
    bench.log.info("gate_decided", serve=decision.serve, champion=champion, says=decision.says)


def _ask_all(bench: Workbench, data: EventArrays, question: Question) -> Answers:
    """Ask each trained model, and the cascade if there is one."""
    settings = bench.settings
    n = max(*settings.evaluation.ks, settings.ranking.candidates)
    answers = Answers(question)
    answers.parents += bench.current("events", "catalogue", "id_map", RANKER)
    models: dict[str, Recommender] = {}
    for name in settings.models.train:
        manifest = bench.lake.latest(f"model_{name}")
        models[name] = read_model(bench.lake, manifest.name)
        answers.lists[name] = recommend_for(
            models[name],
            question.history,
            question.sequences,
            n,
            exclude_seen=settings.evaluation.exclude_seen,
        )
        answers.configs[name] = cast("dict[str, JsonValue]", manifest.details["config"])
        answers.parents.append(manifest)
        bench.log.info("model_evaluated", model=name, users=len(question.users))
    ranker = read_ranker(bench.lake)
    if ranker is not None:
        retrievers = {name: models[name] for name in retrievers_of(settings)}
        _ask_cascade(bench, data, answers, Cascade(retrievers, ranker, settings.ranking))
    return answers


def _ask_cascade(bench: Workbench, data: EventArrays, answers: Answers, cascade: Cascade) -> None:
    """Rank candidates with features as of the beginning of the test window."""
    question, settings = answers.question, bench.settings
    content = read_content(bench, data, question.now_us)
    exclude_seen = settings.evaluation.exclude_seen
    with open_engine(settings.engine, bench.con, bench.spill) as engine:
        store = OfflineStore(engine, bench.lake, settings.features)
        knowledge = Knowing(store, bench.lake, settings.features, data).at(
            question, content, question.now_us, with_seen=not exclude_seen
        )
    ranked = cascade.rank(
        question.users, question.history, question.sequences, knowledge, exclude_seen=exclude_seen
    )
    answers.lists[CASCADE] = ranked.top(max(*settings.evaluation.ks, settings.ranking.candidates))
    answers.configs[CASCADE] = cast(
        "dict[str, JsonValue]", settings.ranking.model_dump(mode="json")
    )
    answers.ranker = _ranker_figures(data, answers, cascade, knowledge)
    answers.parents += bench.current("categories", "item_history", REGISTRY)
    bench.log.info("model_evaluated", model=CASCADE, users=len(question.users))


def _ranker_figures(
    data: EventArrays, answers: Answers, cascade: Cascade, knowledge: Knowledge
) -> RankerFigures:
    """Describe the ranker, and explain the first recommendation of some users."""
    ranker, question = cascade.ranker, answers.question
    assert ranker is not None  # noqa: S101 -- asked for a cascade with one
    few = slice(0, SHOWN_EXAMPLES)
    ranked = cascade.rank(
        question.users[few],
        question.history[few],
        question.sequences[few],
        knowledge,
        exclude_seen=False,
    )
    first = ranked.candidates.take(ranked.ranks == 1)
    shares = ranker.shares(matrix_of(first, question.users[few], knowledge))
    examples = []
    for row, item, parts in zip(first.rows, first.items, shares, strict=True):
        order = np.argsort(-np.abs(parts), kind="stable")[:SHOWN_SHARES]
        examples.append(
            Reasons(
                user_id=data.user_ids[int(question.users[row])].as_py(),
                item_id=data.item_ids[int(item)].as_py(),
                rank=1,
                shares={ranker.columns[place]: float(parts[place]) for place in order},
            )
        )
    importance = dict(list(ranker.importance().items())[:SHOWN_IMPORTANCE])
    return RankerFigures(
        loss=ranker.loss,
        tried=ranker.tried,
        n_trees=int(ranker.trees.tree_count_),
        importance=importance,
        example=tuple(examples),
    )


def _coverage(bench: Workbench, answers: Answers, names: set[str]) -> list[Coverage]:
    """Measure the confidence of some models, where it was calibrated."""
    settings = bench.settings
    found = []
    for name in sorted(names & set(answers.lists)):
        confidence = read_confidence(bench.lake, name)
        if confidence is None:
            continue
        lists = cut(answers.lists[name], settings.ranking.candidates)
        found.append(
            measure(
                name,
                confidence,
                lists,
                ranks_in(lists, answers.question.relevant),
                answers.question,
                level=settings.ranking.coverage,
                light=settings.evaluation.light_history,
            )
        )
    return found


def _facts(version: str, cut_us: int, question: Question, bench: Workbench) -> Data:
    settings, n_items = bench.settings.evaluation, question.train.shape[1]
    cut = datetime.fromtimestamp(cut_us / 1e6, timezone.utc)
    return Data(
        events_version=version,
        cut_at=cut.isoformat(timespec="seconds"),
        n_users=int(np.count_nonzero(np.diff(question.train.indptr))),
        n_items=int(n_items),
        n_interactions=int(question.train.nnz),
        n_test_users=len(question.users),
        n_test_users_sampled_from=question.n_all,
        n_relevant=int(question.relevant.nnz),
        exclude_seen=settings.exclude_seen,
        relevant_types=settings.relevant,
    )


def read_evaluation(loaded: Loaded) -> Evaluation:
    """Return the newest comparison. Raises DataSetNotFoundError."""
    return Evaluation.model_validate_json(open_lake(loaded).read("evaluation", FILES[0]))


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
        row["serves"] = one.model == evaluation.decision.serve
        rows.append(row)
    return rows
