"""Experiments: what is started and stopped, and what came of it.

Reads    settings, published models, `exposures`, `events`
Writes   `experiments` (which run, see `ranking.experiments`), `experiment_report`
Imports  monitoring (what a click is), evaluation, ranking, pages, lake; never serving

Which unit sees what is `ranking.assignment`, which the service shares. Statistics are functions of
plain arrays: `sequential`, `cuped`, `ratio`, `interleaving`, `offpolicy`.
"""
