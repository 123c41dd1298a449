"""Item features as columns in memory: what a ranker reads for hundreds of candidates at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recomart.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from typing_extensions import Self

    from recomart.features.online.read import Key
    from recomart.lake import Lake, Manifest


@dataclass(frozen=True)
class ColumnTable:
    """One version of a view, never changed; a newer one takes its place whole.

    features  names of the columns of `values`
    values    float64 of shape (n_keys + 1, n_features), NaN for null; the last row is of nobody;
              not to be written to
    places    key → row of `values`; of a view of several keys a tuple of them
    """

    version: str
    at_us: int
    features: tuple[str, ...]
    values: NDArray[np.float64]
    places: Mapping[Key, int]

    @classmethod
    def read(cls, lake: Lake, manifest: Manifest, *keys: str) -> Self:
        """Read the numeric features of a data set's version. Raises IntegrityError."""
        table = pq.ParquetDataset(lake.paths(manifest.files)).read()
        fields = [field for field in table.schema if not pa.types.is_string(field.type)]
        names = [field.name for field in fields if field.name not in keys]
        values = np.full((len(table) + 1, len(names)), np.nan)
        for place, name in enumerate(names):
            values[:-1, place] = table[name].cast(pa.float64(), safe=False).to_numpy()
        values.flags.writeable = False
        parts = [table[key].to_pylist() for key in keys]
        ids = parts[0] if len(parts) == 1 else zip(*parts, strict=True)
        return cls(
            version=manifest.version,
            at_us=int(str(manifest.details.get("at_us", 0))),
            features=tuple(names),
            values=values,
            places={name: row for row, name in enumerate(ids)},
        )

    def columns_of(self, features: Sequence[str]) -> NDArray[np.intp]:
        """Return where features stand, to be given to `take`. Raises NotFoundError."""
        for name in features:
            if name not in self.features:
                raise NotFoundError.of("numeric feature", name, self.features)
        return np.array([self.features.index(name) for name in features], dtype=np.intp)

    def take(
        self, keys: Sequence[Key], columns: NDArray[np.intp] | None = None
    ) -> NDArray[np.float64]:
        """Return features of some keys, float64 of shape (n_keys, n_columns); NaN where unknown."""
        nobody, places = len(self.values) - 1, self.places
        rows: NDArray[Any] = np.array([places.get(key, nobody) for key in keys], dtype=np.intp)
        chosen: NDArray[np.float64] = self.values[rows]
        return chosen if columns is None else chosen[:, columns]
