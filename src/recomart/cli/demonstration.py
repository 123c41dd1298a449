"""The demonstration: a made-up shop, taken from raw files to recommendations."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import click

from recomart.cli.context import Context, table
from recomart.cli.work import run_and_tell
from recomart.errors import SettingsError
from recomart.settings.templates import template_text

if TYPE_CHECKING:
    from pathlib import Path

    from recomart.settings import Loaded

N_USERS_SHOWN = 5
N_ITEMS_SHOWN = 3


def demonstrate(context: Context, folder: Path, n_users: int, seed: int) -> None:
    """Make the shop if it is not there, run the pipeline on it, and show what came out."""
    from recomart.sources.catalogue_server import serve_catalogue

    shop = make_shop(folder, n_users, seed)
    settings = folder / "recomart.yaml"
    if not settings.exists():
        settings.write_text(template_text("demo"), encoding="utf-8")
    products = json.loads((shop / "products.json").read_text(encoding="utf-8"))
    with serve_catalogue(products) as server:
        address = f"sources.catalogue.url={server.url}"
        loaded = Context(str(settings), (*context.flags, address)).load()
        if not context.as_json:
            click.echo(f"Catalogue served at {server.url}\n")
        record = run_and_tell(loaded, quiet=context.as_json)
    show_models(context, loaded)
    example = show_lists(context, loaded)
    show_reports(context, loaded)
    if not context.as_json:
        click.echo(
            f"\nDone in {record.seconds:.1f} s. Next: recomart -s {folder} recommend -u {example}"
        )


def make_shop(folder: Path, n_users: int, seed: int) -> Path:
    """Return the folder with the shop's files; made aside and moved, so never half there."""
    from recomart.sources.generator import DEMO_SHOP, generate_shop

    shop = folder / "shop"
    spec = DEMO_SHOP.model_copy(update={"n_users": n_users, "seed": seed, "n_events": 60 * n_users})
    told = folder / "shop.json"
    if shop.is_dir():
        if told.read_text(encoding="utf-8") != spec.model_dump_json():
            raise SettingsError(
                f"{folder} holds a shop made with other options.",
                remedy="Name another --folder, or remove this one.",
            )
        return shop
    aside = folder / "shop.partial"
    shutil.rmtree(aside, ignore_errors=True)
    generate_shop(aside, spec)
    told.write_text(spec.model_dump_json(), encoding="utf-8")
    aside.rename(shop)
    return shop


def show_models(context: Context, loaded: Loaded) -> None:
    """Print each model's metrics with their intervals."""
    from recomart.evaluation.stage import comparison

    rows = comparison(loaded)
    if context.as_json:
        context.answer(rows)
        return
    columns = list(rows[0])
    click.echo()
    table(columns, [list(row.values()) for row in rows], "Models on the test window")


def show_lists(context: Context, loaded: Loaded) -> str:
    """Print what a few typical users would see; return one of them."""
    from recomart.ranking.champion import Champion, typical_users

    champion = Champion.open(loaded)
    users = typical_users(champion, N_USERS_SHOWN)
    for user in users:
        lines = champion.recommend(user, N_ITEMS_SHOWN)
        if not context.as_json:
            click.echo()
            rows = [(line.rank, line.title, line.price, line.reason) for line in lines]
            table(("rank", "title", "price", "reason"), rows, f"For user {user}")
    return users[0]


def show_reports(context: Context, loaded: Loaded) -> None:
    """Write the reports and say where they are."""
    from recomart.pipeline.published import publish_reports

    paths = publish_reports(loaded)
    if not context.as_json:
        click.echo("\nReports:")
        for path in paths:
            click.echo(f"  {path}")
