import pytest
from hypothesis import given
from hypothesis import strategies as st

from recomart.quality.score import WEIGHTS, overall, score_of

n_rows = st.integers(0, 10_000)


@st.composite
def sources(draw):
    """Rows by outcome, and nulls of two columns, never more than there are valid rows."""
    valid = draw(n_rows)
    nulls = {name: draw(st.integers(0, valid)) for name in ("price", "title")}
    return {"valid": valid, "quarantined": draw(n_rows), "duplicates": draw(n_rows), "nulls": nulls}


def value(source):
    score = score_of(**source)
    return -1.0 if score is None else score.value


@given(sources(), st.integers(1, 5_000), st.sampled_from(["quarantined", "duplicates"]))
def test_more_bad_rows_never_raise_the_score(source, n_bad, outcome):
    if value(source) >= 0:
        worse = {**source, outcome: source[outcome] + n_bad}

        assert value(worse) <= value(source)


@given(sources(), st.sampled_from(["quarantined", "duplicates"]))
def test_a_complete_row_that_turns_bad_never_raises_the_score(source, outcome):
    if source["valid"] > max(source["nulls"].values()):
        worse = {**source, "valid": source["valid"] - 1, outcome: source[outcome] + 1}

        assert value(worse) <= value(source)


@given(sources(), st.data())
def test_an_incomplete_row_that_is_quarantined_never_raises_the_score(source, data):
    missing = [name for name, n in source["nulls"].items() if n]
    if missing:
        blank = data.draw(st.sampled_from(missing))
        nulls = {**source["nulls"], blank: source["nulls"][blank] - 1}
        if max(nulls.values()) < source["valid"]:
            worse = {
                **source,
                "valid": source["valid"] - 1,
                "quarantined": source["quarantined"] + 1,
                "nulls": nulls,
            }

            assert value(worse) <= value(source)


@given(sources())
def test_a_cell_that_is_lost_never_raises_the_score(source):
    if source["nulls"]["price"] < source["valid"]:
        worse = {**source, "nulls": {**source["nulls"], "price": source["nulls"]["price"] + 1}}

        assert value(worse) <= value(source)


@given(sources())
def test_a_score_and_its_shares_keep_their_bounds(source):
    score = score_of(**source)

    assert score is None or (
        0 <= score.value <= 100 and all(0 <= each.share <= 1 for each in score.dimensions)
    )


@given(st.integers(1, 10_000))
def test_faultless_rows_score_a_hundred(valid):
    assert score_of(valid, 0, 0, {"price": 0, "title": 0}).value == 100


def test_one_fault_of_each_kind_scores_as_the_formula_says():
    score = score_of(valid=6, quarantined=2, duplicates=2, nulls={"price": 3, "title": 0})

    assert {each.name: each.share for each in score.dimensions} == pytest.approx(
        {"completeness": 9 / 16, "validity": 6 / 8, "uniqueness": 6 / 8}
    )
    assert score.value == pytest.approx(100 * (0.3 * 9 / 16 + 0.5 * 6 / 8 + 0.2 * 6 / 8), abs=0.01)


def test_only_bad_rows_score_nothing():
    assert score_of(0, 5, 5, {"price": 0}).value == 0


def test_a_source_without_rows_has_no_score():
    assert score_of(0, 0, 0, {"price": 0}) is None
    assert overall([None]) is None


def test_sources_count_alike_in_the_score_of_all():
    assert overall([score_of(1, 0, 0, {}), score_of(0, 900, 0, {}), None]) == 50


def test_weights_add_up_to_one():
    assert sum(WEIGHTS.values()) == pytest.approx(1)
