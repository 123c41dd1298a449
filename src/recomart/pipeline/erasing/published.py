"""Models without somebody: off the id map, their history gone, their sessions forgotten."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recomart.models.artefact import ARRAYS, DESCRIPTION, load, save
from recomart.models.blend import Blend
from recomart.models.interactions import Interactions
from recomart.models.npz import pack
from recomart.models.sessionknn import SessionKNN
from recomart.ranking.shop import find
from recomart.vocabulary import DAY_US

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray


USERS, HISTORY = "users", "history.npz"


def place_of(users: Path, user_id: str) -> int:
    """Return the place of a user in an id map, -1 for one who is not in it."""
    return find(pq.read_table(users)["user_id"].combine_chunks(), user_id)


def history_without(body: bytes, place: int) -> bytes:
    """Return the histories of a published model without one of its rows."""
    with np.load(io.BytesIO(body), allow_pickle=False) as members:
        arrays: dict[str, NDArray[Any]] = dict(members)
    first, stop = arrays["indptr"][place : place + 2].tolist()
    gone = slice(first, stop)
    starts = np.delete(arrays.pop("indptr"), place + 1)
    starts[place + 1 :] -= stop - first
    return pack({"indptr": starts, **{name: np.delete(a, gone) for name, a in arrays.items()}})


def did(
    rows: Sequence[Mapping[str, Any]], item_ids: pa.Array, now_us: int, days: int | None
) -> Interactions:
    """Return what one user did before a moment (of the last `days`), as models learn it.

    rows  of the prepared events, theirs alone
    """
    known = {item: place for place, item in enumerate(item_ids.to_pylist())}
    since_us = 0 if days is None else now_us - days * DAY_US
    told = [
        (row["occurred_us"], row["event_id"], known[row["item_id"]], row["strength"])
        for row in rows
        if since_us <= row["occurred_us"] < now_us and row["strength"] and row["item_id"] in known
    ]
    told.sort()
    items = np.array([item for _, _, item, _ in told], dtype=np.int32)
    return Interactions.from_events(
        np.zeros(len(told), dtype=np.int32),
        items,
        np.array([strength for *_, strength in told], dtype=np.float64),
        np.array([at for at, *_ in told], dtype=np.int64),
        shape=(1, len(known)),
        now_us=now_us,
    )


def model_without(files: Mapping[str, bytes], theirs: Interactions) -> dict[str, bytes]:
    """Return the files of a model that has forgotten somebody's sessions; none if it had none.

    Only session models keep what single people did; all others keep sums over everybody.
    """
    if b"session_starts" not in files[DESCRIPTION] or not len(theirs.items):
        return {}
    model = load({name: files[name] for name in (DESCRIPTION, ARRAYS)})
    return save(model) if _forget(model, theirs) else {}


def _forget(model: object, theirs: Interactions) -> int:
    """Let a model, or the members of a blend, forget; return how many sessions."""
    if isinstance(model, Blend):
        return sum(_forget(member, theirs) for member in model.models_)
    if not isinstance(model, SessionKNN):
        return 0
    return model.forget(SessionKNN(model.config).fit(theirs))
