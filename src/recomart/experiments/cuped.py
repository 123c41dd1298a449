"""CUPED: what units did before explains part of what they do after, and so takes noise away.

    y' = y - (x - mean(x)) theta,  theta by least squares of y on x, within variants

The mean over all units stays, the difference between variants is still unbiased, as x was there
before chance assigned them; the variance falls by the share that x explains. Deng, Xu, Kohavi and
Walker, "Improving the Sensitivity of Online Controlled Experiments by Utilizing Pre-Experiment
Data", WSDM 2013.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]


def adjusted(y: Numbers, x: Numbers, groups: NDArray[np.int64]) -> tuple[Numbers, float]:
    """Return outcomes without what `x` explains, and the share of variance that this took away.

    y       float64, shape (n,)
    x       float64, shape (n, k), of before the first exposure; k may be 0
    groups  int64, shape (n,): the variant of each
    """
    inner_y, inner_x = _within(y[:, None], groups)[:, 0], _within(x, groups)
    total = float(inner_y @ inner_y)
    if not x.shape[1] or not total:
        return y, 0.0
    theta = np.linalg.lstsq(inner_x, inner_y, rcond=None)[0]
    rest = inner_y - inner_x @ theta
    return y - (x - x.mean(axis=0)) @ theta, 1 - float(rest @ rest) / total


def _within(values: Numbers, groups: NDArray[np.int64]) -> Numbers:
    """Take the mean of its group from each row."""
    sums = np.zeros((int(groups.max(initial=-1)) + 1, values.shape[1]))
    np.add.at(sums, groups, values)
    counts = np.maximum(np.bincount(groups, minlength=len(sums)), 1)
    return values - (sums / counts[:, None])[groups]
