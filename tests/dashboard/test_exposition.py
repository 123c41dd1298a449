"""What a service counts is read as Prometheus would read it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recomart.dashboard import exposition
from recomart.serving.request_metrics import Metrics


@pytest.fixture
def told():
    metrics = Metrics()
    for seconds in (0.001, 0.002, 0.002, 0.2):
        metrics.request_seconds.labels("/recommendations").observe(seconds)
        metrics.requests.labels("POST", "/recommendations", "200").inc()
    metrics.requests.labels("GET", 'odd "one"\\\n', "500").inc(2)
    return exposition.parse(metrics.exposition().decode())


def test_counts_are_summed_by_label(told):
    by_route = exposition.by_label(told, "recomart_requests_total", "route")

    assert by_route == {"/recommendations": 4, 'odd "one"\\\n': 2}
    assert exposition.total(told, "recomart_requests_total") == 6
    assert (
        exposition.total(told, "recomart_requests_total", lambda one: one["status"] == "500") == 2
    )
    assert exposition.total(told, "nothing") == 0


def test_quantiles_lie_in_their_bucket(told):
    spread = exposition.buckets(told, "recomart_request_seconds", route="/recommendations")

    assert 0.001 <= exposition.quantile(spread, 0.5) <= 0.002
    assert 0.1 <= exposition.quantile(spread, 0.99) <= 0.25
    assert math.isnan(exposition.quantile(exposition.buckets(told, "none"), 0.5))


def test_a_quantile_is_linear_inside_its_bucket_and_never_infinite():
    assert exposition.quantile({1.0: 0, 2.0: 10, math.inf: 10}, 0.5) == 1.5
    assert exposition.quantile({1.0: 1, math.inf: 10}, 0.9) == 1.0


def test_what_came_since_begins_anew_with_the_service():
    assert exposition.less({1.0: 5, 2.0: 7}, {1.0: 2, 2.0: 2}) == {1.0: 3, 2.0: 5}
    assert exposition.less({1.0: 1, 2.0: 1}, {1.0: 2, 2.0: 2}) == {1.0: 1, 2.0: 1}


@given(st.text())
def test_any_text_is_read(text):
    assert isinstance(exposition.parse(text), dict)
