"""kill -9 of the consumer, again and again: nothing is lost, nothing is doubled.

``RECOMART_KILLS=100`` makes it a long one; `benchmarks/stream.py` does that.
"""

import os
import random
from threading import Event as Flag
from threading import Thread

import pytest

from recomart.pipeline import run
from tests.stream.senders import told
from tests.stream.shops import Shop, killed, until

KILLS = int(os.environ.get("RECOMART_KILLS", "5"))
AT_ONCE = 100


class Publishing:
    """Publishes events and some poison until the block ends."""

    def __init__(self, sender):
        self.sender, self.stop, self.n = sender, Flag(), 0
        self.thread = Thread(target=self._run)

    def _run(self):
        while not self.stop.wait(0.1):
            numbers = range(self.n, self.n + AT_ONCE)
            bodies = [told(k) if k % 100 else b"poison %d" % k for k in numbers]
            self.sender.publish(bodies, partition=self.n // AT_ONCE % 4)
            self.n += AT_ONCE

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


def until_it_commits(shop, process):
    def version():
        manifest = shop.manifest()
        return manifest.number if manifest else 0

    before = version()
    until(lambda: process.poll() is not None or version() > before, "a commit")


@pytest.mark.long
def test_killed_again_and_again_it_loses_nothing_and_doubles_nothing(tmp_path, kafka):
    shop, rng = Shop(tmp_path, kafka, batch=100, commit_s=0.05), random.Random(7)
    with Publishing(kafka) as publishing:
        for _ in range(KILLS):
            with shop.process() as process:
                until_it_commits(shop, process)
                Flag().wait(rng.random() * 0.3)
                assert process.poll() is None, shop.told()
                killed(process)
    shop.once()
    wanted = [k for k in range(publishing.n) if k % 100]

    assert shop.ids() == sorted(f"e{k}" for k in wanted)
    assert sorted(row["message"] for row in shop.rows("refused")) == sorted(
        f"poison {k}" for k in range(0, publishing.n, 100)
    )
    run(shop.loaded, ["validate"])
    counts = shop.manifest().counts["in"]
    assert counts == publishing.n
