"""Commands to begin with: write settings, look at them, and see it all work on a made-up shop."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from recomart.errors import BadInputError

if TYPE_CHECKING:
    from recomart.cli.context import Context

TEMPLATES = ("basic", "online-retail", "retailrocket")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--template", "-t", type=click.Choice(TEMPLATES), default="basic", show_default=True)
@click.option(
    "--data", type=click.Path(path_type=Path), help="Folder of the data files, if not in FOLDER."
)
def init(folder: Path, template: str, data: Path | None) -> None:
    """Write a commented recomart.yaml into FOLDER. Nothing that is there is overwritten.

    \b
    Examples:
      recomart init my-shop
      recomart init gifts -t online-retail --data ~/online_retail/by-day
    """
    from recomart.settings.templates import TEMPLATES as DEFAULTS
    from recomart.settings.templates import template_text

    place = data.resolve().as_posix() if data else DEFAULTS[template]
    target = write_new(folder / "recomart.yaml", template_text(template, data=place))
    click.echo(f"Wrote {target}. Next: recomart -s {folder} run")


def write_new(target: Path, text: str) -> Path:
    """Write a file that was not there. Raises BadInputError if it was."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise BadInputError(
            f"{target} is there already.", remedy="Choose another folder, or remove the file."
        ) from None
    return target


@click.group()
def config() -> None:
    """Look at the settings."""


@config.command()
@click.option("--origin", is_flag=True, help="Also say where each value came from.")
@click.pass_obj
def show(context: Context, origin: bool) -> None:
    """Print every setting as it is in force. Secrets are hidden.

    \b
    Examples:
      recomart config show --origin
      RECOMART_ENGINE__THREADS=1 recomart --json config show
    """
    from recomart.settings.places import without_secrets

    loaded = context.load_root()
    tree = without_secrets(loaded.settings.model_dump(mode="json", by_alias=True))
    if context.as_json and not origin and isinstance(tree, dict):
        context.answer_one(tree)
        return
    rows = [
        {"key": ".".join(key), "value": value, "origin": loaded.origin(key)}
        for key, value in _leaves(tree)
    ]
    context.answer(rows, ("key", "value", "origin") if origin else ("key", "value"))


def _leaves(tree: object, above: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], object]]:
    if isinstance(tree, dict) and tree:
        return [leaf for word, below in tree.items() for leaf in _leaves(below, (*above, word))]
    if isinstance(tree, list) and tree and isinstance(tree[0], dict):
        numbered = enumerate(tree)
        return [leaf for k, below in numbered for leaf in _leaves(below, (*above, str(k)))]
    return [(above, tree)]


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), default=Path("demo"), show_default=True)
@click.option("--users", default=2_000, show_default=True, type=click.IntRange(50, 1_000_000))
@click.option("--seed", default=7, show_default=True, help="Another seed, another shop.")
@click.pass_obj
def demo(context: Context, folder: Path, users: int, seed: int) -> None:
    """Make up a shop and take it all the way, from raw files to recommendations.

    Writes the shop's files, serves its catalogue over HTTP on this machine, runs the whole
    pipeline, and ends with the models compared, five users' lists and the reports. Run it again:
    what is done is skipped.

    \b
    Example:
      recomart demo --folder demo
    """
    from recomart.cli.demonstration import demonstrate

    demonstrate(context, folder, users, seed)
