"""Training rows of the ranker: candidates, whether they were wanted, and what was known of them.

No leak, by three moments (`recomart.ranking.questions.windows`). At the beginning of each window
the retrievers are fitted on what was before it, the candidates are theirs, every feature is as of
that moment, and only the label looks into the window. The first window teaches the ranker, the
second says when to stop, and calibrates confidence. The test window comes after both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from recomart.engines import open_engine
from recomart.errors import BadInputError
from recomart.features.offline import OfflineStore
from recomart.features.registry import DATASET as REGISTRY
from recomart.models.sequences import recommend_for
from recomart.models.sparse import place_in_row
from recomart.ranking.candidates import union
from recomart.ranking.cascade import ranks_in
from recomart.ranking.content import read_content
from recomart.ranking.interactions import cut_moment, read_events
from recomart.ranking.knowing import Knowing
from recomart.ranking.knowledge import columns_of, matrix_of
from recomart.ranking.questions import ask, known_at, windows
from recomart.ranking.segments import is_tail, users_of
from recomart.ranking.training import fit

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydantic import JsonValue

    from recomart.lake import Draft, Workbench
    from recomart.models.base import TopN
    from recomart.ranking.candidates import Candidates
    from recomart.ranking.interactions import EventArrays
    from recomart.ranking.questions import Question, Windows
    from recomart.settings import Settings

DATASET = "training_rows"
LEARN, CALIBRATE, RANKS = "learn", "calibrate", "ranks"
ABOUT = ("row", "item", "user_id", "item_id", "at_us", "label", "history_length")
"""Columns of a row that are no features; `row` numbers the lists of a window, `item` is the item's
place in the id map."""
ABOUT_RANKS = ("row", "item", "is_tail", "history_length")
"""Columns beside the ranks in the models' lists."""


@dataclass(frozen=True)
class Asked:
    """A window's question, and every model's lists in answer to it."""

    question: Question
    lists: dict[str, TopN]

    def candidates(self, settings: Settings) -> Candidates:
        """Return the union of the retrievers' lists."""
        ranking = settings.ranking
        chosen = retrievers_of(settings)
        n_items = int(self.question.history.shape[1])
        tops = [cut(self.lists[name], ranking.each) for name in chosen]
        return union(chosen, tops, n_items, ranking.candidates)


def training_rows(bench: Workbench) -> None:
    """Write `training_rows`: two partitions of rows, and where the models' lists held truths."""
    data, settings = read_events(bench), bench.settings
    cut_us = cut_moment(data, settings.evaluation)
    span = windows(int(data.occurred_us[0]), cut_us, settings.ranking.label_days)
    draft = bench.draft(DATASET)
    facts: dict[str, JsonValue] = dict(vars(span))
    try:
        _write(bench, draft, data, span)
    except BadInputError as error:  # a shop too small, or too quiet, for a ranker
        draft = bench.draft(DATASET)
        facts["none"] = error.cause
        bench.log.warning("no_rows_for_a_ranker", cause=error.cause, remedy=error.remedy)
    # features are computed anew, as the registry defines them; what the views hold is not read
    parents = bench.current("events", "catalogue", "categories", "item_history", REGISTRY)
    bench.commit(draft, parents, details=facts)


def _write(bench: Workbench, draft: Draft, data: EventArrays, span: Windows) -> None:
    """Ask at the beginning of both windows, and write what was found."""
    settings = bench.settings
    asked = [
        _ask(bench, data, span.learn_us, span.calibrate_us, everybody=False),
        _ask(bench, data, span.calibrate_us, span.cut_us, everybody=True),
    ]
    with open_engine(settings.engine, bench.con, bench.spill) as engine:
        store = OfflineStore(engine, bench.lake, settings.features)
        knowing = Knowing(store, bench.lake, settings.features, data)
        for name, one in zip((LEARN, CALIBRATE), asked, strict=True):
            rows = _rows(bench, knowing, data, one, some=name == LEARN)
            draft.add_table(rows.to_reader(), name)
            bench.log.info("rows_joined", window=name, rows=len(rows), columns=rows.num_columns)
    draft.add_table(_ranks(asked[1]).to_reader(), RANKS)


