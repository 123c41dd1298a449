"""Assignment: which variant a unit sees, by one hash and one look-up.

The hash, BLAKE2b under a salt that nobody outside knows, puts every unit into one of `N_BUCKETS`
buckets. An experiment owns buckets, drawn at random from those of its layer that are free, and
shares them out among its variants. A bucket has one owner at most, so that a unit takes part in
one experiment at most, and always sees the same variant of it. Kohavi, Tang and Xu, "Trustworthy
Online Controlled Experiments", 2020, chapter 14; Tang et al., "Overlapping Experiment
Infrastructure", KDD 2010 (here all layers lie apart, as a list has one model).
"""

from __future__ import annotations

from hashlib import blake2b
from random import Random
from typing import TYPE_CHECKING

from recomart.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

N_BUCKETS = 10_000
_HALF = 8


def place_of(salt: str, unit: str, name: str) -> tuple[int, str]:
    """Return the bucket of a unit, and the code that stands for it in what is logged.

    unit  user or session; the same name as the one and as the other are two units
    name  of the user or the session

    The code tells nothing to whoever has not the salt, and can be made again by whoever has.
    """
    digest = blake2b(
        name.encode(), digest_size=2 * _HALF, key=salt.encode(), person=unit.encode()
    ).digest()
    return int.from_bytes(digest[:_HALF], "big") % N_BUCKETS, digest[_HALF:].hex()


def buckets_of(layer: tuple[float, float]) -> range:
    """Return the buckets of a layer; neighbours share none."""
    low, high = layer
    return range(round(low * N_BUCKETS), round(high * N_BUCKETS))


def allot(
    layer: range, taken: Collection[int], share: float, shares: Mapping[str, float], seed: str
) -> dict[str, list[int]]:
    """Draw buckets for the variants of an experiment.

    taken   buckets that others own
    share   of all buckets of the layer; shares: of those, by variant; they add up to 1

    Raises BadInputError where the layer has not so many left, or a variant would get none.
    """
    free = [bucket for bucket in layer if bucket not in taken]
    n_wanted = round(share * len(layer))
    if n_wanted > len(free):
        raise BadInputError(
            f"The layer has {len(free) / len(layer):.1%} of its units left; {share:.1%} are asked.",
            remedy="Stop another experiment of that layer, ask for a smaller share, or take "
            "another layer.",
        )
    drawn = Random(seed).sample(free, n_wanted)
    allotted, start, upto = {}, 0, 0.0
    for name, part in shares.items():
        upto += part
        end = round(upto * n_wanted)
        allotted[name] = sorted(drawn[start:end])
        start = end
    if empty := [name for name, buckets in allotted.items() if not buckets]:
        raise BadInputError(
            f"The variant {empty[0]} would get no unit: its share is below 1 in {N_BUCKETS:,}.",
            remedy="Raise its share, or that of the experiment.",
        )
    return allotted


def packed(buckets: Iterable[int]) -> str:
    """Write buckets as one number in hexadecimal, a bit a bucket."""
    return f"{sum(1 << bucket for bucket in buckets):x}"


def unpacked(text: str) -> Sequence[int]:
    """Read buckets that were packed, in their order."""
    return [bucket for bucket, bit in enumerate(f"{int(text, 16):b}"[::-1]) if bit == "1"]
