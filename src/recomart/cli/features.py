"""Commands over the feature store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from recomart.cli.context import Context

VIEW_COLUMNS = ("view", "version", "entity", "n_features", "rows", "as_of", "owner")


@click.group()
def features() -> None:
    """Look at feature views: what they mean, how they changed, what they say of somebody."""


@features.command("list")
@click.option("--all", "each", is_flag=True, help="Each feature, not each view.")
@click.pass_obj
def list_all(context: Context, each: bool) -> None:
    """List the registered views, or every feature of them.

    \b
    Examples:
      recomart features list
      recomart features list --all
    """
    from recomart.features.catalogue import list_features, list_views

    if each:
        columns = ("feature", "version", "type", "window_days", "description")
        context.answer(list_features(context.lake()), columns)
    else:
        context.answer(list_views(context.lake()), VIEW_COLUMNS)


@features.command()
@click.argument("name")
@click.option("--sql", "sql_only", is_flag=True, help="Only the SQL that makes it.")
@click.pass_obj
def show(context: Context, name: str, sql_only: bool) -> None:
    """Tell all of a view, NAME or NAME:VERSION.

    \b
    Examples:
      recomart features show user_features
      recomart features show user_features:v1 --sql
    """
    from recomart.cli.context import table
    from recomart.features.catalogue import show_view

    view = show_view(context.lake(), name)
    if sql_only:
        click.echo(view["transformation"])
        return
    if context.as_json:
        context.answer_one(view)
        return
    described = view.pop("features")
    view.pop("transformation")
    context.answer_one(view)
    click.echo()
    columns = ("name", "dtype", "window_days", "description")
    table(columns, [[feature[column] for column in columns] for feature in described])


@features.command()
@click.argument("name")
@click.pass_obj
def history(context: Context, name: str) -> None:
    """List the versions of a view, and what each changed.

    \b
    Example:
      recomart features history user_features
    """
    from recomart.features.catalogue import history_of

    rows = history_of(context.lake(), name)
    context.answer(rows, ("version", "created_at", "rows", "as_of", "changes"))


@features.command()
@click.argument("name")
@click.argument("one")
@click.argument("other")
@click.pass_obj
def diff(context: Context, name: str, one: str, other: str) -> None:
    """Tell what differs between two versions of a view.

    \b
    Example:
      recomart features diff user_features v1 v2
    """
    from recomart.features.catalogue import compare

    found = compare(context.lake(), name, one, other)
    if context.as_json:
        context.answer_one(found)
        return
    click.echo("\n".join(found["changes"]) or "Nothing differs.")
    if found["sql"]:
        click.echo(f"\n{found['sql']}")


@features.command()
@click.argument("name")
@click.argument("key", nargs=-1)
@click.option("-n", "--most", default=10, show_default=True, help="Rows at most, without a key.")
@click.pass_obj
def get(context: Context, name: str, key: tuple[str, ...], most: int) -> None:
    """Show values: of one KEY from the online store, or the first rows of the offline store.

    \b
    Examples:
      recomart features get user_features 17850
      recomart features get user_item_features 17850 85123A
      recomart features get item_features.price -n 5
    """
    from recomart.features.store import FeatureStore

    with FeatureStore(context.load()) as store:
        if not key:
            found = store.get_feature(name).slice(0, most)
            context.answer(found.to_pylist(), found.column_names)
            return
        context.answer_one(store.look_up(name, key))


@features.command()
@click.pass_obj
def freshness(context: Context) -> None:
    """Tell how fresh the online store is; exit with 1 if a view is too old or not there.

    \b
    Example:
      recomart features freshness
    """
    from recomart.features.store import FeatureStore

    with FeatureStore(context.load()) as store:
        rows = store.online.freshness()
    context.answer(rows, ("view", "version", "rows", "as_of", "materialised_at", "is_fresh"))
    if not all(row["is_fresh"] for row in rows):
        raise click.exceptions.Exit(1)
