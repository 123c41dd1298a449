"""What monitoring tells: metrics that Prometheus takes, a page on which names stay text."""

import re
import subprocess
from html.parser import HTMLParser

import pytest

from recomart.monitoring.distances import Distances
from recomart.monitoring.exposition import HELP, exposition, samples
from recomart.monitoring.model import Model, Monitoring, Offline, Quality
from recomart.monitoring.online import Day, Figures, Online
from recomart.monitoring.page import page_of
from recomart.monitoring.reason import Reason
from recomart.monitoring.share import Share
from tests.servers import find

ODD = "<img src=x onerror=alert(1)>\"'\\\n{{7*7}}</script><script>alert(2)</script>"


def told(name):
    """Monitoring in which everything is called by one name."""
    share = Share.of(3, 10)
    model = Model(number=1, name=name, version="v1", published_us=1_000_000)
    figures = Figures(model=name, source=name, clicked=share, to_cart=share, bought=share)
    moved = Distances(psi=0.3, js=0.1, ks=0.2, new_share=0.1, null_then=0.0, null_now=0.5)
    return Monitoring(
        project=name,
        monitored_us=2_000_000,
        published=model,
        champion=model,
        reasons=(Reason.of(name, 2, 1, name), Reason.silent("quality", 0.3, name)),
        features={name: moved},
        predictions={name: moved},
        offline=(Offline(model=name, metric="ndcg@10", mean=0.1, low=0.0, high=0.2),),
        quality=Quality(score=99.0, sources={name: 99.0}, past={"2026-01-01": 99.0}),
        online=Online(
            days=28,
            n_lists=10,
            figures=(figures,),
            by_day=(Day(day=20_000, lists=share),),
            unknown=1,
            astray=2,
        ),
        newest_event_us=1_500_000,
        view_us={name: 1_000_000},
    )


def nothing():
    """Monitoring of a shop before its first run."""
    return Monitoring(
        project="Shop", monitored_us=1, published=None, champion=None, reasons=(), features={},
        predictions={}, offline=(), quality=None, online=None, newest_event_us=None, view_us={},
    )  # fmt: skip


class Tags(HTMLParser):
    """Collects what a browser would take for markup."""

    def __init__(self):
        super().__init__()
        self.tags, self.texts = [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, [name for name, _ in attributes]))

    def handle_data(self, data):
        self.texts.append(data)


@pytest.mark.parametrize("found", [told("item_features.price"), told(ODD), nothing()])
def test_prometheus_takes_the_metrics(found):
    text = exposition(found)

    checked = subprocess.run(
        [find("promtool"), "check", "metrics"],
        check=False,
        input=text,
        capture_output=True,
        text=True,
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "recomart_monitored_at_seconds" in text


def test_every_metric_is_described_and_told():
    assert set(samples(told("x"))) == set(HELP)


def test_a_reason_that_cannot_tell_has_no_verdict_among_the_metrics():
    text = exposition(told("x"))

    assert 'recomart_reason_speaks{reason="x"} 1' in text
    assert 'recomart_reason_speaks{reason="quality"}' not in text
    assert 'recomart_reason_threshold{reason="quality"} 0.3' in text


def test_names_are_text_on_the_page():
    page = Tags()
    page.feed(page_of(told(ODD)))

    assert not {"img", "script", "iframe"} & {tag for tag, _ in page.tags}
    assert not [name for _, names in page.tags for name in names if name.startswith("on")]
    assert ODD.replace("\n", " ") in re.sub(r"\s", " ", "".join(page.texts))
    assert "49" not in page.texts


def test_a_page_of_nothing_says_how_to_get_something():
    page = page_of(nothing())

    assert "No list was shown yet" in page
    assert "No quality report yet" in page
