"""A shop of RetailRocket's size with a published cascade, for the measurements of serving.

Made once and kept in ``.bench/serving-shop``: about eight minutes on two cores.
"""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

from benchmarks.gowalla_report import RESULTS
from benchmarks.pipeline import PROPERTIES

if TYPE_CHECKING:
    from pathlib import Path

PLACE = RESULTS.parents[1] / ".bench" / "serving-shop"
PROPERTY_ROWS = 2_000_000
"""A tenth of RetailRocket's, which is enough for every item to have a category and a price."""
SERVED = {
    ("models", "serve"): "cascade",
    ("evaluation", "max_users"): 2_000,
    ("tracking", "is_on"): False,
    ("lineage", "file"): "",
}
"""The cascade serves whatever the gate says of made-up data, for it is the dearest to ask."""


def serving_shop() -> Path:
    """Return the folder of the shop's recomart.yaml; make the shop where it is not there."""
    if not (PLACE / "made").exists():
        shutil.rmtree(PLACE, ignore_errors=True)
        began = time.perf_counter()
        _make(PLACE)
        (PLACE / "made").write_text(f"{time.perf_counter() - began:.0f} s\n", encoding="utf-8")
    return PLACE


def _make(place: Path) -> None:
    from recomart.pipeline import run
    from recomart.settings import load_settings
    from recomart.settings.templates import template_text
    from recomart.sources.generator import RETAILROCKET_SHOP, generate_shop

    data = place / "raw"
    spec = RETAILROCKET_SHOP.model_copy(update={"n_property_rows": PROPERTY_ROWS})
    generate_shop(data, spec)
    text = template_text("retailrocket").replace("\npreparation:", PROPERTIES, 1)
    (place / "recomart.yaml").write_text(text.replace("{data}", str(data)), encoding="utf-8")
    run(load_settings(place, environment={}, flags=SERVED))


if __name__ == "__main__":
    print(serving_shop())
