"""The warehouse: the current features in tables, for SQL; in SQLite or PostgreSQL.

Reads    data sets of feature views
Writes   one table a view, with documented columns
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recomart.errors import NotFoundError
from recomart.features.views import views_of
from recomart.features.warehouse.ddl import SQLITE, Table
from recomart.settings.places import scheme_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from recomart.features.definition import FeatureView
    from recomart.features.warehouse.base import Warehouse
    from recomart.lake import Workbench
    from recomart.settings import FeatureSettings, Loaded

__all__ = ["create_statement", "load_warehouse", "open_warehouse", "read_features"]


def open_warehouse(loaded: Loaded) -> Warehouse:
    """Open the warehouse of the settings. Raises StoreUnavailableError, MissingExtraError."""
    place = loaded.settings.paths.warehouse
    if scheme_of(place) in ("postgresql", "postgres"):
        from recomart.features.warehouse.postgres import PostgresWarehouse

        return PostgresWarehouse(place)
    from recomart.features.warehouse.sqlite import SqliteWarehouse

    return SqliteWarehouse(loaded.path(place))


def load_warehouse(bench: Workbench) -> None:
    """Bring each view's table to the current version of its data set.

    A version that is loaded already costs a look, unless it is forced. A new one changes what
    differs in one transaction: a reader, or a run that is killed, sees the old rows or the new.
    """
    settings = bench.settings.features
    warehouse = open_warehouse(bench.loaded)
    try:
        for view in views_of(settings).values():
            manifest = bench.lake.latest(view.dataset)
            table = Table.of(view, settings, warehouse.schema)
            current = (manifest.version, warehouse.shape(table))
            if warehouse.held(view.name) == current and not bench.force:
                continue
            rows = bench.stream(bench.open_files(manifest.files, manifest))
            changes = warehouse.load(view.name, manifest.version, table, rows)
            for change in changes:
                bench.log.info("table_changed", view=view.name, what=change)
            bench.log.info("view_loaded", view=view.name, rows=manifest.rows)
    finally:
        warehouse.close()


def create_statement(view: FeatureView, settings: FeatureSettings) -> str:
    """Return the documented statement that makes a view's table in SQLite."""
    return Table.of(view, settings).create(SQLITE)


def read_features(
    loaded: Loaded, view: str, keys: Sequence[tuple[Any, ...]]
) -> list[dict[str, Any]]:
    """Return the rows of a view with these keys, in their order; unknown keys give no row.

    Raises NotFoundError for a view that is not defined or not loaded.
    """
    views = views_of(loaded.settings.features)
    if view not in views:
        raise NotFoundError.of("feature view", view, views)
    warehouse = open_warehouse(loaded)
    try:
        return warehouse.read(view, views[view].keys, keys)
    finally:
        warehouse.close()
