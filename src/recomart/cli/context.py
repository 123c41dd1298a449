"""What every command shares: the settings asked for, and the two ways to answer."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from recomart.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from recomart.lake import Lake
    from recomart.settings import Loaded


class Context:
    """The options before the command; with a shop, those that lead to it from its root."""

    def __init__(
        self,
        settings: str | None,
        flags: Iterable[str] = (),
        *,
        shop: str | None = None,
        as_json: bool = False,
    ) -> None:
        self.file = Path(settings) if settings else None
        if shop is not None:
            self.file = _shop_of(self.file, shop)
        self.flags = tuple(flags)
        self.as_json = as_json

    @property
    def given(self) -> list[str]:
        """The options that lead another call of the command line to the same settings."""
        file = ["--settings", str(self.file.resolve())] if self.file else []
        return [*file, *(word for flag in self.flags for word in ("--set", flag))]

    def load(self) -> Loaded:
        """Read the settings. Raises SettingsError."""
        from recomart.settings import load_settings

        return load_settings(self.file, flags=self.told())

    def load_root(self) -> Loaded:
        """Read the settings, also those of a root of several shops. Raises SettingsError."""
        from recomart.settings import load_root

        return load_root(self.file, flags=self.told())

    def told(self) -> dict[tuple[str, ...], Any]:
        """Return the settings that were given as flags."""
        return dict(map(_flag, self.flags))

    def lake(self) -> Lake:
        """Open the lake of the settings."""
        from recomart.lake import open_lake

        return open_lake(self.load())

    def answer(self, value: Iterable[object], columns: Sequence[str] = ()) -> None:
        """Print rows: as JSON if asked for, else as a table of the given fields."""
        rows = [_record(row) for row in value]
        if self.as_json:
            click.echo(json.dumps(rows, indent=1, default=str, ensure_ascii=False))
        else:
            table(columns, [[row.get(name) for name in columns] for row in rows])

    def answer_one(self, value: dict[str, Any]) -> None:
        """Print one record: as JSON if asked for, else a line a field."""
        if self.as_json:
            click.echo(json.dumps(value, indent=1, default=str, ensure_ascii=False))
        else:
            width = max(map(len, value), default=0)
            for name, one in value.items():
                click.echo(f"{name:<{width}}  {cell(one)}")


def _shop_of(file: Path | None, name: str) -> Path:
    """Return the folder of a shop of a root. Raises NotFoundError, SettingsError."""
    from recomart.settings import load_root, shop_folder

    return shop_folder(load_root(file), name)


def _record(row: object) -> dict[str, Any]:
    """Return a row as a dictionary, whether it is one or a dataclass."""
    if is_dataclass(row) and not isinstance(row, type):
        return asdict(row)
    return dict(cast("Mapping[str, Any]", row))


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str = "") -> None:
    """Print a table: drawn on a terminal, plain tab-separated lines elsewhere."""
    if not sys.stdout.isatty():
        if title:
            click.echo(title)
        click.echo("\t".join(columns))
        for row in rows:
            click.echo("\t".join(cell(value) for value in row))
        return
    from rich.console import Console
    from rich.table import Table

    drawn = Table(*columns, title=title or None, title_justify="left", header_style="bold")
    for row in rows:
        drawn.add_row(*(cell(value) for value in row))
    Console().print(drawn)


def cell(value: object) -> str:
    """Write one value for a person."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value).replace("\n", " ").replace("\t", " ")


def _flag(text: str) -> tuple[tuple[str, ...], Any]:
    import yaml

    key, equals, value = text.partition("=")
    if not equals:
        raise SettingsError(
            f"--set {text!r} has no value.", remedy="Write --set engine.threads=2, for example."
        )
    return tuple(key.split(".")), yaml.safe_load(value)
