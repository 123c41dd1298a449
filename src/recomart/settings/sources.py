"""Sources in the settings: where the data is, which column means what, what must hold."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, Field, SecretStr, field_validator

Holds: TypeAlias = Literal["events", "catalogue", "item_properties", "categories"]


class _Part(BaseModel, frozen=True, extra="forbid", populate_by_name=True):
    """A part of a source."""


class Replace(_Part):
    """If the raw value matches, the column gets this value."""

    match: str = Field(description="regular expression (RE2), searched in the raw value")
    value: str


class Column(_Part):
    """How one column of ours is made from a raw column.

    The raw text is stripped of surrounding white space; empty text is null.
    """

    source: str | None = Field(
        None, alias="from", description="raw column; null: only `default` counts"
    )
    default: str | None = Field(None, description="value where the raw one is null or unmatched")
    replace: tuple[Replace, ...] = Field((), description="first match wins; no match: `default`")
    strip_suffix: str = Field("", description="ending to take off, such as '.0'")
    strip_prefix: str = Field("", description="beginning to take off, such as 'n'")
    format: str | None = Field(None, description="strptime format of a time; null: ISO 8601")
    optional: bool = Field(False, description="a file without the raw column is no fault")
    unit: Literal["s", "ms", "us"] | None = Field(None, description="unit of a numeric time")


class Rule(_Part):
    """One thing that a row must satisfy.

    required  the column is not null
    allowed   the column is one of `values`
    refused   the column is none of `values` and matches no `pattern`
    matches   the column matches `pattern`
    range     `min` <= column <= `max`, a finite number; a null passes (use `required`)
    above     as range, but `min` itself is refused
    past      the time is not later than the row's arrival plus `slack_s`
    """

    code: str = Field(pattern=r"^[A-Z][A-Z0-9-]*$", description="stable name, such as EV-USER")
    says: str = Field("", description="the rule as a sentence")
    column: str
    check: Literal["required", "allowed", "refused", "matches", "range", "above", "past"]
    values: tuple[str, ...] = ()
    pattern: str | None = None
    min: float | None = None
    max: float | None = None
    slack_s: float = 86_400.0
    when: Replace | None = Field(None, description="only rows whose `when_column` matches")
    when_column: str = "event_type"
    action: Literal["quarantine", "report"] = Field(
        "quarantine", description="`report` counts the row and lets it pass"
    )
    count_distinct: str | None = Field(None, description="also count distinct values of this")


class Contract(_Part):
    """What a source promises, beyond the standing rules of what it holds."""

    rules: tuple[Rule, ...] = ()
    standing: bool = Field(True, description="keep the standing rules of its kind")
    sum_of: tuple[str, ...] = Field((), description="columns whose product is summed as a control")


class CsvDialect(_Part):
    """How the files are written. Nothing is guessed."""

    delimiter: str = Field(",", min_length=1, max_length=1)
    quote: str = Field('"', min_length=1, max_length=1)
    encoding: Literal["utf-8", "latin-1", "cp1252"] = "utf-8"
    final_newline: Literal["required", "optional"] = Field(
        "required", description="without it the last row may be cut: it goes to quarantine"
    )
    max_ratio: float = Field(200.0, gt=1, description="of unpacked to packed bytes")
    max_bytes: int = Field(64 << 30, gt=0, description="unpacked bytes of one file")


class _Source(_Part):
    holds: Holds = Field("events", description="what the rows are")
    columns: dict[str, Column] = Field(default={}, description="our column to theirs")
    contract: Contract = Contract()
    arrival: Literal["occurred", "ingested", "recorded"] = Field(
        "occurred",
        description="when a row counts as known: as it happened (history), at ingestion, or when "
        "its column `arrived_at` says",
    )

    def meaning(self) -> dict[str, object]:
        """Return what decides how rows are read and held; not where they are fetched from."""
        parts = {"kind", "holds", "columns", "contract", "arrival", "dialect"}
        return {k: v for k, v in self.model_dump(mode="json").items() if k in parts}

    @field_validator("columns", mode="before")
    @classmethod
    def _short_form(cls, columns: object) -> object:
        """Read ``user_id: CustomerID`` as ``user_id: {from: CustomerID}``."""
        if not isinstance(columns, dict):
            return columns
        return {k: {"from": v} if isinstance(v, str) else v for k, v in columns.items()}


class CsvSource(_Source):
    """Files with one row a line: a file, a folder or a glob; plain, .gz or .zst."""

    kind: Literal["csv"] = "csv"
    path: str = Field(description="relative to the folder of recomart.yaml; * and ** allowed")
    dialect: CsvDialect = CsvDialect()
    date_pattern: str | None = Field(
        r"(\d{4}-\d{2}-\d{2})", description="where a file's name tells its date (for --from, …)"
    )


class EventLogSource(_Source):
    """The event log of the server: what it has taken since the last run, in one file a run."""

    kind: Literal["event_log"] = "event_log"
    holds: Literal["events"] = "events"
    path: str = Field("data/events.sqlite", description="relative to the folder of recomart.yaml")
    arrival: Literal["occurred", "ingested", "recorded"] = Field(
        "recorded", description="the server recorded when each event arrived"
    )
    dedup_days: float = Field(
        7.0,
        gt=0,
        description="how long the log keeps events that are in the lake, and so knows their ids "
        "when they are sent again",
    )

    @property
    def dialect(self) -> CsvDialect:
        """How its files are written, by us."""
        return CsvDialect()


class RestSource(_Source):
    """A catalogue behind HTTP, in the shape of the Fake Store API."""

    kind: Literal["rest"] = "rest"
    holds: Holds = "catalogue"
    url: str = Field(description="http(s) address of the list of products")
    paging: Literal["none", "offset", "page", "link"] = Field(
        "none", description="how further pages are asked for"
    )
    page_size: int = Field(100, gt=0, le=10_000)
    items_key: str | None = Field(None, description="where the list stands in the answer")
    timeout_s: float = Field(10.0, gt=0, description="of one attempt to connect or read")
    deadline_s: float = Field(120.0, gt=0, description="of the whole fetch, waiting included")
    max_attempts: int = Field(5, ge=1, le=20, description="of one page")
    backoff_s: float = Field(0.5, gt=0, description="first wait; doubles, with jitter")
    backoff_max_s: float = Field(30.0, gt=0)
    max_bytes: int = Field(256 << 20, gt=0, description="of the whole answer")
    max_pages: int = Field(1_000, gt=0)
    headers: dict[str, SecretStr] = Field(default={}, description="sent along; never printed")
    min_interval_s: float = Field(
        86_400.0, ge=0, description="a fetch younger than this is not repeated"
    )


FileSource: TypeAlias = CsvSource | EventLogSource
"""Its raw files have one row a line."""
Source: TypeAlias = Annotated[FileSource | RestSource, Field(discriminator="kind")]

__all__ = [
    "Column",
    "Contract",
    "CsvDialect",
    "CsvSource",
    "EventLogSource",
    "FileSource",
    "Holds",
    "Replace",
    "RestSource",
    "Rule",
    "Source",
]
