"""Faults under a real ``recomart serve --workers 2``, one after the other: ``make chaos-serving``.

Run with ``python -m benchmarks.chaos_serving [FAULT …]``. Each fault has a small shop of its own,
with a load that asks for lists and posts events meanwhile. It passes where lists go on (degraded
and saying so, where that is the fault), events are taken or refused with 503, nothing that was
acknowledged is lost or doubled, and nobody hears another 5xx. Mounts a disk of 2 MiB where it may.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

from benchmarks.gowalla_report import RESULTS, origin
from tests.chaos import others, stores, traffic
from tests.small_shop import make_shop

FAULTS = {
    fault.__name__: fault
    for fault in (
        *(stores.store_slow, stores.store_down, stores.store_locked),
        *(stores.disk_full, stores.disk_read_only),
        *(stores.model_damaged, stores.model_damaged_at_start, stores.lake_away),
        *(traffic.half_open, traffic.large_bodies, traffic.bad_input),
        *(traffic.worker_killed, traffic.stopped),
        *(others.described, others.described_with_key),
        *(others.answers_before_fsync, others.writers_killed),
    )
}
PLACE = RESULTS.parents[1] / ".bench"
SHOP = {("models", "serve"): "cascade"}


def bring_about(name: str, shop: Path, folder: Path) -> dict[str, object]:
    """Bring a fault about in a copy of the shop; return what was seen."""
    copy = shutil.copytree(shop, folder / name)
    began = time.perf_counter()
    try:
        seen, is_passed = FAULTS[name](copy), True
    except Exception as error:  # noqa: BLE001 - that is what the table tells
        seen, is_passed = str(error) or repr(error), False
        if not isinstance(error, AssertionError):
            traceback.print_exc()
    text = (FAULTS[name].__doc__ or "").strip().rstrip(".")
    seconds = round(time.perf_counter() - began, 1)
    return {"fault": text, "seen": seen, "passed": is_passed, "seconds": seconds}


def main() -> None:
    """Bring them about, print, write; exit status 1 if one fails."""
    names = sys.argv[1:] or list(FAULTS)
    found: dict[str, dict[str, object]] = {}
    PLACE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=PLACE) as folder:  # /tmp may be memory
        shop = Path(folder) / "shop"
        shop.mkdir()
        make_shop(shop, SHOP)
        for name in names:
            found[name] = told = bring_about(name, shop, Path(folder))
            mark = "pass" if told["passed"] else "FAIL"
            print(f"{mark}  {told['fault']}: {told['seen']} ({told['seconds']} s)", flush=True)
    if not sys.argv[1:]:
        result = {**origin("python -m benchmarks.chaos_serving"), "found": found}
        (RESULTS / "chaos_serving.json").write_text(json.dumps(result, indent=1) + "\n")
    if not all(told["passed"] for told in found.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
