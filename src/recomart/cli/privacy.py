"""Commands over what is known of a user: tell it, or erase it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from recomart.cli.context import Context
    from recomart.lake import Receipt


@click.command()
@click.option("--user", "-u", "user_id", metavar="ID", help="Who is to be erased.")
@click.option("--pending", is_flag=True, help="Carry out the orders that wait, of the API, too.")
@click.option("--receipts", is_flag=True, help="Show what was done; with --user, about them.")
@click.option("--by", default="", metavar="NAME", help="Who asks for it, for the receipt.")
@click.pass_obj
def erase(context: Context, user_id: str | None, pending: bool, receipts: bool, by: str) -> None:
    """Erase a user from the lake (all versions), the stores, the models, the logs and reports.

    \b
    Examples:
      recomart erase --user u0042 --by "request 17"
      recomart erase --pending
      recomart erase --receipts --user u0042
    """
    from recomart.lake import Erasures
    from recomart.pipeline import erasing

    loaded = context.load()
    if receipts:
        found = Erasures.of(loaded).receipts(user_id)
        columns = ("erasure_id", "asked_by", "asked_at", "done_at", "user")
        context.answer((one.model_dump() for one in found), columns)
        return
    if (user_id is None) != pending:
        raise click.UsageError("Give either --user ID or --pending.")
    done = erasing.finish(loaded)
    if user_id is not None:
        done = [erasing.erase(loaded, user_id, by)]
    for receipt in done:
        _tell(context, receipt)


@click.command()
@click.option("--user", "-u", "user_id", required=True, metavar="ID", help="Whose data.")
@click.option("--to", "target", type=click.File("w", encoding="utf-8"), default="-", help="File.")
@click.pass_obj
def export(context: Context, user_id: str, target: Any) -> None:  # noqa: ANN401 -- a stream
    """Write all that is known of a user, a line of JSON a record.

    \b
    Example:
      recomart export --user u0042 --to u0042.jsonl
    """
    from recomart.pipeline.erasing import as_line, known_of

    for data_set, record in known_of(context.load(), user_id):
        target.write(f"{as_line(data_set, record)}\n")


def _tell(context: Context, receipt: Receipt) -> None:
    told = receipt.model_dump()
    if not context.as_json:
        told["touched"] = (
            f"{len(receipt.touched)} places, {sum(f.rows for f in receipt.touched)} rows"
        )
        told |= {name: "; ".join(told[name]) or None for name in ("remains", "not_reached")}
    context.answer_one(told)
