"""A few of the faults of `make chaos-serving`, which brings about them all."""

import pytest

from tests.chaos import others, stores, traffic
from tests.serving.door.conftest import opened


@pytest.mark.parametrize(
    "fault",
    [stores.disk_full, traffic.worker_killed, traffic.stopped],
    ids=lambda fault: fault.__name__,
)
def test_while_something_is_out_of_order_lists_go_on_and_no_event_is_lost(shop, fault):
    assert fault(shop)


def test_everything_that_the_description_allows_is_answered_as_it_says(trained, tmp_path):
    pytest.importorskip("schemathesis", reason="Python 3.11 or newer")
    with opened(trained, events=str(tmp_path / "events.sqlite")) as door:
        assert others.schemathesis(door.url, "--max-examples", "5", "--phases", "examples,fuzzing")
