"""Evaluation: how good is each model, for whom, against what.

Reads    fitted models, prepared events; arrays and lists
Writes   `evaluation`: figures as JSON, a page, a model card
Imports  ranking, models, pages, lake; never pipeline, serving

One moment cuts history from test for all users; every item of the catalogue is ranked.
"""

from recomart.evaluation.metrics import METRICS, ranking_metrics

__all__ = ["METRICS", "ranking_metrics"]
