"""Tracking: MLflow hears of runs, their figures and their models, from what lies in the lake.

Reads    run facts handed down, manifests, `evaluation`, `published_model`
Writes   an MLflow tracking server, or an SQLite file and a folder of artefacts
Imports  lake, ranking; MLflow only when something is told; never pipeline

What is told follows from the record and the manifests alone, and each thing is looked up before it
is created. So a run can be told again at any time, by whoever comes next.
"""

from recomart.evaluation.tracking.client import connected
from recomart.evaluation.tracking.told import TrackedRun
from recomart.evaluation.tracking.tracker import Tracker

__all__ = ["TrackedRun", "Tracker", "connected"]
