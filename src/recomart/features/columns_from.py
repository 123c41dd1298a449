"""Which columns of the prepared data a feature comes from: read off its expression.

No data are needed; the expression of a view says it all.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import ibis.expr.operations as ops

from recomart.features.registry import expression_of
from recomart.features.views import views_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ibis.expr.operations import Node, Relation

    from recomart.features.definition import FeatureView
    from recomart.settings import FeatureSettings

Columns = frozenset[tuple[str, str]]
"""Pairs of a data set and a column of it."""
NONE: Columns = frozenset()


@dataclass(frozen=True)
class Origin:
    """What a feature comes from.

    values      columns in its expression: what is added up, compared, looked up
    conditions  columns that decide which rows those are: of keys, filters, joins, orders
    """

    values: Columns = NONE
    conditions: Columns = NONE

    def __or__(self, other: Origin) -> Origin:
        """Return what comes from both."""
        return Origin(self.values | other.values, self.conditions | other.conditions)

    @property
    def all(self) -> Columns:
        """Every column that it depends on."""
        return self.values | self.conditions


NOWHERE = Origin()


def origins_of(view: FeatureView, settings: FeatureSettings) -> dict[str, Origin]:
    """Return where each feature of a view comes from, in the order of the view."""
    table, reader = expression_of(view, settings).op(), _Reader()
    rows = reader.rows(table)
    found = {f.name: reader.column(table, f.name) for f in view.features(settings)}
    return {name: Origin(one.values, one.conditions | rows) for name, one in found.items()}


def origins_of_all(settings: FeatureSettings) -> dict[str, dict[str, Origin]]:
    """Return where each feature of each view of a shop comes from, by data set of the view."""
    return {view.dataset: origins_of(view, settings) for view in views_of(settings).values()}


class _Reader:
    """Walks expressions down to the tables; what was met once is known."""

    def __init__(self) -> None:
        self._columns: dict[tuple[Relation, str], Origin] = {}
        self._rows: dict[Relation, Columns] = {}
        self._values: dict[Node, Origin] = {}

    def column(self, table: Relation, name: str) -> Origin:
        """Return where a column of a table comes from."""
        at = (table, name)
        if at not in self._columns:
            self._columns[at] = self._column(table, name)
        return self._columns[at]

    def rows(self, table: Relation) -> Columns:
        """Return the columns that decide which rows a table has.

        A left join is taken to add none: that is what `attach` promises.
        """
        if table not in self._rows:
            self._rows[table] = self._rows_of(table)
        return self._rows[table]

    def _column(self, table: Relation, name: str) -> Origin:
        if isinstance(table, ops.PhysicalTable):
            return Origin(frozenset({(table.name, name)}))
        if isinstance(table, ops.Aggregate) and name in table.metrics:
            return self.value(table.metrics[name]) | Origin(NONE, self.rows(table))
        if isinstance(table, ops.JoinChain):
            return self.value(table.values[name]) | self._joined(table, name)
        if isinstance(table, ops.Project | ops.Aggregate):
            return self.value(table.values[name])
        below = [self.column(one, name) for one in _tables(table) if name in one.schema]
        return reduce(Origin.__or__, below, NOWHERE)

    def _joined(self, table: ops.JoinChain, name: str) -> Origin:
        """Return what decides from which row of another table a column is taken."""
        used = table.values[name].relations
        found = NONE
        for link in table.rest:
            if link.table in used:
                found |= self._all(link.predicates) | self.rows(link.table)
        return Origin(NONE, found)

    def _rows_of(self, table: Relation) -> Columns:
        if isinstance(table, ops.PhysicalTable):
            return NONE
        if isinstance(table, ops.JoinChain):
            return self._rows_of_join(table)
        found = reduce(frozenset.union, map(self.rows, _tables(table)), NONE)
        if isinstance(table, ops.Filter):
            found |= self._all(table.predicates)
        if isinstance(table, ops.Aggregate):
            found |= self._all(table.groups.values())
        return found

    def _rows_of_join(self, table: ops.JoinChain) -> Columns:
        found = self.rows(table.first)
        for link in table.rest:
            if link.how != "left":
                found |= self.rows(link.table) | self._all(link.predicates)
        return found

    def _all(self, values: Iterable[Node]) -> Columns:
        return reduce(Origin.__or__, map(self.value, values), NOWHERE).all

    def value(self, node: Node) -> Origin:
        """Return where a value comes from."""
        if node not in self._values:
            self._values[node] = self._value(node)
        return self._values[node]

    def _value(self, node: Node) -> Origin:
        if isinstance(node, ops.Field):
            return self.column(node.rel, node.name)
        if isinstance(node, ops.WindowFunction):
            return self.value(node.func) | Origin(NONE, self._all([*node.group_by, *node.order_by]))
        if isinstance(node, ops.Relation):
            return NOWHERE  # the rows that are counted; whoever aggregates them knows which
        return reduce(Origin.__or__, map(self.value, node.__children__), NOWHERE)


def _tables(table: Relation) -> list[Relation]:
    """Return the tables right below one."""
    return [one for one in table.__children__ if isinstance(one, ops.Relation)]
