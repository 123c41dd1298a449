"""Models as named bytes: JSON that says what they are, and npz that holds what they learned.

No pickle anywhere. The same model gives the same bytes; what is loaded is checked member by member
against what the JSON says, before any array is made.
"""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import BaseModel, ValidationError

from recomart.errors import ArtefactError, RecomartError
from recomart.models.registry import model_kind, name_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from recomart.models.base import Recommender

DESCRIPTION, ARRAYS = "model.json", "arrays.npz"
DTYPES = {"float32", "float64", "int32", "int64", "bool"}
"""Kinds of number that an artefact may hold; never objects."""

_EPOCH = (1980, 1, 1, 0, 0, 0)


class ArrayDescription(BaseModel, frozen=True, extra="forbid"):
    """Kind and size of one array."""

    dtype: str
    shape: tuple[int, ...]


class ModelDescription(BaseModel, frozen=True, extra="forbid"):
    """What `model.json` says."""

    format: Literal[1]
    kind: str
    config: dict[str, Any]
    arrays: dict[str, ArrayDescription]


def save(model: Recommender) -> dict[str, bytes]:
    """Return the files of a fitted model by name. Raises NotFittedError before `fit`."""
    arrays = {name: np.asarray(array, order="C") for name, array in sorted(model.arrays().items())}
    description = ModelDescription(
        format=1,
        kind=name_of(model),
        config=model.config.model_dump(mode="json"),
        arrays={
            name: ArrayDescription(dtype=array.dtype.name, shape=array.shape)
            for name, array in arrays.items()
        },
    )
    text = description.model_dump_json(indent=2) + "\n"
    return {DESCRIPTION: text.encode(), ARRAYS: pack(arrays)}


def load(files: Mapping[str, bytes]) -> Recommender:
    """Make the model again. Raises ArtefactError for anything but what `save` wrote."""
    for name in (DESCRIPTION, ARRAYS):
        if name not in files:
            raise _refused(f"it has no file {name!r}")
    try:
        description = ModelDescription.model_validate_json(files[DESCRIPTION])
        kind = model_kind(description.kind)
        config = kind.configure(description.config)
    except ValidationError as error:
        raise _refused(f"{DESCRIPTION} has {error.error_count()} fault(s)") from None
    except RecomartError as error:
        raise _refused(error.cause) from None
    arrays = _unpack(files[ARRAYS], description.arrays)
    model: Recommender = kind.model.from_arrays(config, arrays)
    return model


def pack(arrays: Mapping[str, NDArray[np.generic]]) -> bytes:
    """Write an npz, uncompressed, in the given order, without the time of day."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as packed:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, array, allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", date_time=_EPOCH)
            info.create_system = 3  # the same bytes on every system
            packed.writestr(info, member.getvalue())
    return buffer.getvalue()


def _unpack(
    packed: bytes, described: Mapping[str, ArrayDescription]
) -> dict[str, NDArray[np.generic]]:
    """Read exactly the described arrays."""
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as members:
            if sorted(members.namelist()) != sorted(f"{name}.npy" for name in described):
                raise _refused("its arrays are not the ones described")
            if any(member.compress_type != zipfile.ZIP_STORED for member in members.infolist()):
                raise _refused("its arrays are compressed, which `save` never does")
            return {
                name: _array(name, members.read(f"{name}.npy"), description)
                for name, description in described.items()
            }
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError, ValueError) as error:
        raise _refused(f"{ARRAYS} cannot be read ({error})") from None


def _array(name: str, member: bytes, described: ArrayDescription) -> NDArray[np.generic]:
    """Read one array, after its size was compared with the bytes that are there."""
    if described.dtype not in DTYPES:
        raise _refused(f"array {name!r} holds {described.dtype}")
    dtype = np.dtype(described.dtype)
    expected = io.BytesIO()
    header = {"descr": dtype.newbyteorder("<").str, "fortran_order": False}
    np.lib.format.write_array_header_1_0(expected, {**header, "shape": described.shape})
    head = expected.getvalue()
    n_bytes = dtype.itemsize * int(np.prod(described.shape, dtype=object))
    if not member.startswith(head) or len(member) != len(head) + n_bytes:
        raise _refused(f"array {name!r} is not {described.dtype} of shape {described.shape}")
    return np.frombuffer(member, dtype, offset=len(head)).reshape(described.shape).copy()


def _refused(why: str) -> ArtefactError:
    """Say why a model was not loaded."""
    return ArtefactError(
        f"The stored model was refused: {why}.",
        remedy="Fit the model again, or restore the artefact from a backup.",
    )
