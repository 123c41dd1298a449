"""The examination of a shop: machine, settings, lake, data, stores, model, services.

Reads    all of it, and changes none of it
Writes   nothing; with `verify`, a bucket is asked to keep a small object for a moment

A check is a function of a `Subject` that gives findings, and a line in `checks.CHECKS`; one of the
lake, once it is open, a line in `places.OF_THE_LAKE`. Whatever a check raises is a finding, too.
"""

from recomart.pipeline.doctor.checks import examine
from recomart.pipeline.doctor.finding import Finding

__all__ = ["Finding", "examine"]
