import pytest

from recomart.quality.profile import ColumnProfile, TopValue
from recomart.quality.report_words import moment, number, percent, points, spread, verdict


@pytest.mark.parametrize(
    ("value", "told"),
    [(0, "0.0 %"), (0.00001, "< 0.1 %"), (0.249, "24.9 %"), (0.99999, "> 99.9 %"), (1, "100.0 %")],
)
def test_a_small_share_is_not_told_as_nothing_nor_a_large_one_as_all(value, told):
    assert percent(value).replace("\N{NO-BREAK SPACE}", " ") == told


@pytest.mark.parametrize(
    ("value", "told"),
    [(None, "–"), (3.0, "3"), (9747747.934, "9,747,747.93"), (0.0012, "0.0012"), (-2.5, "-2.50")],
)
def test_numbers_have_the_digits_that_a_person_wants(value, told):
    assert number(value) == told


@pytest.mark.parametrize(
    ("score", "word"),
    [(None, "no data"), (100, "good"), (90, "good"), (89.9, "fair"), (69.9, "poor"), (0, "poor")],
)
def test_a_score_has_a_word(score, word):
    assert verdict(score) == word


def test_a_time_is_told_in_utc():
    assert moment(86_400_000_000) == "1970-01-02 00:00"


def test_a_time_beyond_the_calendar_is_told_as_a_number():
    assert moment(9e18) == "9,000,000,000,000,000,000.00"


def test_a_text_column_is_told_by_its_most_frequent_values():
    top = (TopValue(value="mug", n=2), TopValue(value="x" * 60, n=1))
    column = ColumnProfile(name="title", kind="text", rows=3, nulls=0, distinct=2, top=top)

    assert spread(column) == f"mug (2), {'x' * 25}… (1)"


def test_a_number_column_is_told_by_its_range():
    column = ColumnProfile(name="price", kind="number", rows=3, nulls=0, distinct=3,
                           min=1, max=9, mean=4.5, quantiles={"p50": 3})  # fmt: skip

    assert spread(column) == "1 … 3 … 9, mean 4.50"


def test_a_column_without_values_has_no_range():
    column = ColumnProfile(name="price", kind="number", rows=3, nulls=3, distinct=0)

    assert spread(column) == "–"


@pytest.mark.parametrize(
    ("score", "told"),
    [(None, "–"), (79.32, "79.3"), (99.94, "99.9"), (99.99, "99.9"), (100.0, "100.0")],
)
def test_a_score_below_a_hundred_is_never_told_as_a_hundred(score, told):
    assert points(score) == told
