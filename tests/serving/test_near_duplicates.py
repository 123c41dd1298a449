"""Near-duplicates are known by their titles: the same words but for colours, in one category."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recomart.serving.near_duplicates import near_duplicates
from recomart.settings.sections import VARIANT_WORDS


def are_one(first, second, categories=(0, 0), words=VARIANT_WORDS):
    groups = near_duplicates(pa.array([first, second]), np.array(categories), words)
    return groups is not None and groups.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("RED HANGING HEART T-LIGHT HOLDER", "PINK HANGING HEART T-LIGHT HOLDER"),
        ("Wool Beanie (red), No. 2", "wool beanie BLUE no 2"),
        ("METAL SIGN,CUPCAKE HOOK", "METAL SIGN  CUPCAKE HOOK "),
        ("Kids mac Ⅻ", "kids mac xii"),
        ("Tasse à thé, blue", "TASSE À THÉ - red"),
        ("3 tier tin red/cream", "3 tier tin green cream"),
    ],
)
def test_the_same_thing_in_another_colour_or_spelling_is_one(first, second):
    assert are_one(first, second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Case for phone 12", "Case for phone 13"),
        ("Small red felt heart", "Large red felt heart"),
        ("Felt heart small", "Red felt heart small"),
        ("Red wine", "White wine"),
        ("damaged", "damaged"),
        ("Blue", "Red"),
        ("Credit card holder", "Cblueit card holder"),
        ("Mug with handle", None),
        (None, None),
        ("", " - "),
    ],
)
def test_other_things_are_not(first, second):
    assert not are_one(first, second)


def test_other_categories_keep_things_apart():
    assert not are_one("Red felt heart", "Blue felt heart", categories=(0, 1))
    assert not are_one("Red felt heart", "Blue felt heart", categories=(0, -1))
    assert are_one("Red felt heart", "Blue felt heart", categories=(-1, -1))


def test_a_shop_names_its_own_words():
    assert are_one("Красный шарф, шерсть", "синий шарф шерсть", words=["красный", "Синий"])
    assert not are_one("Red felt heart", "Blue felt heart", words=[])
    assert are_one("Red felt heart", "RED FELT HEART", words=[])


def test_a_catalogue_without_titles_has_none():
    assert near_duplicates(pa.nulls(3, pa.string()), np.array([0, 0, 0]), VARIANT_WORDS) is None
    assert near_duplicates(pa.array([], pa.string()), np.array([], int), VARIANT_WORDS) is None


words = st.sampled_from(["red", "blue", "mug", "cup", "tall", "2", "é", "-", "/"])
titles = st.none() | st.lists(words, max_size=5).map(" ".join) | st.text(max_size=12)


@given(st.lists(st.tuples(titles, st.integers(-1, 1)), max_size=12))
def test_groups_are_numbered_have_members_and_lie_in_one_category(items):
    categories = np.array([category for _, category in items], dtype=np.int32)
    found = near_duplicates(pa.array([t for t, _ in items], pa.string()), categories, VARIANT_WORDS)

    if found is not None:
        numbers, counts = np.unique(found[found >= 0], return_counts=True)
        assert numbers.tolist() == list(range(len(numbers)))
        assert counts.min() >= 2
        for number in numbers:
            assert len(set(categories[found == number].tolist())) == 1


@given(st.lists(titles, min_size=2, max_size=2), st.permutations(range(2)))
def test_likeness_has_no_direction_and_no_case(two, order):
    swapped = [two[k] for k in order]

    assert are_one(*two) == are_one(*swapped)
    if two[0] is not None and two[0].isascii():
        assert are_one(two[0], two[1]) == are_one(two[0].upper(), two[1])
