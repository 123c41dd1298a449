"""Lists for every user: a run of its own, beside the stages that `recomart run` goes through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recomart.pipeline.runner import open_session
from recomart.pipeline.stages import Stage

if TYPE_CHECKING:
    from recomart.pipeline.record import RunRecord
    from recomart.settings import Loaded

BATCH = Stage(
    name="batch",
    says="lists for every user",
    function="recomart.ranking.batch:recommend_all",
    log="batch",
    reads=("published_model", "hold"),
    writes=("recommendations",),
    settings=("batch", "evaluation"),
    uses=("models",),
    part="model_training",
)
"""Not in the table of stages: whoever serves over HTTP has no need of it, and it takes minutes."""


def recommend_all(loaded: Loaded, *, force: bool = False) -> RunRecord:
    """Write `recommendations` unless nothing changed since; see `recomart.ranking.batch`.

    Raises DataSetNotFoundError before the first model, NotFoundError, LakeBusyError.
    """
    with open_session(loaded, force=force) as session:
        session.run_stage(BATCH)
    return session.record
