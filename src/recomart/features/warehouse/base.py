"""What both warehouses do: hold one table a view, brought to a version in one transaction."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from recomart.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pyarrow as pa

    from recomart.features.warehouse.ddl import Dialect, Table

    Run = Any


class Warehouse(ABC):
    """Tables of features for SQL. A reader sees a table as it was, or as it is now: never half."""

    dialect: Dialect
    schema: str = ""

    @abstractmethod
    def held(self, view: str) -> tuple[str, str] | None:
        """Return version and shape that a view's table holds, None where there is none."""

    @abstractmethod
    def load(self, view: str, version: str, table: Table, rows: pa.RecordBatchReader) -> list[str]:
        """Bring a table to a version; return what was changed in its shape."""

    @abstractmethod
    def read(
        self, view: str, keys: Mapping[str, str], values: Sequence[tuple[Any, ...]]
    ) -> list[dict[str, Any]]:
        """Return the rows with these keys, in their order; a key that is not there gives no row.

        Raises NotFoundError for a view that is not loaded.
        """

    @abstractmethod
    def of_user(self, user_id: str) -> dict[str, list[dict[str, Any]]]:
        """Return the rows of a user, by view, of the views that have a column of users."""

    @abstractmethod
    def forget_user(self, user_id: str) -> int:
        """Delete the rows of a user in one transaction, and all traces of them; return how many."""

    @abstractmethod
    def close(self) -> None:
        """End connections."""

    def shape(self, table: Table) -> str:
        """Return the statements by which a table would be made."""
        comments = [] if self.dialect.is_inline else table.comments(table.columns)
        return "\n".join([table.create(self.dialect), *comments])

    def _apply(
        self, execute: Run, table: Table, there: Mapping[str, str], staged: str
    ) -> list[str]:
        """Within a transaction: make or migrate the table, then bring the rows.

        there  columns that the table has, and their types as the database says them
        """
        changes = self._migrate(execute, table, there)
        if not there or "rebuilt" in changes:
            execute(table.insert(staged))
        else:
            execute(table.upsert(staged, self.dialect))
            execute(table.remove(staged))
        return changes

    def _migrate(self, execute: Run, table: Table, there: Mapping[str, str]) -> list[str]:
        wanted = {name: self.dialect.types[dtype].lower() for name, dtype in table.columns.items()}
        fits = all(wanted.get(name) == dtype.lower() for name, dtype in there.items())
        added = [name for name in wanted if name not in there]
        keys_there = all(key in there for key in table.keys)
        if not there or not fits or not keys_there:
            if there:
                execute(f"DROP TABLE {table.name}")
            execute(table.create(self.dialect))
            self._comment(execute, table, table.columns)
            return ["rebuilt"] if there else []
        for name in added:
            execute(table.add(name, self.dialect))
        if added:
            self._comment(execute, table, added)
        return [f"column {name} added" for name in added]

    def _comment(self, execute: Run, table: Table, columns: Iterable[str]) -> None:
        if not self.dialect.is_inline:
            for statement in table.comments(columns):
                execute(statement)


def not_loaded(view: str, known: Iterable[str]) -> NotFoundError:
    """Say that the warehouse has no such view."""
    return NotFoundError.of("feature view", view, list(known))
