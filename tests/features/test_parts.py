"""Views in parts: the same rows in the same order, however the keys are cut."""

from dataclasses import replace

import pytest

from recomart.engines import DuckDBEngine, connect
from recomart.features.definition import known_before
from recomart.features.parts import stream_view
from recomart.features.views import VIEWS
from recomart.settings import EngineSettings
from tests.engines.shops import MOMENTS, inputs_of

LOCAL = [name for name, view in VIEWS.items() if view.depends_on]


@pytest.fixture
def duckdb_engine():
    with DuckDBEngine(connect(EngineSettings(threads=2))) as engine:
        yield engine


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("rows_at_once", [7, 200])
def test_parts_make_the_whole(name, rows_at_once, duckdb_engine, monkeypatch):
    given = inputs_of(duckdb_engine, "random")
    given = replace(given, events=known_before(given.events, MOMENTS[-1]))
    whole = stream_view(duckdb_engine, VIEWS[name], given, 900).read_all()
    monkeypatch.setattr(DuckDBEngine, "rows_at_once", rows_at_once)
    parts = stream_view(duckdb_engine, VIEWS[name], given, 900).read_all()

    assert parts.equals(whole)
    assert whole.num_rows


def test_some_views_are_cut():
    assert {"user_features", "user_item_features", "session_features"} < set(LOCAL)
