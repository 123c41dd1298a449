"""Features of two items: how often they stand in one session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from recomart.features.definition import Feature, attach, feature_view, is_interaction

if TYPE_CHECKING:
    from ibis.expr.types import Table

    from recomart.features.definition import Inputs
    from recomart.settings import FeatureSettings

MOST_ITEMS = 50
"""Distinct items of a session that are paired, the first ones: pairs grow with the square."""


def features(_: FeatureSettings) -> tuple[Feature, ...]:
    """Describe what the view computes, in order."""
    return (
        Feature("together", "int64", "sessions with both"),
        Feature("cosine", "float64", "sessions with both / sqrt(sessions with each)"),
        Feature("place", "int64", "1 for the item most often met with it"),
    )


@feature_view(
    "item_pairs",
    keys={"item_id": "string", "other_item_id": "string"},
    says="items that stand together in sessions",
    features=features,
)
def item_pairs(inputs: Inputs) -> Table:
    """Pair the items of each session; keep the closest for each item, ties by id."""
    e = inputs.events.filter(is_interaction(inputs.events))
    met = e.group_by(inputs.by("session_id", "item_id")).aggregate(first=e.session_position.min())
    by_place = ibis.window(group_by=inputs.by("session_id"), order_by=[met.first, met.item_id])
    met = met.mutate(nth=ibis.row_number().over(by_place))
    met = met.filter(met.nth < MOST_ITEMS).select(*inputs.by("session_id", "item_id"))
    other = met.view()
    same = [met[key] == other[key] for key in inputs.by("session_id")]
    both = met.join(other, [*same, met.item_id != other.item_id])
    moment = {key: met[key] for key in inputs.by()}
    both = both.select(**moment, item_id=met.item_id, other_item_id=other.item_id)
    pairs = both.group_by(inputs.by("item_id", "other_item_id")).aggregate(together=both.count())
    alone = met.group_by(inputs.by("item_id")).aggregate(sessions=met.count())
    pairs = _with_sizes(inputs, pairs, alone)
    best = ibis.window(
        group_by=inputs.by("item_id"),
        order_by=[pairs.cosine.desc(), pairs.together.desc(), pairs.other_item_id],
    )
    ranked = pairs.mutate(place=ibis.row_number().over(best) + 1)
    return ranked.filter(ranked.place <= inputs.settings.pairs_per_item)


def _with_sizes(inputs: Inputs, pairs: Table, alone: Table) -> Table:
    """Add the cosine, from how many sessions each of the two items stands in."""
    mine = alone.rename(sessions_of_item="sessions")
    its = alone.rename(other_item_id="item_id", sessions_of_other="sessions")
    joined = attach(pairs, mine, inputs.by("item_id"))
    joined = attach(joined, its, inputs.by("other_item_id"))
    sizes = (joined.sessions_of_item * joined.sessions_of_other).cast("float64").sqrt()
    return joined.select(
        *inputs.by("item_id", "other_item_id"),
        "together",
        cosine=joined.together.cast("float64") / sizes,
    )
