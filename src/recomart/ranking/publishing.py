"""The publishing stage: fit what is to be served on everything known, with all it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_array

from recomart.features.registry import DATASET as REGISTRY
from recomart.models.artefact import save
from recomart.models.npz import pack
from recomart.models.popularity import Popularity
from recomart.models.registry import model_kind
from recomart.models.sparse import look_up
from recomart.ranking.aliases import PUBLISHED
from recomart.ranking.cascade import NAME as CASCADE
from recomart.ranking.champion import BUNDLE, CONFIDENCE
from recomart.ranking.content import read_content
from recomart.ranking.interactions import read_events
from recomart.ranking.knowing import joinable
from recomart.ranking.learning import read_confidence, read_ranker
from recomart.ranking.questions import known_at
from recomart.ranking.rows import retrievers_of
from recomart.ranking.segments import is_tail, users_of
from recomart.ranking.training import fit

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydantic import JsonValue

    from recomart.lake import Draft, Workbench
    from recomart.models.interactions import Interactions
    from recomart.ranking.content import Content
    from recomart.ranking.interactions import EventArrays

N_POPULAR = 1_000
"""Items kept to fill lists with, where a model has no opinion."""
TOGETHER = {"basket": "day", "similarity": "lift"}
"""What goes into a cart together; by the day, since a user's whole history is no cart."""


def publish(bench: Workbench) -> None:
    """Write `published_model`: one data set from which recommendations are answered.

    What is served is what the promotion gate decided. Its retrievers are fitted anew on everything
    known; a ranker and the confidence stay those of the windows that they learned from.
    """
    data = read_events(bench)
    now_us = int(data.occurred_us[-1]) + 1
    content = read_content(bench, data, now_us)
    known = known_at(data, now_us, bench.settings).with_content(content.features)
    serve = str(bench.lake.latest("evaluation").details["serve"])
    draft = bench.draft(PUBLISHED)
    facts: dict[str, JsonValue] = {"model": serve, "now_us": now_us, "n_users": data.shape[0]}
    facts["strengths"] = dict(bench.settings.preparation.strengths)
    facts["light_history"] = bench.settings.evaluation.light_history
    _add_models(bench, draft, known, serve, facts)
    draft.add_bytes("history.npz", _history(data, known))
    tail = is_tail(users_of(known.weights))
    draft.add_bytes("popular.npz", pack({"items": _popular(known), "is_tail": tail}))
    draft.add_table(pa.table({"user_id": data.user_ids}).to_reader(), "users")
    draft.add_table(pa.table({"category_id": content.category_ids}).to_reader(), "categories")
    draft.add_table(_items(bench, data, content).to_reader(), "items")
    made_from = ("events", "categories", "item_history", "catalogue", "evaluation", "ranker")
    registry = (REGISTRY,) if serve == CASCADE else ()
    bench.commit(draft, bench.current(*made_from, *registry), details=facts)
    bench.log.info("model_published", model=serve, users=data.shape[0])


def _add_models(
    bench: Workbench, draft: Draft, known: Interactions, serve: str, facts: dict[str, JsonValue]
) -> None:
    """Fit and add the models, and what belongs to the cascade if it serves."""
    settings = bench.settings
    names = retrievers_of(settings) if serve == CASCADE else (serve,)
    facts["models"] = list(names)
    files = {name: save(fit(name, settings.models, known)) for name in names}
    files[BUNDLE] = save(model_kind("cooccurrence").make(TOGETHER).fit(known))
    for name, bodies in files.items():
        for file, body in bodies.items():
            draft.add_bytes(f"{name}.{file}", body)
    confidence = read_confidence(bench.lake, serve)
    if confidence is not None:
        draft.add_bytes(CONFIDENCE, confidence.to_bytes())
    ranker = read_ranker(bench.lake) if serve == CASCADE else None
    if ranker is not None:
        for file, body in ranker.to_files().items():
            draft.add_bytes(file, body)
        facts["ranking"] = settings.ranking.model_dump(mode="json")
        views = joinable(bench.lake, settings.features)
        facts["views"] = {view.dataset: list(view.keys) for view in views}


def _history(data: EventArrays, known: Interactions) -> bytes:
    """Pack the weights, and what each user did most strongly, and when last, with each item."""
    weights = known.weights
    strongest = np.zeros(weights.nnz, dtype=np.int8)
    last_us = np.zeros(weights.nnz, dtype=np.int64)
    keys = np.repeat(np.arange(weights.shape[0]), np.diff(weights.indptr)) * weights.shape[1]
    keys = keys + weights.indices
    wanted = data.users.astype(np.int64) * weights.shape[1] + data.items
    place, hit = look_up(keys, wanted)
    last_us[place[hit]] = data.occurred_us[hit]  # events are in order: the last one stays
    order = np.argsort(data.strengths[hit], kind="stable")
    strongest[place[hit][order]] = data.types[hit][order].astype(np.int8)
    return pack(
        {
            "indptr": weights.indptr.astype(np.int64),
            "indices": weights.indices.astype(np.int32),
            "weights": weights.data.astype(np.float32),
            "types": strongest,
            "last_us": last_us,
        }
    )


def _popular(known: Interactions) -> NDArray[np.int32]:
    n = min(N_POPULAR, known.shape[1])
    nobody = csr_array(np.zeros((1, known.shape[1]), dtype=np.float32))
    top = Popularity().fit(known).recommend(nobody, n)
    items: NDArray[np.int32] = top.items[0]
    return items[items >= 0]


def _items(bench: Workbench, data: EventArrays, content: Content) -> pa.Table:
    """Return what is said of each item in a list, in the order of the id map."""
    columns = ("item_id", "title", "category_id", "price", "available")
    catalogue = bench.con.to_pyarrow(bench.read("catalogue").select(*columns))
    ids = pa.table({"item_id": data.item_ids, "category_code": content.categories})
    ids = ids.append_column("place", pa.array(np.arange(len(ids))))
    joined = ids.join(catalogue.cast(_plain(catalogue.schema)), "item_id").sort_by("place")
    return joined.select([*columns, "category_code"])


def _plain(schema: pa.Schema) -> pa.Schema:
    large = {pa.large_string(): pa.string()}
    return pa.schema([field.with_type(large.get(field.type, field.type)) for field in schema])
