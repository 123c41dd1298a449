"""Monitoring: has what the champion learned from changed, and does it still do as well?

Reads    data sets and their older versions: views, events, published models, evaluations
Writes   nothing; figures with a verdict and a sentence
Imports  evaluation, ranking, features, engines, lake; never pipeline, serving

One reason to retrain a file. A reason that cannot be measured has no verdict, and says why.
"""

from recomart.monitoring.psi import psi
from recomart.monitoring.reason import Reason

__all__ = ["Reason", "psi"]