def retrievers_of(settings: Settings) -> tuple[str, ...]:
    """Return the retrievers of the cascade: those of `ranking.retrievers` that are trained."""
    return tuple(name for name in settings.ranking.retrievers if name in settings.models.train)


def cut(top: TopN, n: int) -> TopN:
    """Return the first `n` columns of lists."""
    return type(top)(top.items[:, :n], top.scores[:, :n])


def _ask(
    bench: Workbench, data: EventArrays, at_us: int, until_us: int, *, everybody: bool
) -> Asked:
    """Fit models at a moment and ask them; `everybody`: those that are no retrievers, too."""
    settings = bench.settings
    known = known_at(data, at_us, settings).with_content(read_content(bench, data, at_us).features)
    question = ask(data, known, until_us, settings.evaluation, settings.ranking.max_users)
    names = settings.models.train if everybody else retrievers_of(settings)
    lists = {}
    for name in names:
        model = fit(name, settings.models, known)
        lists[name] = recommend_for(
            model,
            question.history,
            question.sequences,
            settings.ranking.candidates,
            exclude_seen=settings.evaluation.exclude_seen,
        )
        bench.log.info("model_fitted", model=name, interactions=known.weights.nnz, at_us=at_us)
    return Asked(question, lists)


def _rows(
    bench: Workbench, knowing: Knowing, data: EventArrays, asked: Asked, *, some: bool
) -> pa.Table:
    """Join candidates with what was known of them; `some`: not all that were not wanted."""
    settings, question = bench.settings, asked.question
    candidates = asked.candidates(settings)
    labels = candidates.contains(question.relevant)
    kept = _chosen(candidates, labels, settings, some=some)
    candidates, labels = candidates.take(kept), labels[kept]
    content = read_content(bench, data, question.now_us)
    knowledge = knowing.at(
        question,
        content,
        question.now_us,
        with_seen=not settings.evaluation.exclude_seen,
    )
    matrix = matrix_of(candidates, question.users, knowledge)
    about = (
        candidates.rows,
        candidates.items,
        data.user_ids.take(pa.array(question.users[candidates.rows])),
        data.item_ids.take(pa.array(candidates.items)),
        np.full(len(labels), question.now_us, dtype=np.int64),
        labels.astype(np.int64),
        np.diff(question.history.indptr)[candidates.rows].astype(np.int32),
    )
    names = columns_of(candidates.retrievers, knowledge.names)
    return pa.table([*about, *np.ascontiguousarray(matrix.T)], names=[*ABOUT, *names])


def _chosen(
    candidates: Candidates, labels: NDArray[np.bool_], settings: Settings, *, some: bool
) -> NDArray[np.bool_]:
    """Keep lists with something wanted; of a list all that was, and some of what was not."""
    has_hit = np.zeros(candidates.n_rows, dtype=bool)
    has_hit[candidates.rows[labels]] = True
    kept = has_hit[candidates.rows]
    if some:
        drawn = np.random.default_rng(settings.evaluation.seed).random(len(labels))
        order = np.lexsort((drawn, labels, candidates.rows))
        place = np.empty(len(labels), dtype=np.int64)
        place[order] = place_in_row(candidates.rows[order])
        kept &= labels | (place < settings.ranking.negatives)
    return kept


def _ranks(asked: Asked) -> pa.Table:
    """Tell at which rank each model's list held each truth; inf where it did not."""
    wanted = asked.question.relevant
    rows = np.repeat(np.arange(wanted.shape[0], dtype=np.int32), np.diff(wanted.indptr))
    columns = {name: ranks_in(top, wanted) for name, top in asked.lists.items()}
    lengths = np.diff(asked.question.history.indptr)[rows].astype(np.int32)
    tail = is_tail(users_of(asked.question.train))
    about = (rows, wanted.indices.astype(np.int32), tail[wanted.indices], lengths)
    return pa.table([*about, *columns.values()], names=[*ABOUT_RANKS, *columns])
