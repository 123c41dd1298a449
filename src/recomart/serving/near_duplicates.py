"""Near-duplicates: the same thing in another colour, or listed twice, known by its title.

Two items are near-duplicates if they are of one category and their titles are equal but for case,
punctuation, and *which* variant word stands where: "Red mug, large" and "BLUE MUG (LARGE)" are,
"Mug, large" and "Red mug, small" are not. Short titles say too little: at least `FEWEST_WORDS`
must be equal. Prices have no say, since what is listed twice often has two.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

FEWEST_WORDS = 2
_WORD = re.compile(r"[^\W_]+")
_VARIANT = " *"


def near_duplicates(
    titles: pa.Array, categories: NDArray[np.integer], variant_words: Iterable[str]
) -> NDArray[np.int32] | None:
    """Number the groups of near-duplicates.

    titles      string, shape (n_items,)
    categories  int, shape (n_items,), -1 for none, which is one of its own

    Returns int32, shape (n_items,), -1 for an item that is like no other; None: all are.
    """
    if titles.null_count == len(titles):
        return None
    forms = _forms(titles, frozenset(map(_folded, variant_words))).dictionary_encode()
    n_words, n_variants = (pc.count_substring(forms.dictionary, mark) for mark in (" ", _VARIANT))
    tells = pc.subtract(n_words, n_variants).to_numpy()
    codes = forms.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    telling = np.flatnonzero(tells[codes] >= FEWEST_WORDS)
    alike = (codes * (int(categories.max(initial=0)) + 2) + categories + 1)[telling]
    _, place, count = np.unique(alike, return_inverse=True, return_counts=True)
    is_one = count[place] > 1
    if not is_one.any():
        return None
    groups = np.full(len(codes), -1, dtype=np.int32)
    groups[telling[is_one]] = np.unique(place[is_one], return_inverse=True)[1]
    return groups


def _forms(titles: pa.Array, variant_words: frozenset[str]) -> pa.Array:
    """Return what must be equal of each title: its words, each behind a space, variants starred.

    Pieces are brought into form once each, not once a title, and plain words all together: that is
    what makes it fast.
    """
    pieces = pc.split_pattern(pc.fill_null(titles.cast(pa.string()), ""), " ")
    flat = pieces.flatten().dictionary_encode()
    is_other = pc.invert(pc.ascii_is_alnum(flat.dictionary))
    others = flat.dictionary.filter(is_other).to_pylist()
    told = pa.array([_form(piece, variant_words) for piece in others], pa.string())
    forms = pc.replace_with_mask(_plain(flat.dictionary, variant_words), is_other, told)
    together = pa.ListArray.from_arrays(pieces.offsets, forms.take(flat.indices))
    return pc.binary_join(together, "")


def _plain(words: pa.Array, variant_words: frozenset[str]) -> pa.Array:
    """Bring words of ASCII's letters and digits into form."""
    lower = pc.ascii_lower(words)
    variants = pa.array(sorted(variant_words), pa.string())
    spaced = pc.binary_join_element_wise("", lower, " ")
    return pc.if_else(pc.is_in(lower, value_set=variants), _VARIANT, spaced)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _form(piece: str, variant_words: frozenset[str]) -> str:
    """Return the form of what stands between two spaces: none, one word, or several."""
    words = _WORD.findall(_folded(piece))
    return "".join(_VARIANT if word in variant_words else f" {word}" for word in words)
