"""The feature stage: every view as of the end of the data, on the engine of the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recomart.engines import open_engine
from recomart.features.encoders import fit_encoders
from recomart.features.inputs import as_of_the_end, open_inputs, sources_of
from recomart.features.parts import stream_view
from recomart.features.registry import Registry, describe
from recomart.features.views import views_of

if TYPE_CHECKING:
    from recomart.lake import Workbench


def build_features(bench: Workbench) -> None:
    """Write `encoders` and every view as of the moment at which the newest event was known.

    Raises DefinitionError, before anything is computed, where a definition changed without a
    new version.
    """
    settings = bench.settings.features
    views = views_of(settings)
    entries = [describe(view, settings) for view in views.values()]
    Registry(bench.lake).record(entries, bench.making)
    parents = sources_of(bench.lake)
    with open_engine(bench.settings.engine, bench.con, bench.spill) as engine:
        n_events = bench.lake.latest("events").rows
        inputs, at_us = as_of_the_end(engine, open_inputs(engine, bench.lake, settings), n_events)
        encoders = fit_encoders(engine, inputs, at_us)
        draft = bench.draft("encoders")
        draft.add_bytes("encoders.json", encoders.model_dump_json(indent=1).encode())
        bench.commit(draft, parents)
        for view in views.values():
            draft = bench.draft(view.dataset)
            draft.add_table(stream_view(engine, view, inputs, n_events))
            manifest = bench.commit(draft, parents, details={"at_us": at_us})
            bench.log.info("view_built", view=view.name, rows=manifest.rows, engine=engine.name)
