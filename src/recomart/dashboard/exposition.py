"""What a service counts, read from Prometheus' text format.

Only what the dashboard needs of https://prometheus.io/docs/instrumenting/exposition_formats/ :
samples with labels; no timestamps, no exemplars.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Labels = tuple[tuple[str, str], ...]
Samples = dict[str, dict[Labels, float]]
_SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)\s*$")
_LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")


def parse(text: str) -> Samples:
    """Return the samples by name and labels; a line that is none is passed over."""
    found: Samples = defaultdict(dict)
    for line in text.splitlines():
        match = None if line.startswith("#") else _SAMPLE.match(line)
        if not match:
            continue
        name, labels, value = match.groups()
        told = tuple((key, _plain(text)) for key, text in _LABEL.findall(labels or ""))
        try:
            found[name][told] = float(value)
        except ValueError:
            continue
    return dict(found)


def _plain(text: str) -> str:
    return _ESCAPED.sub(lambda one: "\n" if one[1] == "n" else one[1], text)


def total(
    samples: Samples, name: str, keep: Callable[[dict[str, str]], bool] | None = None
) -> float:
    """Return the sum of the samples of a name, of those whose labels are kept."""
    there = samples.get(name, {})
    return sum(value for labels, value in there.items() if keep is None or keep(dict(labels)))


def by_label(samples: Samples, name: str, label: str) -> dict[str, float]:
    """Return sums by the value of a label."""
    found: dict[str, float] = defaultdict(float)
    for labels, value in samples.get(name, {}).items():
        found[dict(labels).get(label, "")] += value
    return dict(found)


def buckets(samples: Samples, name: str, **wanted: str) -> dict[float, float]:
    """Return a histogram's cumulated counts by upper bound, summed over what is not `wanted`."""
    found: dict[float, float] = defaultdict(float)
    for labels, value in samples.get(f"{name}_bucket", {}).items():
        told = dict(labels)
        if all(told.get(key) == one for key, one in wanted.items()):
            found[float(told.get("le", "inf"))] += value
    return dict(sorted(found.items()))


def quantile(counts: Mapping[float, float], share: float) -> float:
    """Return a quantile of a histogram, linear inside its bucket; NaN where there is nothing.

    As Prometheus' histogram_quantile: beyond the last finite bound, that bound.
    """
    bounds = sorted(counts)
    if not bounds or counts[bounds[-1]] <= 0:
        return math.nan
    rank, below, under = share * counts[bounds[-1]], 0.0, 0.0
    for bound in bounds:
        if counts[bound] >= rank:
            if math.isinf(bound):
                return under
            inside = counts[bound] - below
            return under + (bound - under) * ((rank - below) / inside if inside else 1.0)
        below, under = counts[bound], bound
    return under


def less(now: Mapping[float, float], before: Mapping[float, float]) -> dict[float, float]:
    """Return what came to a histogram since; all of it where the service began anew."""
    came = {bound: value - before.get(bound, 0.0) for bound, value in now.items()}
    return dict(now) if any(value < 0 for value in came.values()) else came
