"""The feature stage: every view as of the end of the data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from recomart.features.definition import SEEN, Inputs, known_before
from recomart.features.encoders import fit_encoders
from recomart.features.views import VIEWS

if TYPE_CHECKING:
    from recomart.lake import Workbench


def build_features(bench: Workbench) -> None:
    """Write `encoders` and every view as of the moment at which the newest event was known."""
    events = bench.read("events").select(*SEEN)
    known_at = ibis.greatest(events.occurred_us, events.arrived_us)
    newest = bench.con.to_pyarrow(known_at.max().name("newest")).as_py()
    at_us = int(newest or 0) + 1
    names = ("events", "catalogue", "categories", "item_history")
    parents = [bench.lake.latest(name) for name in names]
    known = bench.con.create_table(
        "known_events", known_before(events, at_us), temp=True, overwrite=True
    )
    encoders = fit_encoders(known, at_us)
    draft = bench.draft("encoders")
    draft.add_bytes("encoders.json", encoders.model_dump_json(indent=1).encode())
    bench.commit(draft, parents)
    catalogue, categories, history = (bench.read(name) for name in names[1:])
    settings = bench.settings.features
    inputs = Inputs(known, catalogue, categories, history, at_us, settings, encoders)
    for view in VIEWS.values():
        manifest = bench.write(view.name, view.table(inputs), parents, details={"at_us": at_us})
        bench.log.info("view_built", view=view.name, rows=manifest.rows)
    bench.con.drop_table("known_events")
