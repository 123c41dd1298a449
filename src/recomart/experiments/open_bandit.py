"""Logs in the form of the Open Bandit Dataset, and what another policy would have earned on them.

A log is a CSV with a row a round and position: `item_id`, `position`, `click`, `propensity_score`;
other columns are passed over. A policy is a CSV of probabilities: `item_id`, `probability`, and
`position` where it differs by it. Saito, Aihara, Matsutani and Narita, "Open Bandit Dataset and
Pipeline", NeurIPS 2021 (datasets and benchmarks).

For the doubly robust estimate the model of the reward is the click rate by item and position,
shrunk to that of all, and learned from the other half of the log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
from pyarrow import csv

from recomart.errors import SourceFileError
from recomart.experiments.offpolicy import Estimate, doubly_robust, ips, snips, weights

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]
    Codes = NDArray[np.int64]

WANTED = {
    "item_id": pa.string(),
    "position": pa.string(),
    "click": pa.float64(),
    "propensity_score": pa.float64(),
}
POLICY = {"item_id": pa.string(), "position": pa.string(), "probability": pa.float64()}
SHRINK = 20.0
"""Rounds of the overall rate that each item's own is mixed with."""
SUM_SLACK = 1e-3


class Log(NamedTuple):
    """Rounds: items and positions as codes, what they earned, and with which probability."""

    items: Codes
    positions: Codes
    rewards: Numbers
    propensities: Numbers
    target: Numbers
    """Probability that the policy shows the same, shape (n,)."""
    policy: Numbers
    """Of each position and item: shape (n_positions, n_items)."""


def estimates(log: Path, policy: Path, most: float | None = None) -> list[Estimate]:
    """Estimate what a policy earns a round and position: IPS, SNIPS, DR.

    most  the largest weight; larger are cut to it

    Raises SourceFileError for files that cannot be read as such, BadInputError for probabilities
    that are none.
    """
    found = read_log(log, policy)
    w = weights(found.propensities, found.target, most)
    shown, expected = _modelled(found)
    return [
        ips(found.rewards, w),
        snips(found.rewards, w),
        doubly_robust(found.rewards, w, shown, expected),
    ]


def read_log(log: Path, policy: Path) -> Log:
    """Read a log, and a policy over it. Raises SourceFileError."""
    rounds, wanted = _read(log, WANTED), _read(policy, POLICY, optional=("position",))
    items = _codes(rounds["item_id"], wanted["item_id"])
    positions = _codes(rounds["position"])
    matrix = np.zeros((len(positions.names), len(items.names)))
    theirs = items.of(wanted["item_id"])
    chances = wanted["probability"].to_numpy()
    if "position" in wanted.column_names:
        places = positions.of(wanted["position"])
        matrix[places[places >= 0], theirs[places >= 0]] = chances[places >= 0]
    else:
        matrix[:, theirs] = chances
    _hold_to_sums(matrix, policy)
    at, what = positions.of(rounds["position"]), items.of(rounds["item_id"])
    return Log(
        what,
        at,
        rounds["click"].to_numpy(),
        rounds["propensity_score"].to_numpy(),
        matrix[at, what],
        matrix,
    )


class _Names(NamedTuple):
    names: pa.Array

    def of(self, column: pa.ChunkedArray) -> Codes:
        """Return the place of each among the names; -1 for one that is none of them."""
        import pyarrow.compute as pc

        places = pc.index_in(column, value_set=self.names).fill_null(-1)
        return places.to_numpy().astype(np.int64)  # type: ignore[no-any-return]


def _codes(*columns: pa.ChunkedArray) -> _Names:
    both = pa.chunked_array([chunk for column in columns for chunk in column.chunks])
    return _Names(both.unique())


def _read(path: Path, wanted: dict[str, pa.DataType], optional: tuple[str, ...] = ()) -> pa.Table:
    options = csv.ConvertOptions(column_types=wanted, strings_can_be_null=False)
    try:
        table = csv.read_csv(path, convert_options=options)
    except (OSError, pa.ArrowInvalid) as error:
        cause = str(error).splitlines()[0][:200]
        raise SourceFileError(
            f"{path.name} cannot be read: {cause}.",
            remedy=f"It should be CSV with the columns {', '.join(wanted)}.",
        ) from None
    missing = [n for n in wanted if n not in table.column_names and n not in optional]
    if missing or not len(table):
        what = f"has no column {', '.join(missing)}" if missing else "has no rows"
        raise SourceFileError(f"{path.name} {what}.", remedy=f"It should have {', '.join(wanted)}.")
    table = table.select([name for name in wanted if name in table.column_names])
    if bad := [name for name in table.column_names if table[name].null_count]:
        raise SourceFileError(
            f"{path.name} has rows without {bad[0]}.", remedy="Fill them, or leave the rows out."
        )
    return table


def _hold_to_sums(matrix: Numbers, path: Path) -> None:
    sums = matrix.sum(axis=1)
    if (np.abs(sums - 1) > SUM_SLACK).any():
        worst = float(sums[np.argmax(np.abs(sums - 1))])
        raise SourceFileError(
            f"The probabilities of {path.name} add up to {worst:.4g} at a position, not to 1.",
            remedy="Give every item its probability, at each position that the log has.",
        )


def _modelled(log: Log) -> tuple[Numbers, Numbers]:
    """Return what a model expects of what was shown, and of the policy, at each round.

    Each half of the log is modelled by the other.
    """
    shown, expected = np.empty(len(log.rewards)), np.empty(len(log.rewards))
    half = np.arange(len(log.rewards)) % 2
    for part in (0, 1):
        rates = _rates(log, half != part)
        mine = half == part
        shown[mine] = rates[log.positions[mine], log.items[mine]]
        expected[mine] = (rates * log.policy).sum(axis=1)[log.positions[mine]]
    return shown, expected


def _rates(log: Log, some: NDArray[np.bool_]) -> Numbers:
    """Return click rates by position and item, shrunk to that of all."""
    n_items = log.policy.shape[1]
    cells = log.positions[some] * n_items + log.items[some]
    clicks = np.bincount(cells, log.rewards[some], log.policy.size)
    rounds = np.bincount(cells, minlength=log.policy.size)
    overall = float(log.rewards[some].mean()) if some.any() else 0.0
    rates: Numbers = (clicks + SHRINK * overall) / (rounds + SHRINK)
    return rates.reshape(log.policy.shape)
