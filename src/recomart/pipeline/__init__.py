"""The pipeline: stages in order, done only where something changed.

Reads    settings, manifests
Writes   the run record; data sets are written by the stages, through the lake
Imports  every room below; knows stages by name and imports one when it runs
"""

from recomart.pipeline.record import RunRecord, StageRecord
from recomart.pipeline.runner import open_session, run
from recomart.pipeline.stages import STAGES, Stage, in_order

__all__ = ["STAGES", "RunRecord", "Stage", "StageRecord", "in_order", "open_session", "run"]
