"""Contracts: what a row must satisfy, compiled to one number a row that says what it breaks.

Bit k of `mask` is set where rule k is broken. What cannot be shown to hold does not hold: a rule
that evaluates to null is broken, unless the rule lets a null pass.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

import ibis

from recomart.errors import SettingsError
from recomart.quality.mapping import TIME, typed_columns
from recomart.settings import Rule
from recomart.vocabulary import EVENT_TYPES, RATE, SECOND_US

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ibis.expr.types import BooleanValue, IntegerValue, Table

    from recomart.settings import Source

MOST_RULES = 62
"""Bits of a 64-bit integer that a mask may use."""

STANDING: dict[str, tuple[Rule, ...]] = {
    "events": (
        Rule(code="EV-USER", column="user_id", check="required", says="an event has a user"),
        Rule(code="EV-ITEM", column="item_id", check="required", says="an event has an item"),
        Rule(
            code="EV-TYPE",
            column="event_type",
            check="allowed",
            values=EVENT_TYPES,
            says="its type is a known one",
        ),
        Rule(code="EV-TIME", column="occurred_us", check="required", says="its time is readable"),
        Rule(code="EV-FUTURE", column="occurred_us", check="past", says="it is not in the future"),
        Rule(code="EV-PRICE", column="price", check="range", min=0, says="a price is not negative"),
        Rule(
            code="EV-RATING",
            column="rating",
            check="range",
            min=1,
            max=5,
            says="a rating is from 1 to 5",
        ),
        Rule(
            code="EV-RATED",
            column="rating",
            check="required",
            when={"match": f"^{RATE}$", "value": ""},  # type: ignore[arg-type]
            says="who rates gives a rating",
        ),
    ),
    "catalogue": (
        Rule(code="CA-ITEM", column="item_id", check="required", says="a product has an id"),
        Rule(code="CA-PRICE", column="price", check="range", min=0, says="a price is not negative"),
        Rule(
            code="CA-RATING",
            column="rating",
            check="range",
            min=0,
            max=5,
            says="a rating is from 0 to 5",
        ),
        Rule(code="CA-FUTURE", column="occurred_us", check="past", says="it is not in the future"),
    ),
    "item_properties": (
        Rule(code="PR-ITEM", column="item_id", check="required", says="a property has an item"),
        Rule(code="PR-NAME", column="property", check="required", says="a property has a name"),
        Rule(code="PR-TIME", column="occurred_us", check="required", says="its time is readable"),
        Rule(code="PR-FUTURE", column="occurred_us", check="past", says="it is not in the future"),
    ),
    "categories": (
        Rule(code="CT-ID", column="category_id", check="required", says="a category has an id"),
    ),
}
"""The rules that hold for every source of a kind; one of the same code in the settings wins."""

FILE_RULES = {
    "FILE-COLUMNS": "the file has the columns that the settings name",
    "FILE-COMPRESSION": "a packed file can be unpacked to its end",
    "FILE-ENCODING": "the text is in the encoding that the settings name",
    "FILE-JSON": "the file is a JSON list of objects",
    "FILE-LONG": "a line has at most 16 MiB",
    "FILE-MESSAGE": "a message of a stream is an event",
    "FILE-NUL": "a line holds no NUL byte",
    "FILE-QUOTE": "a quoted value ends",
    "FILE-RAGGED": "a row has as many values as the header",
    "FILE-TRUNCATED": "the last row ends with a newline",
}
"""What can keep a line from becoming a row at all."""


def rules_of(source: Source) -> tuple[Rule, ...]:
    """Return the rules of a source, standing ones first, in the order of their bits.

    A column whose text must fit a type has a rule ``TYPE-<COLUMN>`` of its own.
    """
    own = {rule.code: rule for rule in source.contract.rules}
    kept = STANDING[source.holds] if source.contract.standing else ()
    standing = [own.pop(rule.code, rule) for rule in kept]
    return (*standing, *own.values())


def type_rules(table: Table) -> tuple[Rule, ...]:
    """Return a rule for each column of a mapped table whose text must fit its type."""
    return tuple(
        Rule(
            code=f"TYPE-{name.removesuffix('_at').replace('_', '-').upper()}",
            column=f"bad_{name}",
            check="required",
            says=f"the {name.replace('_', ' ')} can be read as what it is",
        )
        for name in typed_columns(table)
        if name != TIME  # the rules on time say it already
    )


def mask(table: Table, rules: Sequence[Rule]) -> IntegerValue:
    """Return the number of each row whose bits are the rules that it breaks."""
    if len(rules) > MOST_RULES:
        raise SettingsError(
            f"A contract of {len(rules)} rules is too long.",
            remedy=f"Keep at most {MOST_RULES} a source, its standing and type rules included.",
        )
    bits = [
        ibis.ifelse(broken(table, rule), ibis.literal(1 << k, type="int64"), 0)
        for k, rule in enumerate(rules)
    ]
    return reduce(or_, bits, ibis.literal(0, type="int64"))


def broken(table: Table, rule: Rule) -> BooleanValue:
    """Tell which rows break a rule; null is broken."""
    if rule.column.startswith("bad_"):
        return table[rule.column]
    column = "occurred_us" if rule.column == TIME else rule.column
    for name in (column, rule.when_column if rule.when else column):
        if name not in table.columns:
            known = (c for c in table.columns if c[0] != "_" and c[:4] != "bad_")
            raise SettingsError(
                f"Rule {rule.code} speaks of a column {name!r} that its source has not.",
                remedy=f"Known: {', '.join(known)}.",
            )
    failed = ~holds(table, rule, column).fill_null(ibis.literal(value=False))
    if rule.when is None:
        return failed
    return failed & table[rule.when_column].re_search(rule.when.match).fill_null(
        ibis.literal(value=False)
    )


def holds(table: Table, rule: Rule, name: str) -> BooleanValue:
    """Tell which rows keep a rule; a null value passes all checks but `required` and `allowed`."""
    value = table[name]
    if rule.check == "required":
        return value.notnull()
    if rule.check == "past":
        return value.isnull() | (value <= table["_ingested_us"] + int(rule.slack_s * SECOND_US))
    if rule.check in {"range", "above"}:
        return value.isnull() | _within(value, rule)
    text = value.cast("string")
    listed = (
        value.isin([float(v) for v in rule.values])
        if value.type().is_numeric()
        else text.isin(rule.values)
    )
    if rule.check == "allowed":
        return listed
    if rule.check == "matches":
        return value.isnull() | text.re_search(rule.pattern or "")
    refused = listed | text.re_search(rule.pattern) if rule.pattern else listed
    return value.isnull() | ~refused


def _within(value: IntegerValue, rule: Rule) -> BooleanValue:
    kept = ibis.literal(value=True)
    if rule.min is not None:
        kept &= value > rule.min if rule.check == "above" else value >= rule.min
    if rule.max is not None:
        kept &= value <= rule.max
    return kept
