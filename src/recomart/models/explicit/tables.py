"""Tables of ratings or of what was taken, as people bring them: columns with ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from recomart.errors import BadInputError
from recomart.models.explicit.ratings import Ratings

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class TrainingTable:
    """Rows with dense indices, and the ids that they stand for, by order of appearance.

    `ratings` has the value 1 everywhere where the table had no column `rating`.
    """

    user_ids: tuple[str, ...]
    item_ids: tuple[str, ...]
    ratings: Ratings
    has_ratings: bool


def read_table(train: object) -> TrainingTable:
    """Read the columns user_id, item_id and, if they are there, rating and occurred_us.

    `train` is a mapping of columns or speaks Arrow's stream protocol, as pyarrow tables and data
    frames of pandas and Polars do. Raises BadInputError, naming the column that does not fit.
    """
    table = _arrow_of(train)
    (user_ids, users), (item_ids, items) = (_ids(table, name) for name in ("user_id", "item_id"))
    if not len(users):
        raise BadInputError("The table has no rows to learn from.", remedy="Give at least one row.")
    rating, moments = _numbers(table, "rating", "float64"), _numbers(table, "occurred_us", "int64")
    values = np.ones(len(users)) if rating is None else rating
    ratings = Ratings(users, items, values, len(user_ids), len(item_ids), moments)
    return TrainingTable(user_ids, item_ids, ratings, rating is not None)


def _arrow_of(train: object) -> pa.Table:
    import pyarrow as pa

    if not isinstance(train, Mapping) and not hasattr(train, "__arrow_c_stream__"):
        raise BadInputError(
            f"A {type(train).__name__} is no table.",
            remedy="Give a pyarrow.Table, a data frame of pandas or Polars, or a dict of columns.",
        )
    try:
        return pa.table(dict(train) if isinstance(train, Mapping) else train)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise BadInputError(
            f"The table cannot be read: {error}.",
            remedy="Give columns of one length, each of one type.",
        ) from None


def _column(table: pa.Table, name: str) -> Any:  # noqa: ANN401 -- pyarrow ships no types
    if table.column_names.count(name) != 1:
        raise BadInputError(
            f"The table has {table.column_names.count(name)} columns {name!r}.",
            remedy=f"It needs one; it has {', '.join(table.column_names) or 'no columns'}.",
        )
    column = table[name]
    if column.null_count:
        raise BadInputError(
            f"{name!r} is null in {column.null_count:,} row(s).", remedy="Leave such rows out."
        )
    return column


def _ids(table: pa.Table, name: str) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """Return the distinct ids, and the place of each row's id among them."""
    import pyarrow as pa

    column = _column(table, name)
    dtype = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    are_text = any(
        is_kind(dtype)
        for is_kind in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    )
    if not are_text and len(column):
        raise BadInputError(
            f"{name!r} is {dtype}, and ids are strings.", remedy="Cast the column to strings."
        )
    encoded = column.cast(pa.string()).combine_chunks().dictionary_encode()
    indices = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int32)
    return tuple(encoded.dictionary.to_pylist()), indices


def _numbers(table: pa.Table, name: str, dtype: str) -> Any:  # noqa: ANN401 -- float64 or int64
    """Return a column that may be left out."""
    import pyarrow as pa

    if name not in table.column_names:
        return None
    column = _column(table, name)
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        raise BadInputError(
            f"{name!r} is {column.type}, and should be {dtype}.", remedy="Cast the column."
        )
    try:
        return column.cast(dtype).to_numpy()
    except pa.ArrowInvalid as error:
        raise BadInputError(f"{name!r} is not {dtype}: {error}.", remedy="Cast it.") from None
