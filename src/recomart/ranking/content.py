"""What is known of the items themselves, as of a moment: categories, brands, words, prices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_array, diags_array, hstack

from recomart.models.sparse import inverse

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from recomart.lake import Workbench
    from recomart.ranking.interactions import EventArrays

MOST_SHARE = 0.2
"""A word or category that more of the items have tells nothing."""
LEAST_ITEMS = 2
"""A word that fewer items have is like no other."""
PRICE_STEPS = 2
"""Steps of price for each doubling of it."""


@dataclass(frozen=True)
class Content:
    """Items as of a moment, in the order of the id map.

    features      float32, shape (n_items, n_features), rows of length 1: TF-IDF of categories with
                  those above them, brands, words of the title and steps of price
    categories    int32, shape (n_items,): the item's category, -1 where it has none
    category_ids  string, sorted: what the numbers mean
    """

    features: csr_array
    categories: NDArray[np.int32]
    category_ids: pa.Array


def read_content(bench: Workbench, data: EventArrays, at_us: int) -> Content:
    """Return what was known of each item just before `at_us`; nothing of items not yet there."""
    told = _held(bench, at_us)
    places = pc.index_in(data.item_ids, value_set=told["item_id"].cast(pa.string()))
    items = told.take(places)
    category_ids = pc.unique(items["category_id"].drop_null()).sort().cast(pa.string())
    codes = pc.index_in(items["category_id"].cast(pa.string()), value_set=category_ids)
    categories = codes.fill_null(-1).to_numpy().astype(np.int32)
    above = _above(bench, category_ids)
    parts = [
        _of_lists(pc.take(above, codes.combine_chunks())),
        _of_lists(_lists(items["brand"])),
        _of_lists(_words(items["title"])),
        _of_lists(_lists(_price_steps(items["price"].to_numpy()))),
    ]
    features = csr_array(hstack(parts, format="csr"))
    length = np.sqrt(features.multiply(features).sum(axis=1))
    unit = csr_array(diags_array(inverse(length)) @ features).astype(np.float32)
    return Content(unit, categories, category_ids)


def _held(bench: Workbench, at_us: int) -> pa.Table:
    """Return the attributes that held just before a moment, one row an item."""
    history = bench.read("item_history")
    before = history.filter((history.valid_from_us < at_us) & (history.known_from_us < at_us))
    newest = ibis.row_number().over(
        group_by="item_id", order_by=[ibis.desc("valid_from_us"), ibis.desc("known_from_us")]
    )
    last = before.mutate(__newest=newest)
    columns = ("item_id", "title", "category_id", "brand", "price")
    return bench.con.to_pyarrow(last.filter(last["__newest"] == 0).select(*columns))


def _above(bench: Workbench, category_ids: pa.Array) -> pa.Array:
    """Return a list for each category: itself and all categories above it."""
    tree = bench.con.to_pyarrow(bench.read("categories").select("category_id", "path"))
    places = pc.index_in(category_ids, value_set=tree["category_id"].cast(pa.string()))
    paths = tree["path"].cast(pa.string()).take(places)
    itself = pc.binary_join_element_wise("/", category_ids, "", null_handling="skip")
    paths = pc.coalesce(paths.combine_chunks(), itself)
    return pc.split_pattern(pc.utf8_trim(paths, "/"), "/")


def _lists(values: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Return a list of one value each, or null."""
    whole = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    return pc.split_pattern(whole.cast(pa.string()), "\0")


def _words(titles: pa.ChunkedArray) -> pa.Array:
    """Return the words of each title, in lower case."""
    lower = pc.utf8_lower(titles.cast(pa.string()).combine_chunks())
    plain = pc.replace_substring_regex(lower, r"[^\pL\pN]+", " ")
    return pc.split_pattern(pc.utf8_trim_whitespace(plain), " ")


def _price_steps(prices: NDArray[np.float64]) -> pa.Array:
    """Return the step on which each price stands; steps grow with the price."""
    known = np.isfinite(prices) & (prices > 0)
    steps = np.zeros(len(prices), dtype=np.int64)
    steps[known] = np.round(PRICE_STEPS * np.log2(prices[known]))
    return pa.array(steps, mask=~known)


def _of_lists(lists: pa.Array) -> csr_array:
    """Return TF-IDF (Spärck Jones 1972) of what each row lists; shape (n_rows, n_values)."""
    encoded = pc.dictionary_encode(pc.list_flatten(lists))
    rows = pc.list_parent_indices(lists).to_numpy()
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    n_values = max(len(encoded.dictionary), 1)
    held = csr_array((np.ones(len(rows)), (rows, codes)), shape=(len(lists), n_values))
    held.sum_duplicates()
    held.data[:] = 1
    n_items = np.bincount(held.indices, minlength=n_values)
    n_told = max(int((np.diff(held.indptr) > 0).sum()), 1)
    tells = (n_items >= LEAST_ITEMS) & (n_items <= max(MOST_SHARE * n_told, LEAST_ITEMS))
    weight = np.where(tells, np.log(n_told / np.maximum(n_items, 1)), 0)
    scaled = csr_array(held @ diags_array(weight))
    scaled.eliminate_zeros()
    return scaled
