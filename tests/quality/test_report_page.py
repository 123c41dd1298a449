import pytest

from recomart.quality.profile import ColumnProfile, Histogram, TableProfile
from recomart.quality.report_counts import (
    DayOutcome,
    FileOutcome,
    Outcome,
    RuleCount,
    SourceCounts,
)
from recomart.quality.report_model import PastScore, QualityReport, Sample, SourceQuality
from recomart.quality.report_page import page_of
from recomart.quality.score import score_of

ROWS = Outcome(rows_in=10, valid=7, quarantined=2, duplicates=1)
USER = RuleCount(
    code="EV-USER", says="an event has a user", action="quarantine", violations=2, share=0.2
)
PRICE = ColumnProfile(
    name="price",
    kind="number",
    rows=7,
    nulls=0,
    distinct=5,
    min=1,
    max=9,
    mean=5,
    quantiles={"p50": 5},
    histogram=Histogram(low=1, high=9, counts=(4, 3)),
)
COLUMNS = (
    PRICE,
    ColumnProfile(name="title", kind="text", rows=7, nulls=3, distinct=2),
    ColumnProfile(name="device", kind="text", rows=7, nulls=7, distinct=0),
)


def source(name="shop", rows=ROWS, rules=(USER,), warnings=()):
    counts = SourceCounts(
        rows=rows,
        n_files=2,
        rules=rules,
        worst_files=(FileOutcome(file="a.csv", date="2024-01-15", rows=rows, warnings=warnings),),
        dates=(DayOutcome(date="2024-01-15", rows=rows), DayOutcome(date="2024-01-16", rows=rows)),
        control_sum=9_747_747.93,
        until="2024-01-16",
    )
    profile = TableProfile(rows=rows.valid, examined=rows.valid, columns=COLUMNS)
    score = score_of(rows.valid, rows.quarantined, rows.duplicates, {})
    return SourceQuality(
        name=name, holds="events", version="v", score=score, counts=counts, profile=profile
    )


def report(*sources, past=()):
    rows = sum((each.counts.rows for each in sources), Outcome.model_validate(
        dict.fromkeys(Outcome.model_fields, 0)
    ))  # fmt: skip
    scores = [each.score.value for each in sources if each.score]
    score = sum(scores) / len(scores) if scores else None
    return QualityReport(
        project="Shop", until="2024-01-16", score=score, rows=rows, sources=sources, past=past
    )


def test_the_first_screen_comes_before_any_picture():
    page = page_of(report(source()), {})

    assert page.index("Of 10 rows that arrived, 7") < page.index("<svg")
    assert page.index("“an event has a user” does not hold in 2 rows") < page.index("<svg")


def test_every_rule_stands_in_the_table_with_its_count():
    quiet = RuleCount(code="EV-PRICE", says="", action="report", violations=0, share=0)
    page = page_of(report(source(rules=(USER, quiet))), {})

    assert "EV-USER" in page
    assert "EV-PRICE" in page
    assert "counted only" in page


def test_a_rule_that_only_counts_is_not_told_as_a_fault():
    told = USER.model_copy(update={"action": "report"})

    assert "No rule that guards the data was broken." in page_of(report(source(rules=(told,))), {})


def test_the_control_sum_is_told_to_the_penny():
    assert "9,747,747.93" in page_of(report(source()), {})


@pytest.mark.parametrize("past", [(), (PastScore(until="2024-01-14", overall=50, sources={}),)])
def test_earlier_scores_are_drawn_once_there_are_two(past):
    page = page_of(report(source(), past=past), {})

    assert ("The score of this and of earlier reports." in page) == bool(past)


def test_several_sources_stand_side_by_side_and_each_alone():
    page = page_of(report(source("shop"), source("ratings")), {})

    assert "Source shop" in page
    assert "Source ratings" in page
    assert "ratings: validity" in page


def test_earlier_scores_are_drawn_for_each_of_several_sources():
    past = (PastScore(until="2024-01-14", overall=50, sources={"shop": 50.0}),)
    page = page_of(report(source("shop"), source("ratings"), past=past), {})

    assert "all sources" in page


def test_numbers_have_a_histogram_unless_they_are_all_alike():
    alike = PRICE.model_copy(update={"histogram": Histogram(low=5, high=5, counts=(7,))})
    same = source().model_copy(
        update={"profile": TableProfile(rows=7, examined=7, columns=(alike,))}
    )

    assert "price: at least 98 % of its values" in page_of(report(source()), {})
    assert "price: at least 98 % of its values" not in page_of(report(same), {})


def test_a_profile_of_some_rows_says_so():
    some = TableProfile(rows=9_000_000, examined=900_000, columns=(PRICE,))
    page = page_of(report(source().model_copy(update={"profile": some})), {})

    assert "distinct values are estimated, typical ones are of 900,000 rows" in page


def test_a_warning_about_a_file_is_shown():
    assert "a.csv: its last line is cut" in page_of(
        report(source(warnings=("its last line is cut",))), {}
    )


def test_quarantined_rows_are_shown_escaped_with_the_other_rules_they_break():
    sample = Sample(code="EV-USER", file="a.csv", line=7, rules="EV-USER EV-PRICE", raw="<b>,mug")
    page = page_of(report(source()), {"shop": [sample]})

    assert "&lt;b&gt;,mug" in page
    assert "<td>EV-PRICE</td>" in page


def test_columns_that_are_never_filled_are_named_and_not_drawn():
    assert "This source never fills device." in page_of(report(source()), {})


def test_without_rows_the_page_says_so():
    nothing = ROWS.model_copy(update=dict.fromkeys(Outcome.model_fields, 0))
    page = page_of(report(source(rows=nothing, rules=())), {})

    assert "No rows have arrived yet" in page
    assert "no data" in page
