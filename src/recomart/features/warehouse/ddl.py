"""The statements of the warehouse, for SQLite and PostgreSQL. Every name is a definition's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from recomart.features.definition import FeatureView
    from recomart.settings import FeatureSettings

SQLITE_TYPES = {"string": "TEXT", "int64": "INTEGER", "float64": "REAL", "boolean": "INTEGER"}
POSTGRES_TYPES = {
    "string": "text",
    "int64": "bigint",
    "float64": "double precision",
    "boolean": "boolean",
}


@dataclass(frozen=True)
class Dialect:
    """How one database writes what both can do.

    types      feature type → column type
    differs    operator that tells whether two values differ, nulls included
    is_inline  comments stand in the statement that makes the table; else they are statements
    tail       what follows the table
    """

    types: Mapping[str, str]
    differs: str
    is_inline: bool
    tail: str = ""


SQLITE = Dialect(SQLITE_TYPES, "IS NOT", is_inline=True, tail=" WITHOUT ROWID")
POSTGRES = Dialect(POSTGRES_TYPES, "IS DISTINCT FROM", is_inline=False)


@dataclass(frozen=True)
class Table:
    """A view as a table: its name, columns with types and meanings, key."""

    name: str
    says: str
    keys: tuple[str, ...]
    columns: Mapping[str, str]
    meanings: Mapping[str, str]

    @classmethod
    def of(cls, view: FeatureView, settings: FeatureSettings, schema: str = "") -> Table:
        """Describe the table of a view; one without version: the warehouse holds the current."""
        return cls(
            name=f"{schema}.{quoted(view.name)}" if schema else quoted(view.name),
            says=f"{view.says}; version {view.version}",
            keys=tuple(view.keys),
            columns=view.columns(settings),
            meanings={feature.name: feature.says for feature in view.features(settings)},
        )

    def create(self, dialect: Dialect) -> str:
        """Return the documented statement that makes the table."""
        head = f" -- {self.says}" if dialect.is_inline else ""
        lines = []
        for column, dtype in self.columns.items():
            line = f"    {self.column(column, dtype, dialect)}"
            line += " NOT NULL," if column in self.keys else ","
            lines.append(f"{line} -- {self.meaning(column)}" if dialect.is_inline else line)
        body = "\n".join(lines)
        keys = ", ".join(map(quoted, self.keys))
        return (
            f"CREATE TABLE {self.name} ({head}\n{body}\n    PRIMARY KEY ({keys})\n){dialect.tail}"
        )

    def column(self, name: str, dtype: str, dialect: Dialect) -> str:
        """Return a column's name and type; words of keys sort by their bytes everywhere."""
        is_word = dtype == "string" and name in self.keys and not dialect.is_inline
        return f"{quoted(name)} {dialect.types[dtype]}" + (' COLLATE "C"' if is_word else "")

    def meaning(self, column: str) -> str:
        """Return what a column means."""
        return self.meanings.get(column, "key")

    def comments(self, columns: Iterable[str]) -> list[str]:
        """Return the statements that say what the table and its columns mean."""
        said = [f"COMMENT ON TABLE {self.name} IS {_text(self.says)}"]
        return said + [
            f"COMMENT ON COLUMN {self.name}.{quoted(name)} IS {_text(self.meaning(name))}"
            for name in columns
        ]

    def add(self, column: str, dialect: Dialect) -> str:
        """Return the statement that adds a column; null until values are loaded."""
        typed = self.column(column, self.columns[column], dialect)
        return f"ALTER TABLE {self.name} ADD COLUMN {typed}"

    def upsert(self, staged: str, dialect: Dialect) -> str:
        """Return the statement that brings rows from `staged`: new ones, and those that differ."""
        names = ", ".join(map(quoted, self.columns))
        values = [quoted(name) for name in self.columns if name not in self.keys]
        sets = ", ".join(f"{name} = excluded.{name}" for name in values)
        here = self.name.rpartition(".")[2]
        differs = " OR ".join(f"{here}.{n} {dialect.differs} excluded.{n}" for n in values)
        keys = ", ".join(map(quoted, self.keys))
        return (
            f"INSERT INTO {self.name} AS {here} ({names}) SELECT {names} FROM {staged} WHERE true "
            f"ON CONFLICT ({keys}) DO UPDATE SET {sets} WHERE {differs}"
        )

    def insert(self, staged: str) -> str:
        """Return the statement that fills an empty table."""
        names = ", ".join(map(quoted, self.columns))
        return f"INSERT INTO {self.name} ({names}) SELECT {names} FROM {staged}"

    def remove(self, staged: str) -> str:
        """Return the statement that deletes the rows whose keys are not in `staged`."""
        keys = ", ".join(map(quoted, self.keys))
        return f"DELETE FROM {self.name} WHERE ({keys}) NOT IN (SELECT {keys} FROM {staged})"


def quoted(name: str) -> str:
    """Return an identifier in quotes."""
    return '"' + name.replace('"', '""') + '"'


def _text(words: str) -> str:
    return "'" + words.replace("'", "''") + "'"
