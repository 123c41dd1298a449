"""The command that writes lists for every user."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from recomart.cli.context import Context


@click.command()
@click.option("-n", "--n-items", type=click.IntRange(1, 1000), help="Length of a list.")
@click.option("--model", metavar="NAME", help="Another than the settings say; `cascade` is slow.")
@click.option("--force", is_flag=True, help="Do it again even if nothing changed.")
@click.pass_obj
def batch(context: Context, n_items: int | None, model: str | None, force: bool) -> None:
    """Write the best items of every user as the data set `recommendations`.

    \b
    Examples:
      recomart batch
      recomart batch -n 50 --model ials
    """
    from recomart.lake import open_lake
    from recomart.pipeline.batch import recommend_all
    from recomart.vocabulary import RECOMMENDATIONS

    given = {"n_items": n_items, "model": model}
    context.flags += tuple(f"batch.{key}={value}" for key, value in given.items() if value)
    loaded = context.load()
    record = recommend_all(loaded, force=force)
    manifest = open_lake(loaded).latest(RECOMMENDATIONS)
    told = {name: manifest.details[name] for name in ("model", "why", "n_users", "n_items")}
    told |= {"rows": manifest.rows, "partitions": len(manifest.files), "number": manifest.number}
    told |= {"version": manifest.version, "seconds": record.seconds}
    context.answer_one({**told, "outcome": record.stages[0].outcome})
