"""A made-up shop at any size: seeded, realistic, dirty on demand.

    from recomart.sources.generator import DEMO_SHOP, generate_shop

    shop = generate_shop(Path("shop"), DEMO_SHOP)

Users have tastes, so that a personal model beats popularity; sessions have
funnels, popularity has a tail, weeks and days have seasons, items come and prices
change. Two layouts: `basic`, daily files with a catalogue for `catalogue_server`,
and `retailrocket`, the files of that data set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from recomart.errors import BadInputError
from recomart.sources.generator.basic import write_basic
from recomart.sources.generator.retailrocket import write_retailrocket
from recomart.sources.generator.spec import DEMO_SHOP, RETAILROCKET_SHOP, GeneratedShop, ShopSpec

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["DEMO_SHOP", "RETAILROCKET_SHOP", "GeneratedShop", "ShopSpec", "generate_shop"]


def generate_shop(folder: Path, spec: ShopSpec = DEMO_SHOP) -> GeneratedShop:
    """Write the files of a shop into `folder`, which is made; the same spec gives the same bytes.

    Raises BadInputError where the folder holds something already.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise BadInputError(
            f"The folder {folder.name!r} is not empty; a shop is not mixed with other files.",
            remedy="Name a new folder, or empty this one.",
        )
    write = write_basic if spec.layout == "basic" else write_retailrocket
    return write(folder, spec)
