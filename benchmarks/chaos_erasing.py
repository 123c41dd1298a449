"""Erasing a user, killed at random moments and started again: ``make chaos-erasing``.

Run with ``python -m benchmarks.chaos_erasing [--kills 100]``. The user stands in every place that
a shop has: all versions, raw files, refused messages, lists of experiments, models, stores. After
the last start the shop is byte for byte one in which nobody killed anything, and a look through it
by other means finds the user nowhere; else this fails.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from benchmarks.chaos_serving import PLACE
from benchmarks.gowalla_report import RESULTS, origin
from tests.erased import kill_often, make_shop
from tests.preloaded import command_line
from tests.trained import train

KILLS = 100


def main() -> None:
    """Make the shop, kill, write what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=KILLS)
    n_kills = parser.parse_args().kills
    PLACE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=PLACE) as name:  # /tmp may be memory
        folder = Path(name)
        for part in ("published", "shop", "torn"):
            (folder / part).mkdir()
        shop = make_shop(train(folder / "published"), folder / "shop")
        began = time.perf_counter()
        with command_line(folder) as program:
            n_copies, n_steps = kill_often(shop, folder / "torn", n_kills, [str(program)])
        seconds = round(time.perf_counter() - began, 1)
    told = {"kills": n_kills, "erasures": n_copies, "steps_of_one": n_steps, "seconds": seconds}
    print(json.dumps(told))
    if n_kills == KILLS:
        result = {**origin("python -m benchmarks.chaos_erasing"), **told}
        (RESULTS / "chaos_erasing.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
