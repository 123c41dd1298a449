"""Rows and keys as bytes: the same in every online store, and back without a changed bit."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from recomart.errors import DefinitionError, FrameError, IntegrityError
from recomart.features.online.base import PART
from recomart.lake import hash_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

FIXED = {"int64": ("q", "<i8"), "float64": ("d", "<f8"), "boolean": ("?", "?")}
"""Type → its letter for struct, its NumPy type; little-endian, without gaps."""
FORMAT = 2
"""Part of every signature; a row of another format is refused."""
LENGTH = struct.Struct("<I")
FEW = 8
"""Rows that are read one by one; more of them are read as columns."""
ESCAPE = b"\x00\xff"


class RowCodec:
    """Turns the features of a row into bytes: of what form, which are null, numbers, then words.

    columns    feature → string, int64, float64 or boolean; DefinitionError for other types
    signature  a hash of what the bytes mean; its first four bytes begin every row, so that a row
               of another definition is not read by mistake

    A null keeps the place of its number (as 0) and has a word of no letters.
    """

    def __init__(self, columns: Mapping[str, str]) -> None:
        for name, dtype in columns.items():
            if dtype not in FIXED and dtype != "string":
                raise DefinitionError(
                    f"{name!r} is {dtype}, which an online store does not keep.",
                    remedy=f"Declare it as string, {', '.join(FIXED)}.",
                )
        self.columns = dict(columns)
        self.signature = hash_of(FORMAT, list(self.columns.items()))
        self._form = int.from_bytes(bytes.fromhex(self.signature)[:4], "little")
        self._fixed = [name for name, dtype in columns.items() if dtype in FIXED]
        self._words = [name for name, dtype in columns.items() if dtype not in FIXED]
        self._order = [*self._fixed, *self._words]
        self._n_mask = (len(self._order) + 7) // 8
        letters = "".join(FIXED[columns[name]][0] for name in self._fixed)
        self._struct = struct.Struct(f"<I{self._n_mask}s{letters}")
        fields = [(f"v{n}", FIXED[columns[name]][1]) for n, name in enumerate(self._fixed)]
        self._dtype = np.dtype([("form", "<u4"), ("mask", "u1", (self._n_mask,)), *fields])

    def encode(self, batch: pa.RecordBatch) -> list[bytes]:
        """Return one value a row of the batch, which has at least the columns of the codec."""
        fixed = np.zeros(batch.num_rows, dtype=self._dtype)
        fixed["form"] = self._form
        is_null = np.zeros((batch.num_rows, len(self._order)), dtype=bool)
        for n, name in enumerate(self._order):
            column = batch.column(name)
            is_null[:, n] = column.is_null().to_numpy(zero_copy_only=False)
            if name in self._fixed:
                zero = {"int64": 0, "float64": 0.0, "boolean": False}[self.columns[name]]
                filled = column.fill_null(zero) if column.null_count else column
                fixed[f"v{n}"] = filled.to_numpy(zero_copy_only=False)
        fixed["mask"] = np.packbits(is_null, axis=1, bitorder="little")
        data, size = fixed.tobytes(), self._dtype.itemsize
        rows = [data[start : start + size] for start in range(0, len(data), size)]
        for name in self._words:
            words = (_word(value) for value in batch.column(name).to_pylist())
            rows = [row + word for row, word in zip(rows, words, strict=True)]
        return rows

    def decode(self, value: bytes) -> dict[str, Any]:
        """Return the features of one row, in the order of the columns.

        Raises IntegrityError for a row of another form.
        """
        try:
            form, mask, *numbers = self._struct.unpack_from(value)
            found = dict(zip(self._fixed, numbers, strict=True))
            place = self._struct.size
            for name in self._words:
                [size] = LENGTH.unpack_from(value, place)
                place += LENGTH.size
                found[name] = value[place : place + size].decode()
                place += size
        except (struct.error, UnicodeDecodeError):
            raise self._refused() from None
        if form != self._form or place != len(value):
            raise self._refused()
        nulls = int.from_bytes(mask, "little")
        if nulls:
            for n, name in enumerate(self._order):
                if nulls >> n & 1:
                    found[name] = None
        return {name: found[name] for name in self.columns} if self._words else found

    def matrix(self, values: Sequence[bytes | None], features: Sequence[str]) -> NDArray[Any]:
        """Return numbers of many rows, float64 of shape (n_rows, n_features).

        NaN for nulls, and for rows that are None. Words are no numbers: FrameError; rows of
        another form: IntegrityError.
        """
        wordy = [name for name in features if name not in self._fixed]
        if wordy:
            raise FrameError(
                f"{', '.join(wordy)}: no number.", remedy="Ask for numeric features only."
            )
        places = [self._fixed.index(name) for name in features]
        if len(values) <= FEW:
            numbers = [self._numbers(value, places) for value in values]
            return np.array(numbers, dtype=np.float64).reshape(len(values), len(places))
        size = self._dtype.itemsize
        there = [n for n, value in enumerate(values) if value is not None]
        data = b"".join([value[:size] for value in values if value is not None])
        if len(data) != size * len(there):
            raise self._refused()
        rows = np.frombuffer(data, self._dtype)
        if (rows["form"] != self._form).any():
            raise self._refused()
        nulls = np.unpackbits(rows["mask"], axis=1, bitorder="little").astype(bool)
        found = np.full((len(values), len(features)), np.nan)
        for n, place in enumerate(places):
            found[there, n] = np.where(nulls[:, place], np.nan, rows[f"v{place}"])
        return found

    def _numbers(self, value: bytes | None, places: Sequence[int]) -> list[float]:
        """Return numbers of one row: soonest where rows are few."""
        if value is None:
            return [math.nan] * len(places)
        if len(value) < self._struct.size:
            raise self._refused()
        form, mask, *numbers = self._struct.unpack_from(value)
        if form != self._form:
            raise self._refused()
        nulls = int.from_bytes(mask, "little")
        return [math.nan if nulls >> place & 1 else numbers[place] for place in places]

    def _refused(self) -> IntegrityError:
        return IntegrityError(
            "A stored row is not of the form that its view has.",
            remedy="Run `recomart materialise --force`.",
        )


def key_of(values: Sequence[object], dtypes: Mapping[str, str]) -> bytes:
    """Return the bytes of a key; different keys never give the same. Raises FrameError."""
    if len(values) != len(dtypes):
        raise FrameError(
            f"A key of {', '.join(dtypes)} has {len(dtypes)} part(s), not {len(values)}.",
            remedy="Give the parts in that order.",
        )
    parts = zip(values, dtypes.items(), strict=True)
    return PART.join([_part(value, name, dtype) for value, (name, dtype) in parts])


def keys_of(batch: pa.RecordBatch, dtypes: Mapping[str, str]) -> list[bytes]:
    """Return the key of each row of a batch."""
    columns = [
        [_part(value, name, dtype) for value in batch.column(name).to_pylist()]
        for name, dtype in dtypes.items()
    ]
    if len(columns) == 1:
        return columns[0]
    return [PART.join(parts) for parts in zip(*columns, strict=True)]


def _part(value: object, name: str, dtype: str) -> bytes:
    if dtype == "string" and isinstance(value, str):
        try:
            return value.encode().replace(b"\x00", ESCAPE)
        except UnicodeEncodeError:
            raise FrameError(
                f"{name!r} is half a character: {value!r}.", remedy="Give it as valid Unicode."
            ) from None
    if dtype == "int64" and isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return str(value).encode()
    raise FrameError(
        f"{name!r} should be {dtype}; {value!r} is {type(value).__name__}.",
        remedy="Give it as what it is, such as " + ("'17850'." if dtype == "string" else "7."),
    )


def _word(value: str | None) -> bytes:
    data = (value or "").encode()
    return LENGTH.pack(len(data)) + data
