"""The ranker's training stage: trees from the first window, confidence from the second."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq

from recomart.errors import BadInputError
from recomart.models.sparse import place_in_row
from recomart.ranking.cascade import NAME, ranks_among
from recomart.ranking.confidence import Confidence, Truths
from recomart.ranking.ranker import Ranker, Rows, is_installed
from recomart.ranking.rows import ABOUT, ABOUT_RANKS, CALIBRATE, LEARN, RANKS
from recomart.ranking.rows import DATASET as ROWS
from recomart.ranking.segments import segment_of

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray
    from pydantic import JsonValue

    from recomart.lake import Lake, Manifest, Workbench
    from recomart.settings import EvaluationSettings

DATASET = "ranker"


def train_ranker(bench: Workbench) -> None:
    """Write `ranker`: the trees, if they can be had, and the confidence of every model.

    One half of the lists of the second window says which loss is best and when to stop; the other
    half, which the ranker never sees, calibrates its confidence.
    """
    manifest = bench.lake.latest(ROWS)
    draft = bench.draft(DATASET)
    facts: dict[str, JsonValue] = {"none": manifest.details.get("none")}
    if not facts["none"]:
        ranks = _table(bench.lake, manifest, RANKS)
        settings, n_ranks = bench.settings.evaluation, bench.settings.ranking.candidates
        ranker = None
        if is_installed():
            ranker = _fit(bench, manifest, facts)
        else:
            facts["none"] = "CatBoost is not installed: pip install 'recomart[rank]'."
            bench.log.warning("no_ranker", cause=facts["none"])
        for name in (c for c in ranks.column_names if c not in ABOUT_RANKS):
            held = _truths(ranks, ranks[name].to_numpy(), settings)
            draft.add_bytes(file_of(name), Confidence.fit(held, n_ranks).to_bytes())
        if ranker is not None:
            for name, body in ranker.to_files().items():
                draft.add_bytes(name, body)
            draft.add_bytes(file_of(NAME), _of_cascade(bench, manifest, ranks, ranker).to_bytes())
    bench.commit(draft, [manifest], details=facts)


def file_of(model: str) -> str:
    """Return the name of the file that holds a model's confidence."""
    return f"confidence_{model}.json"


def read_ranker(lake: Lake) -> Ranker | None:
    """Load the ranker, checked; None where the stage found that there can be none."""
    manifest = lake.latest(DATASET)
    if manifest.details.get("none"):
        return None
    return Ranker.from_files({name: lake.read(DATASET, name) for name in Ranker.FILES})


def read_confidence(lake: Lake, model: str) -> Confidence | None:
    """Load a model's confidence, checked; None where there is none."""
    manifest = lake.find(DATASET)
    if manifest is None or file_of(model) not in manifest.by_partition():
        return None
    return Confidence.from_bytes(lake.read(DATASET, file_of(model)))


def _fit(bench: Workbench, manifest: Manifest, facts: dict[str, JsonValue]) -> Ranker | None:
    """Fit the ranker; where there is nothing to learn, say so in `facts`."""
    settings = bench.settings
    learn = _table(bench.lake, manifest, LEARN)
    second = _table(bench.lake, manifest, CALIBRATE)
    columns = [name for name in learn.column_names if name not in ABOUT]
    judge = second.filter(~_is_calibration(second["row"].to_numpy()))
    try:
        ranker = Ranker.fit(
            columns,
            _rows(learn, columns),
            _rows(judge, columns),
            settings.ranking,
            settings.evaluation.seed,
        )
    except BadInputError as error:
        facts["none"] = error.cause
        bench.log.warning("no_ranker", cause=error.cause, remedy=error.remedy)
        return None
    ranker.settle_cold(_rows(judge, columns), judge["history_length"].to_numpy() == 0)
    facts.update(loss=ranker.loss, tried=dict(ranker.tried), n_trees=int(ranker.trees.tree_count_))
    bench.log.info("ranker_fitted", loss=ranker.loss, rows=len(learn))
    return ranker


def _of_cascade(
    bench: Workbench, manifest: Manifest, ranks: pa.Table, ranker: Ranker
) -> Confidence:
    """Calibrate the cascade on the lists that the ranker has not seen."""
    second = _table(bench.lake, manifest, CALIBRATE)
    rows = second["row"].to_numpy()
    is_cold = second["history_length"].to_numpy() == 0
    scores = ranker.ordering(_matrix(second, list(ranker.columns)), is_cold)
    order = np.lexsort((-scores, rows))
    at = place_in_row(rows[order]) + 1
    items = second["item"].to_numpy()[order]
    unseen = _is_calibration(ranks["row"].to_numpy())
    wanted = ranks.filter(unseen)
    span = np.int64(2**31)
    keys = rows[order].astype(np.int64) * span + items
    held = wanted["row"].to_numpy().astype(np.int64) * span + wanted["item"].to_numpy()
    return Confidence.fit(
        _truths(wanted, ranks_among(held, keys, at), bench.settings.evaluation),
        bench.settings.ranking.candidates,
    )


def _truths(table: pa.Table, ranks: NDArray[np.float32], settings: EvaluationSettings) -> Truths:
    lengths = table["history_length"].to_numpy()
    return Truths(
        users=table["row"].to_numpy(),
        segments=segment_of(lengths, settings.light_history),
        is_tail=table["is_tail"].to_numpy(zero_copy_only=False),
        ranks=ranks,
    )


def _is_calibration(rows: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Tell which lists calibrate: every other one; users stand in the order of their ids."""
    chosen: NDArray[np.bool_] = rows % 2 == 1
    return chosen


def _rows(table: pa.Table, columns: list[str]) -> Rows:
    return Rows(
        _matrix(table, columns),
        table["label"].to_numpy(),
        table["row"].to_numpy().astype(np.int64),
    )


def _matrix(table: pa.Table, columns: list[str]) -> NDArray[np.float32]:
    matrix = np.empty((len(table), len(columns)), dtype=np.float32)
    for place, name in enumerate(columns):
        matrix[:, place] = table[name].to_numpy()
    return matrix


def _table(lake: Lake, manifest: Manifest, partition: str) -> pa.Table:
    [path] = lake.paths([manifest.by_partition()[partition]])
    return pq.read_table(path)
