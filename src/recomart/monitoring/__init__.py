"""Monitoring: whether what the champion learned from changed, and whether it still does as well.

Reads    data sets and their older versions: views, events, published models, evaluations; exposures
Writes   the data set `monitoring`: figures as JSON, as a page, as metrics; reasons with a verdict
Imports  evaluation, ranking, features, engines, lake, pages; never pipeline, serving

A reason to retrain is a function and a line in `reasons.py`. One that cannot be measured has no
verdict, and says why.
"""

from recomart.monitoring.psi import psi
from recomart.monitoring.reason import Reason

__all__ = ["Reason", "psi"]
