"""Drift of features: against the version that the model knew, of what is watched, in few rows."""

import numpy as np
import pyarrow as pa
import pytest

from recomart.features.views import VIEWS
from recomart.lake import Making, Parent
from recomart.monitoring import drift
from recomart.monitoring.drift import drifts_of, feature_drift, known_to
from recomart.monitoring.since import Since
from recomart.settings import RetrainingSettings, Settings

VIEW = VIEWS["user_features"]
N_USERS = 400
SEVEN = "user_features.interactions_7d"


def rows(shift=0, n=N_USERS):
    features = VIEW.columns(Settings().features)
    number = np.arange(n)
    columns = {
        name: [f"u{k:05}" for k in number] if dtype == "string" else (number % 50) + shift
        for name, dtype in features.items()
    }
    return pa.table(columns)


def write(bench, table, events):
    draft = bench.draft(VIEW.dataset)
    draft.add_table(table.to_reader())
    return draft.commit(
        Making(key="k", stage="s", run_id="r"), [Parent(name="events", version=events)]
    )


@pytest.fixture
def published(bench):
    draft = bench.draft("published_model")
    draft.add_bytes("facts.json", b"{}")
    making = Making(key="k", stage="s", run_id="r")
    return draft.commit(making, [Parent(name="events", version="e1")])


def psi_of(bench, then, now):
    return {one.feature: one.moved.psi for one in drifts_of(bench, VIEW, then, now)}


def test_what_moved_is_named_first(bench, published):
    write(bench, rows(), "e1")
    moved = rows().column_names.index("interactions_7d")
    write(bench, rows().set_column(moved, "interactions_7d", rows(30)["interactions_7d"]), "e2")

    reason = feature_drift(Since(bench, published), 0.25)

    assert (reason.verdict, reason.threshold) == (True, 0.25)
    assert SEVEN in reason.says
    assert next(iter(reason.details["psi"])) == SEVEN
    assert sum(reason.details["psi"].values()) == pytest.approx(reason.now, abs=1e-4)


def test_the_reference_is_the_version_from_the_events_that_the_model_knew(bench, published):
    write(bench, rows(99), "e0")
    known = write(bench, rows(), "e1")
    write(bench, rows(50), "e2")

    assert known_to(Since(bench, published), VIEW.dataset) == known
    assert known_to(Since(bench, published), "item_features") is None


def test_without_such_a_version_there_is_no_verdict(bench, published):
    write(bench, rows(), "e2")

    assert feature_drift(Since(bench, published), 0.25).verdict is None


def test_the_same_rows_in_another_order_do_not_drift(bench):
    one = write(bench, rows(), "e1")
    two = write(bench, rows().take(np.random.default_rng(1).permutation(N_USERS)), "e2")

    assert one.version != two.version
    assert set(psi_of(bench, one, two).values()) == {0.0}


def test_keys_ages_and_totals_are_not_watched_unless_asked_for(bench, make_bench):
    one, two = write(bench, rows(), "e1"), write(bench, rows(30), "e2")
    everything = Settings(retraining=RetrainingSettings(ignored_features=("*.avg_*",)))

    watched = psi_of(bench, one, two)
    asked = psi_of(make_bench(settings=everything), one, two)

    assert SEVEN in watched
    assert not {"user_features.total_interactions", "user_features.n_purchases"} & set(watched)
    assert "user_features.days_since_first_interaction" in asked
    assert "user_features.avg_price" not in asked


def test_few_rows_tell_nothing(bench):
    one, two = write(bench, rows(n=50), "e1"), write(bench, rows(30, n=50), "e2")

    assert psi_of(bench, one, two) == {}


def test_of_many_rows_the_same_keys_are_looked_at_on_both_sides(bench, monkeypatch):
    monkeypatch.setattr(drift, "MOST_ROWS", 250)
    one, two = write(bench, rows(), "e1"), write(bench, rows().slice(0, N_USERS - 1), "e2")

    assert max(psi_of(bench, one, two).values()) < 0.01
