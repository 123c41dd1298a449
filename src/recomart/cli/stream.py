"""Commands of the stream: take events from a broker, look at it, pause and resume it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from recomart.cli.context import Context
    from recomart.stream.base import Start


@click.group(invoke_without_command=True)
@click.option(
    "--from",
    "start",
    type=click.Choice(["kept", "earliest", "latest"]),
    default="kept",
    show_default=True,
    help="Begin where it was, or at the oldest or newest message of the broker.",
)
@click.option("--once", is_flag=True, help="End when the broker has no more.")
@click.option("--metrics-port", type=click.IntRange(0, 65_535), help="Tell metrics; 0: any port.")
@click.pass_context
def stream(
    click_context: click.Context, start: Start, once: bool, metrics_port: int | None
) -> None:
    """Take events from a broker until stopped: each once, at once known to lists.

    \b
    Examples:
      recomart --set stream.url=kafka://broker:9092 stream
      recomart stream --metrics-port 9109
      recomart stream pause
    """
    if click_context.invoked_subcommand:
        return
    from recomart.stream import stream as run

    context: Context = click_context.obj
    if metrics_port is not None:
        context.flags += (f"stream.metrics_port={metrics_port}",)
    run(context.load(), start=start, is_once=once, tell=lambda said: click.echo(said, err=True))


@stream.command()
@click.pass_obj
def status(context: Context) -> None:
    """Show how far the stream and the lake have come, by partition.

    \b
    Example:
      recomart stream status
    """
    from recomart.stream.running import standing

    found = asdict(standing(context.load()))
    if context.as_json:
        context.answer_one(found)
        return
    partitions = found.pop("partitions")
    context.answer_one(found)
    context.answer(partitions, ("partition", "taken", "in_lake"))


@stream.command()
@click.pass_obj
def pause(context: Context) -> None:
    """Take no more until resumed, also after a restart; the broker keeps what comes.

    \b
    Example:
      recomart stream pause
    """
    _pause(context, is_paused=True)


@stream.command()
@click.pass_obj
def resume(context: Context) -> None:
    """Go on where it was paused.

    \b
    Example:
      recomart stream resume
    """
    _pause(context, is_paused=False)


def _pause(context: Context, *, is_paused: bool) -> None:
    from recomart.stream.running import pause as set_paused

    name = set_paused(context.load(), is_paused=is_paused)
    context.answer_one({"stream": name, "is_paused": is_paused})
