"""The publishing stage: fit the model to be served on everything known, with all it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_array

from recomart.models.artefact import save
from recomart.models.npz import pack
from recomart.models.popularity import Popularity
from recomart.ranking.interactions import learning_window, read_events
from recomart.ranking.training import fit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from recomart.lake import Workbench
    from recomart.models.interactions import Interactions
    from recomart.ranking.interactions import EventArrays

N_POPULAR = 1_000
"""Items kept to fill lists with, where a model has no opinion."""


def publish(bench: Workbench) -> None:
    """Write `champion`: one data set from which recommendations are answered."""
    settings = bench.settings.models
    data = read_events(bench)
    now_us = int(data.occurred_us[-1]) + 1
    known = learning_window(data, now_us, settings.train_days).interactions(now_us)
    model = fit(settings.serve, settings, known)
    draft = bench.draft("champion")
    for name, body in save(model).items():
        draft.add_bytes(name, body)
    draft.add_bytes("history.npz", _history(data, known))
    draft.add_bytes("popular.npz", pack({"items": _popular(known)}))
    draft.add_table(pa.table({"user_id": data.user_ids}).to_reader(), "users")
    draft.add_table(_items(bench, data).to_reader(), "items")
    parents = [bench.lake.latest(name) for name in ("events", "catalogue", "evaluation")]
    bench.commit(
        draft,
        parents,
        details={"model": settings.serve, "now_us": now_us, "n_users": data.shape[0]},
    )
    bench.log.info("champion_published", model=settings.serve, users=data.shape[0])


def _history(data: EventArrays, known: Interactions) -> bytes:
    """Pack the weights, and what each user did last and most strongly with each item."""
    weights = known.weights
    strongest = np.zeros(weights.nnz, dtype=np.int8)
    keys = np.repeat(np.arange(weights.shape[0]), np.diff(weights.indptr)) * weights.shape[1]
    keys = keys + weights.indices
    wanted = data.users.astype(np.int64) * weights.shape[1] + data.items
    place = np.searchsorted(keys, wanted).clip(max=max(len(keys) - 1, 0))
    hit = keys[place] == wanted if len(keys) else np.zeros(0, dtype=bool)
    order = np.argsort(data.strengths[hit], kind="stable")
    strongest[place[hit][order]] = data.types[hit][order].astype(np.int8)
    return pack(
        {
            "indptr": weights.indptr.astype(np.int64),
            "indices": weights.indices.astype(np.int32),
            "weights": weights.data.astype(np.float32),
            "types": strongest,
        }
    )


def _popular(known: Interactions) -> NDArray[np.int32]:
    n = min(N_POPULAR, known.shape[1])
    nobody = csr_array(np.zeros((1, known.shape[1]), dtype=np.float32))
    top = Popularity().fit(known).recommend(nobody, n)
    items: NDArray[np.int32] = top.items[0]
    return items[items >= 0]


def _items(bench: Workbench, data: EventArrays) -> pa.Table:
    """Return what is said of each item in a list, in the order of the id map."""
    columns = ("item_id", "title", "category_id", "price", "available")
    catalogue = bench.con.to_pyarrow(bench.read("catalogue").select(*columns))
    ids = pa.table({"item_id": data.item_ids, "place": np.arange(len(data.item_ids))})
    joined = ids.join(catalogue.cast(_plain(catalogue.schema)), "item_id").sort_by("place")
    return joined.select(list(columns))


def _plain(schema: pa.Schema) -> pa.Schema:
    large = {pa.large_string(): pa.string()}
    return pa.schema([field.with_type(large.get(field.type, field.type)) for field in schema])
