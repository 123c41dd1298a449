"""Outcomes: what each unit of an experiment did after its first list, and before it.

A unit's outcome is what it did within `window_days` of its first list, and nothing later; it
counts once that time is over and its events are in the lake. So outcomes are settled one after the
other, and never change, as intervals that may be looked at any time want it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

import numpy as np
import pyarrow as pa

from recomart.monitoring.online import DID, SLACK_US
from recomart.ranking.assignment import place_of
from recomart.settings.experiments import Metric
from recomart.vocabulary import DAY_US, PURCHASE

if TYPE_CHECKING:
    from ibis.expr.types import Table
    from numpy.typing import NDArray

    from recomart.lake import Workbench
    from recomart.ranking.experiments import Experiment

METRICS: tuple[str, ...] = get_args(Metric)
NAMED_BY = {"user": "user_id", "session": "shop_session_id"}
BEFORE = ("n_before", "n_bought_before")
MOST_PURCHASES = 50
"""Of a unit, that count: one reseller must not decide."""


@dataclass(frozen=True)
class Outcomes:
    """The units of an experiment.

    variants  int64, shape (n,): place among the experiment's variants
    first_us  int64, shape (n,): when a unit saw its first list
    is_over   bool, shape (n,): its time is over, so that it counts
    values    metric → float64, shape (n,)
    before    float64, shape (n, k): log(1 + n) of what it did before; k = 0 where nothing is known
    n_lists, n_astray  by variant: lists, and those that another model than the variant's made
    """

    variants: NDArray[np.int64]
    first_us: NDArray[np.int64]
    is_over: NDArray[np.bool_]
    values: dict[str, NDArray[np.float64]]
    before: NDArray[np.float64]
    n_lists: tuple[int, ...]
    n_astray: tuple[int, ...]


def outcomes(bench: Workbench, experiment: Experiment) -> Outcomes:
    """Read them from the lake: `exposures` joined to `events`; none before the first list."""
    if bench.lake.find("exposures") is None or bench.lake.find("events") is None:
        return _none(experiment)
    shown = bench.read("exposures").filter(lambda t: t.experiment == experiment.name)
    events = bench.read("events")
    window_us = int(experiment.declared.window_days * DAY_US)
    first = shown.group_by("unit").aggregate(
        variant=shown.variant.min(), first_us=shown.shown_us.min()
    )
    units = bench.con.create_table("experiment_units", first, temp=True, overwrite=True)
    after = _answers(shown, events, units, window_us)
    own = _own(bench, experiment, events, units, window_us)
    table = bench.con.to_pyarrow(
        units.left_join(after, "unit").drop("unit_right")
        .left_join(own, "unit").drop("unit_right").order_by("first_us", "unit")
    )  # fmt: skip
    return _as_arrays(bench, experiment, table, shown, window_us)


def _none(experiment: Experiment) -> Outcomes:
    nothing = (0,) * len(experiment.variants)
    ints, floats = np.empty(0, dtype=np.int64), np.empty(0)
    values = dict.fromkeys(METRICS, floats)
    return Outcomes(ints, ints, np.empty(0, bool), values, np.empty((0, 0)), nothing, nothing)


def _answers(shown: Table, events: Table, units: Table, window_us: int) -> Table:
    """Tell of each unit what its lists led to within its time."""
    lines = shown.join(units.drop("variant"), "unit")
    named = events.filter(events.recommendation_id.notnull()).select(
        "recommendation_id", "item_id", "event_type", "occurred_us"
    )
    within = [
        lines.recommendation_id == named.recommendation_id,
        lines.item_id == named.item_id,
        named.occurred_us >= lines.shown_us - SLACK_US,
        named.occurred_us < lines.first_us + window_us,
    ]
    joined = lines.join(named, within)
    did = {name: joined.event_type.isin(kinds).any() for name, kinds in DID.items()}
    return joined.group_by("unit").aggregate(**did)


def _own(
    bench: Workbench, experiment: Experiment, events: Table, units: Table, window_us: int
) -> Table:
    """Tell of each unit how often it bought anything within its time, and what it did before."""
    column, declared = NAMED_BY[experiment.declared.unit], experiment.declared
    known = bench.con.to_pyarrow(events.select(column).distinct())[column].drop_null().to_pylist()
    codes = [place_of(experiment.salt, declared.unit, name)[1] for name in known]
    names = pa.table({"unit": pa.array(codes, pa.string()), "name": pa.array(known, pa.string())})
    coded = bench.con.create_table("experiment_names", names, temp=True, overwrite=True)
    theirs = units.join(coded, "unit").join(events, coded.name == events[column])
    since = theirs.occurred_us - theirs.first_us
    is_after, is_bought = (since >= 0) & (since < window_us), theirs.event_type == PURCHASE
    is_before = (since < 0) & (since >= -int(declared.before_days * DAY_US))
    return theirs.group_by("unit").aggregate(
        purchases=(is_after & is_bought).sum(),
        n_before=is_before.sum(),
        n_bought_before=(is_before & is_bought).sum(),
    )


def _as_arrays(
    bench: Workbench, experiment: Experiment, table: pa.Table, shown: Table, window_us: int
) -> Outcomes:
    places = {variant.name: place for place, variant in enumerate(experiment.variants)}
    first_us = table["first_us"].to_numpy().astype(np.int64)
    values = {name: _numbers(table, name) for name in METRICS}
    values["purchases"] = np.minimum(values["purchases"], MOST_PURCHASES)
    is_known = experiment.declared.unit == "user" and experiment.declared.before_days > 0
    before = [np.log1p(_numbers(table, name)) for name in BEFORE] if is_known else []
    n_lists, n_astray = _lists(bench, experiment, shown)
    return Outcomes(
        variants=np.array([places[one] for one in table["variant"].to_pylist()], dtype=np.int64),
        first_us=first_us,
        is_over=first_us + window_us <= _known_us(bench),
        values=values,
        before=np.column_stack(before) if before else np.empty((len(first_us), 0)),
        n_lists=n_lists,
        n_astray=n_astray,
    )


def _numbers(table: pa.Table, name: str) -> NDArray[np.float64]:
    numbers: NDArray[np.float64] = (
        table[name].cast(pa.float64() if name not in DID else pa.int8()).fill_null(0).to_numpy()
    )
    return numbers.astype(np.float64)


def _lists(
    bench: Workbench, experiment: Experiment, shown: Table
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Count the lists of each variant, and those of another model."""
    counts = shown.group_by("variant", "model_version").aggregate(
        n=shown.recommendation_id.nunique()
    )
    rows = bench.con.to_pyarrow(counts).to_pylist()
    n_lists, n_astray = [], []
    for variant in experiment.variants:
        of = [row for row in rows if row["variant"] == variant.name]
        n_lists.append(sum(row["n"] for row in of))
        n_astray.append(sum(row["n"] for row in of if row["model_version"] != variant.version))
    return tuple(n_lists), tuple(n_astray)


def _known_us(bench: Workbench) -> int:
    """Return the moment up to which events are known."""
    newest = bench.con.to_pyarrow(bench.read("events").occurred_us.max()).as_py()
    return min(int(newest or 0), bench.now_us)
