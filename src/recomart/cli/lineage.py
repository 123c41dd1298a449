"""The command that says where something came from."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TextIO

    from recomart.cli.context import Context
    from recomart.lake import Node

MOST_FILES = 5
"""Raw files named below a data set, the newest."""
N_SHOWN = 12
"""Letters of a hash that are shown."""
N_RUN = len("20260101T120000")
"""Letters of a run's id that are shown: when it began."""


_FILE = click.File("w", encoding="utf-8", atomic=True)


@click.command()
@click.argument("name", metavar="DATASET|MODEL|RECOMMENDATION")
@click.option("--version", metavar="HASH", help="A version by the beginning of its hash.")
@click.option("--number", type=click.IntRange(1), help="A version by its number.")
@click.option("--down", is_flag=True, help="What was made from it, instead of what it is from.")
@click.option("--svg", type=_FILE, metavar="FILE", help="Also write the picture to this file.")
@click.pass_obj
def lineage(
    context: Context,
    name: str,
    version: str | None,
    number: int | None,
    down: bool,
    svg: TextIO | None,
) -> None:
    """Show what something was made from, up to the raw files; or what was made from it.

    \b
    Examples:
      recomart lineage champion                       whatever serves now
      recomart lineage 44d88981d748-0123456789ab      the model that gave a recommendation
      recomart lineage ials --svg ials.svg
      recomart lineage raw_events --down
    """
    from recomart.lake import Versions, ancestry, descent
    from recomart.pipeline.lineage import find_version, outline

    lake = context.lake()
    found = find_version(lake, name, version=version, number=number)
    known = descent(Versions(lake), found) if down else ancestry(Versions(lake), [found])
    if svg:
        from recomart.pipeline.lineage_picture import picture

        svg.write(picture(known))
    if context.as_json:
        context.answer_one(known.as_record())
    else:
        _print(_lines(outline(known, down=down)))


def _lines(outline: Iterable[tuple[int, list[Node], bool]]) -> Iterator[tuple[int, str]]:
    """Put every version into words, and below raw data the files that it came in."""
    for depth, nodes, is_known in outline:
        if is_known:
            yield depth, f"and {', '.join(map(_name, nodes))}: see above"
            continue
        [node] = nodes
        yield depth, _says(node)
        for file in node.files[-MOST_FILES:]:
            yield depth + 1, f"{file.partition}  {file.rows:,} rows  sha256 {file.sha256[:N_SHOWN]}"
        if len(node.files) > MOST_FILES:
            yield depth + 1, f"and {len(node.files) - MOST_FILES:,} files before them"


def _name(node: Node) -> str:
    return f"{node.name} #{node.manifest.number}" if node.manifest else node.name


def _says(node: Node) -> str:
    there, version = node.manifest, node.version[:N_SHOWN]
    if there is None:
        return f"{node.name}  {version}  not in the lake"
    rows = f"  {there.rows:,} rows" if there.rows else ""
    return f"{_name(node)}  {version}{rows}  run {there.run_id[:N_RUN]}"


def _print(lines: Iterable[tuple[int, str]]) -> None:
    """Print a tree: drawn on a terminal, indented lines elsewhere; names are text, no more."""
    plain = [(depth, "".join(c if c.isprintable() else "?" for c in text)) for depth, text in lines]
    if not sys.stdout.isatty():
        for depth, text in plain:
            click.echo("  " * depth + text)
        return
    from rich.console import Console
    from rich.text import Text
    from rich.tree import Tree

    above = [Tree(Text(plain[0][1]))]
    for depth, text in plain[1:]:
        del above[depth:]
        above.append(above[-1].add(Text(text)))
    Console().print(above[0])
