"""Rows and keys as bytes and back: every bit, no two keys alike."""

import struct

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recomart.engines.base import ARROW_TYPES
from recomart.errors import DefinitionError, FrameError, IntegrityError
from recomart.features.online.codec import RowCodec, key_of, keys_of

COLUMNS = {"n": "int64", "x": "float64", "word": "string", "is_it": "boolean", "w2": "string"}
NUMBERS = {"n": "int64", "x": "float64", "is_it": "boolean"}
texts = st.text(st.characters(exclude_categories=["Cs"]))
rows = st.fixed_dictionaries(
    {
        "n": st.none() | st.integers(-(2**63), 2**63 - 1),
        "x": st.none() | st.floats(),
        "word": st.none() | texts,
        "is_it": st.none() | st.booleans(),
        "w2": st.none() | texts,
    }
)


def batch(made, columns=COLUMNS):
    schema = pa.schema([(name, ARROW_TYPES[dtype]) for name, dtype in columns.items()])
    return pa.RecordBatch.from_pylist(made, schema=schema)


def bits(row):
    return [struct.pack("<d", v) if isinstance(v, float) else v for v in map(row.get, COLUMNS)]


@given(st.lists(rows, max_size=5))
def test_every_bit_comes_back(made):
    codec = RowCodec(COLUMNS)
    found = [codec.decode(value) for value in codec.encode(batch(made))]

    assert [bits(row) for row in found] == [bits(row) for row in made]
    assert all(list(row) == list(COLUMNS) for row in found)


@given(st.lists(rows, min_size=1, max_size=5))
def test_numbers_come_as_a_matrix(made):
    codec = RowCodec(COLUMNS)
    values = [None, *codec.encode(batch(made))]
    found = codec.matrix(values, ["x", "is_it"])
    expected = [[np.nan, np.nan], *[[row["x"], row["is_it"]] for row in made]]

    np.testing.assert_array_equal(found, np.array(expected, dtype=float))


def test_words_are_no_matrix():
    with pytest.raises(FrameError, match="word"):
        RowCodec(COLUMNS).matrix([], ["x", "word"])


@given(st.binary(max_size=60))
def test_other_bytes_are_refused_or_of_the_right_form(data):
    try:
        found = RowCodec(COLUMNS).decode(data)
    except IntegrityError:
        return

    assert list(found) == list(COLUMNS)


def test_another_definition_has_another_signature():
    assert RowCodec(COLUMNS).signature != RowCodec(NUMBERS).signature
    assert RowCodec(COLUMNS).signature == RowCodec(dict(COLUMNS)).signature


def test_a_row_of_another_definition_is_refused_though_it_is_as_long():
    [value] = RowCodec({"n": "int64"}).encode(batch([{"n": 7}], {"n": "int64"}))
    other = RowCodec({"price": "float64"})

    with pytest.raises(IntegrityError):
        other.decode(value)
    with pytest.raises(IntegrityError):
        other.matrix([None, value], ["price"])


def test_a_type_that_is_not_kept_is_refused():
    with pytest.raises(DefinitionError, match="int32"):
        RowCodec({"n": "int32"})


parts = st.text("a\x00\x01\x00é", max_size=4)


@given(st.tuples(parts, parts), st.tuples(parts, parts))
def test_two_keys_never_give_the_same_bytes(one, other):
    dtypes = {"user_id": "string", "item_id": "string"}

    assert (key_of(one, dtypes) == key_of(other, dtypes)) == (one == other)


def test_keys_of_rows_are_those_that_are_asked_for():
    dtypes = {"user_id": "string", "hour": "int64"}
    made = batch([{"user_id": "a\x00", "hour": 7}, {"user_id": "", "hour": -1}], dtypes)

    assert keys_of(made, dtypes) == [key_of(("a\x00", 7), dtypes), key_of(("", -1), dtypes)]


@pytest.mark.parametrize("key", [(7,), ("a", "b"), (None,), (True,), (b"a",), ("\ud800",)])
def test_a_key_of_other_parts_or_types_is_refused(key):
    with pytest.raises(FrameError):
        key_of(key, {"user_id": "string"})


def test_numbers_of_numpy_are_keys_and_truth_is_none():
    assert key_of((np.int64(7),), {"hour": "int64"}) == key_of((7,), {"hour": "int64"})
    for value in (True, np.True_, 7.0, "7"):
        with pytest.raises(FrameError, match="hour"):
            key_of((value,), {"hour": "int64"})
