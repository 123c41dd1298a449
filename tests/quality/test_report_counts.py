import pytest
from hypothesis import given
from hypothesis import strategies as st

from recomart.errors import IntegrityError
from recomart.lake import FileEntry, Manifest
from recomart.quality.report_counts import count_source, outcome_of
from recomart.settings import Rule

USER = Rule(code="EV-USER", says="an event has a user", column="user_id", check="required")
CANCELLED = Rule(
    code="EV-CANCEL", column="transaction_id", check="refused", pattern="^C", action="report"
)


def facts(file="2024-01-15.csv", valid=3, quarantined=0, duplicates=0, **others):
    return {
        "file": file,
        "rows_in": valid + quarantined + duplicates,
        "valid": valid,
        "quarantined": quarantined,
        "duplicates": duplicates,
        "violations": {},
        "distinct": {},
        "control_sum": None,
        "days": {},
        "warnings": [],
    } | others


def manifest(*details, counts=None):
    files = tuple(
        FileEntry(key="k", partition=str(n), bytes=1, rows=max(each["valid"], 0), sha256="s",
                  details=each)
        for n, each in enumerate(details)
    )  # fmt: skip
    return Manifest(name="valid_shop", layer="validated", number=1, version="v", key="k",
                    files=files, counts=counts or {}, stage="validate", run_id="r",
                    created_at="2024-01-15T00:00:00+00:00")  # fmt: skip


def test_files_add_up_to_their_source():
    counts = count_source(
        "shop", manifest(facts(valid=3, quarantined=1), facts(valid=2, duplicates=4)), []
    )

    assert counts.rows.model_dump() == {
        "rows_in": 10, "valid": 5, "quarantined": 1, "duplicates": 4,
    }  # fmt: skip
    assert counts.n_files == 2


def test_rules_are_counted_over_files_the_most_broken_first():
    first = facts(
        quarantined=2, violations={"EV-USER": 2, "EV-CANCEL": 1}, distinct={"EV-CANCEL": 1}
    )
    second = facts(violations={"EV-CANCEL": 3}, distinct={"EV-CANCEL": 2})
    counts = count_source("shop", manifest(first, second), [USER, CANCELLED])

    assert [(rule.code, rule.violations, rule.distinct) for rule in counts.rules] == [
        ("EV-CANCEL", 4, 3), ("EV-USER", 2, None),
    ]  # fmt: skip
    assert [rule.action for rule in counts.rules] == ["report", "quarantine"]


def test_a_rule_that_nothing_broke_is_told_too():
    counts = count_source("shop", manifest(facts()), [USER])

    assert [(rule.says, rule.violations) for rule in counts.rules] == [("an event has a user", 0)]


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("FILE-NUL", "a line holds no NUL byte"),
        ("TYPE-RATING-COUNT", "the rating count can be read as what it is"),
        ("OLD-RULE", ""),
    ],
)
def test_rules_that_no_contract_lists_have_a_sentence_too(code, says):
    counts = count_source("shop", manifest(facts(quarantined=1, violations={code: 1})), [USER])

    assert counts.rules[0].says == says


def test_the_worst_files_come_first_and_clean_ones_not_at_all():
    counts = count_source(
        "shop",
        manifest(facts("a.csv"), facts("b.csv", quarantined=1), facts("c.csv", duplicates=5)),
        [],
    )

    assert [file.file for file in counts.worst_files] == ["c.csv", "b.csv"]


def test_files_of_one_date_are_one_day():
    counts = count_source(
        "shop",
        manifest(
            facts("shop-2024-01-16.csv", valid=1),
            facts("shop-2024-01-15-a.csv", valid=2),
            facts("shop-2024-01-15-b.csv", quarantined=4),
        ),
        [],
    )

    assert [(day.date, day.rows.rows_in) for day in counts.dates] == [
        ("2024-01-15", 9), ("2024-01-16", 1),
    ]  # fmt: skip


def test_a_file_without_a_date_in_its_name_has_that_of_its_first_event():
    assert outcome_of("shop", facts("events.csv", days={"1": 2, "2": 1})).date == "1970-01-02"
    assert outcome_of("shop", facts("events.csv")).date is None


def test_control_sums_add_up_to_the_penny():
    cents = [facts(control_sum=0.1) for _ in range(10)]

    assert count_source("shop", manifest(*cents), []).control_sum == 1.0


@given(
    st.sampled_from(["rows_in", "valid", "quarantined", "duplicates"]),
    st.integers(-100, 100).filter(bool),
)
def test_counts_that_do_not_add_up_are_refused(key, error):
    wrong = facts(valid=5, quarantined=5, duplicates=5)
    wrong[key] += error

    with pytest.raises(IntegrityError, match="do not add up"):
        count_source("shop", manifest(wrong), [])


def test_a_negative_count_is_refused_even_if_the_sum_is_right():
    with pytest.raises(IntegrityError, match="quarantined is -1"):
        outcome_of("shop", facts(valid=3, quarantined=-1, duplicates=1))


@pytest.mark.parametrize(
    "wrong",
    [{"violations": {"EV-USER": 4}}, {"violations": {"EV-USER": 1}, "distinct": {"EV-USER": 2}}],
)
def test_more_violations_than_rows_are_refused(wrong):
    with pytest.raises(IntegrityError, match="EV-USER"):
        count_source("shop", manifest(facts(**wrong)), [USER])


def test_counts_that_differ_from_the_manifest_are_refused():
    with pytest.raises(IntegrityError, match="quarantined"):
        count_source("shop", manifest(facts(quarantined=1), counts={"quarantined": 2}), [])
