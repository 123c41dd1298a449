"""The command of the web app."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from recomart.cli.context import Context


@click.command()
@click.option("--api", metavar="URL", help="The service that it asks for lists and metrics.")
@click.option("--other-api", metavar="URL", help="A second one, shown beside the first.")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port to listen on; 0: any.")
@click.option("--open", "open_it", is_flag=True, help="Open it in a browser.")
@click.pass_obj
def dashboard(
    context: Context, api: str | None, other_api: str | None, port: int | None, open_it: bool
) -> None:
    """Show the shop in a browser: what runs, how good, how fresh, who is shown what, and why.

    It reads the lake and asks the API, listens on this machine alone, and ends with Ctrl-C.

    \b
    Examples:
      recomart -s demo dashboard --open
      recomart dashboard --api http://127.0.0.1:8000 --port 8501
    """
    from recomart.dashboard.running import serve

    flags = {"api": api, "other_api": other_api, "port": port}
    told = [f"dashboard.{name}={value}" for name, value in flags.items() if value is not None]
    context.flags += tuple(told)

    def ready(url: str) -> None:
        click.echo(f"Dashboard on {url} (Ctrl-C ends it)", err=True)
        if open_it:
            click.launch(url)

    serve(context.load(), context.given, ready)
