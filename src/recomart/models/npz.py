"""Arrays as npz without pickle: the same arrays give the same bytes, and only those come back."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel

from recomart.errors import ArtefactError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

DTYPES = {"float32", "float64", "int32", "int64", "bool"}
"""Kinds of number that an artefact may hold; never objects."""

LOCAL_HEADER, EXTRA_HEADER = 30, 4
"""Bytes of a member's header before its name, and of an extra field before what it holds."""
PADDING = 0xD935
"""The kind of an extra field that only pads, as Android's zipalign writes it."""
ALIGNED = 64
"""Numbers lie at multiples of it, so that they need not be copied."""
_EPOCH = (1980, 1, 1, 0, 0, 0)


class ArrayDescription(BaseModel, frozen=True, extra="forbid"):
    """Kind and size of one array."""

    dtype: str
    shape: tuple[int, ...]


def describe(arrays: Mapping[str, NDArray[np.generic]]) -> dict[str, ArrayDescription]:
    """Return what `unpack` must be told of each array."""
    return {
        name: ArrayDescription(dtype=array.dtype.name, shape=array.shape)
        for name, array in arrays.items()
    }


def pack(arrays: Mapping[str, NDArray[np.generic]]) -> bytes:
    """Write an npz, uncompressed, in the given order, without the time of day."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as packed:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, array, allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", date_time=_EPOCH)
            info.create_system = 3  # the same bytes on every system
            info.extra = _padding(buffer.tell() + len(info.filename) + LOCAL_HEADER)
            packed.writestr(info, member.getvalue())
    return buffer.getvalue()


def unpack(
    packed: bytes, described: Mapping[str, ArrayDescription]
) -> dict[str, NDArray[np.generic]]:
    """Read exactly the described arrays. Raises ArtefactError for anything else."""
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as members:
            if sorted(members.namelist()) != sorted(f"{name}.npy" for name in described):
                raise refused("its arrays are not the ones described")
            if any(member.compress_type != zipfile.ZIP_STORED for member in members.infolist()):
                raise refused("its arrays are compressed, which `save` never does")
            return {
                name: _array(name, _member(packed, members.getinfo(f"{name}.npy")), description)
                for name, description in described.items()
            }
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError, ValueError) as error:
        raise refused(f"the arrays cannot be read ({error})") from None


def _padding(start: int) -> bytes:
    """Return an extra field after which a member that starts here is aligned for any number."""
    short = -(start + EXTRA_HEADER) % ALIGNED
    return struct.pack("<HH", PADDING, short) + bytes(short)


def _member(packed: bytes, info: zipfile.ZipInfo) -> memoryview:
    """Return the bytes of a member, not copied, after its checksum was found right."""
    at = info.header_offset
    n_name, n_extra = struct.unpack_from("<HH", packed, at + LOCAL_HEADER - 4)
    start = at + LOCAL_HEADER + n_name + n_extra
    member = memoryview(packed)[start : start + info.file_size]
    if len(member) != info.file_size or zlib.crc32(member) != info.CRC:
        raise zipfile.BadZipFile(f"bad checksum of {info.filename!r}")
    return member


def _array(name: str, member: memoryview, described: ArrayDescription) -> NDArray[np.generic]:
    """Read one array, after its size was compared with the bytes that are there.

    It lies where the bytes lie, if it is aligned there, and is not to be written to.
    """
    if described.dtype not in DTYPES:
        raise refused(f"array {name!r} holds {described.dtype}")
    dtype = np.dtype(described.dtype)
    expected = io.BytesIO()
    header = {"descr": dtype.newbyteorder("<").str, "fortran_order": False}
    np.lib.format.write_array_header_1_0(expected, {**header, "shape": described.shape})
    head = expected.getvalue()
    n_bytes = dtype.itemsize * int(np.prod(described.shape, dtype=object))
    if member[: len(head)] != head or len(member) != len(head) + n_bytes:
        raise refused(f"array {name!r} is not {described.dtype} of shape {described.shape}")
    array = np.frombuffer(member, dtype, offset=len(head)).reshape(described.shape)
    return array if array.flags.aligned else array.copy()


def refused(why: str) -> ArtefactError:
    """Say why a model was not loaded."""
    return ArtefactError(
        f"The stored model was refused: {why}.",
        remedy="Fit the model again, or restore the artefact from a backup.",
    )
