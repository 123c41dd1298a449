"""What the doors take and give, as models: strict, and closed against unknown fields."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from typing_extensions import Self  # noqa: TC002 - pydantic reads it


def _whole(value: object) -> object:
    """Take 10.0 for 10, as JSON has one kind of number."""
    return int(value) if type(value) is float and value.is_integer() else value


Text = Annotated[str, Field(min_length=1, max_length=256)]
Number = Annotated[int, Field(ge=1, le=100), BeforeValidator(_whole)]
Price = Annotated[float, Field(ge=0, le=1e12)]
Share = Annotated[float, Field(ge=0, le=1)]
Items = Annotated[list[Text], Field(max_length=100)]
Names = Annotated[list[Text], Field(max_length=1_000)]


class Taken(BaseModel):
    """What is taken: of the very type, without unknown fields, NaN or infinity."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True)


class Given(BaseModel):
    """What is given."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


def _example(value: dict[str, Any]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [value]})


class FiltersIn(Taken):
    """What may be in the list."""

    categories: Names = Field(
        default_factory=list, description="only items of these, if any are given"
    )
    min_price: Price | None = Field(None, description="an item without a price fits no limit")
    max_price: Price | None = None
    only_available: bool = Field(True, description="leave out what is known not to be available")
    exclude: Names = Field(default_factory=list, description="items that may not be in it")
    max_per_category: Number | None = Field(
        None,
        description="items of one category before others take their turn; null: as "
        "`serving.max_per_category` says",
    )

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if None not in (self.min_price, self.max_price) and self.min_price > self.max_price:  # type: ignore[operator]
            raise ValueError("min_price is above max_price")
        return self


class RecommendIn(Taken):
    """Who wants how many items. Without user, session and items: what is popular now."""

    model_config = _example(
        {"user_id": "u035", "n_items": 5, "filters": {"max_price": 50, "exclude": ["i0001"]}}
    )

    user_id: Text | None = Field(None, description="one who is not known is a new user")
    n_items: Number = Field(10, description="of the list")
    include_metadata: bool = Field(False, description="also title, category, price, availability")
    min_confidence: Share = Field(0.0, description="leave out what is less sure")
    session_id: Text | None = Field(None, description="of a visitor without user_id")
    items: Items = Field(default_factory=list, description="viewed just now, the latest last")
    exclude_seen: bool | None = Field(None, description="null: as `serving.exclude_seen` says")
    filters: FiltersIn = Field(default_factory=FiltersIn)


class BundleIn(Taken):
    """A cart that wants company."""

    model_config = _example({"items": ["i0003", "i0017"], "n_items": 3})

    items: Items = Field(min_length=1, description="what is in the cart, the latest last")
    n_items: Number = 10
    include_metadata: bool = False


class Metadata(Given):
    """What a shop shows of an item."""

    title: str
    category_id: str | None
    price: float | None
    available: bool | None


class Line(Given):
    """One item of a list."""

    item_id: str
    rank: int
    score: float | None = Field(description="compares within this list only")
    confidence: float | None = Field(description="0 to 1; null where the model was not calibrated")
    reason: str
    source: str = Field(description="the retriever that ranked it highest, or popularity")
    metadata: Metadata | None = Field(None, description="only where it was asked for")


class Listed(Given):
    """A list."""

    recommendation_id: str = Field(description="events may name it; /explain/… tells of it")
    model: str
    model_version: str
    experiment: str | None = Field(None, description="that this list is part of, if any")
    variant: str | None = Field(
        None, description="of the experiment, that this visitor always sees"
    )
    degraded: bool = Field(description="something was out of order while this was answered")
    degraded_parts: list[str] = Field(description="what: features, trending")
    items: list[Line]


_UNFIT = r"\u0000-\u001f\u007f-\u009f\u2028\u2029"
_BLANK = r" \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
EventText = Annotated[
    str,
    Field(
        min_length=1,
        max_length=256,
        pattern=f"^[^{_UNFIT}{_BLANK}]([^{_UNFIT}]*[^{_UNFIT}{_BLANK}])?$",
    ),
]
"""Without control characters, and without blanks at its ends."""
Moment = str | Annotated[float, Field(ge=946_684_800, lt=1e16)] | None


def _only(told: str, other: str) -> dict[str, Any]:
    """Say that a moment is told by one of its names."""
    kinds = {told: {"type": ["string", "number"]}, other: {"type": "null"}}
    return {"required": [told], "properties": kinds}


class EventIn(BaseModel):
    """An event; the guide on events tells what each field may hold."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "oneOf": [_only("timestamp", "occurred_at"), _only("occurred_at", "timestamp")],
            "if": {"properties": {"event_type": {"const": "rate"}}},
            "then": {"required": ["rating"], "properties": {"rating": {"type": "number"}}},
            "examples": [
                {
                    "user_id": "u035",
                    "item_id": "i0003",
                    "event_type": "click",
                    "timestamp": "2026-01-15T10:30:00.125Z",
                }
            ],
        },
    )

    user_id: EventText
    item_id: EventText
    event_type: Literal["view", "click", "add_to_cart", "purchase", "cancel", "rate"]
    timestamp: Moment = Field(
        None,
        description="ISO 8601 with a zone, or seconds, ms or µs since 1970; from 2000 on, and at "
        "most 5 minutes ahead",
    )
    occurred_at: Moment = Field(None, description="the same by another name")
    event_id: EventText | None = Field(None, description="derived where it is not given")
    session_id: EventText | None = None
    device: EventText | None = None
    price: Price | None = None
    quantity: Annotated[float, Field(ge=0, le=1e9)] | None = None
    rating: Annotated[float, Field(ge=1, le=5)] | None = None
    transaction_id: EventText | None = None
    recommendation_id: EventText | None = None


class EventOut(Given):
    """What became of an event, which is safe now: on the disk, or with the broker."""

    event_id: str
    outcome: Literal["accepted", "duplicate"]


class EventsOut(Given):
    """What became of a request's events, in their order."""

    accepted: int
    duplicates: int
    events: list[EventOut]


class Freshness(Given):
    """How old a feature view of the online store is."""

    view: str
    version: str
    as_of: str
    age_s: float
    is_fresh: bool


class ModelOut(Given):
    """The published model that serves."""

    name: str
    version: str
    number: int
    published_at: str
    newest_event_at: str
    n_items: int
    n_users: int


class EventLogOut(Given):
    """Where this worker's events go: the event log, or a broker on the way to it."""

    is_open: bool
    waiting: int
    trouble: str | None


class VariantOut(Given):
    """A variant of an experiment, as this worker gives it."""

    experiment: str
    variant: str
    model: str
    number: int
    why_off: str | None = Field(description="why this worker gives it no more, if it does not")


class Health(Given):
    """How the service is."""

    status: Literal["ok", "degraded"]
    model: ModelOut
    challenger: ModelOut | None = Field(description="that answers unseen, see `serving.shadow`")
    variants: list[VariantOut] = Field(
        default_factory=list, description="of the experiments that run"
    )
    freshness_s: float = Field(description="now minus the newest event that the model knows")
    features: list[Freshness]
    event_log: EventLogOut
    refused_model: str | None = Field(description="a newer model that cannot be served, and why")
    troubles: list[str]
    started_at: str


class Alive(Given):
    """The process answers."""

    status: Literal["ok"]


class FaultOut(Given):
    """What is wrong with one field."""

    field: str
    cause: str


class ProblemOut(Given):
    """A problem document, RFC 9457."""

    model_config = _example(
        {
            "type": "urn:recomart:error:RM-190",
            "title": "Unprocessable Entity",
            "status": 422,
            "detail": "The request does not fit: n_items: Input should be less than or equal to "
            "100.",
            "code": "RM-190",
            "remedy": "Mend these fields; /openapi.json describes them all.",
            "faults": [{"field": "n_items", "cause": "Input should be less than or equal to 100"}],
            "request_id": "0f3a…",
        }
    )

    type: str
    title: str
    status: int
    detail: str
    code: str
    remedy: str
    faults: list[FaultOut] = []
    request_id: str = ""


class Did(Given):
    """Something a user did."""

    item_id: str
    event_type: str
    occurred_at: str


class GivenList(Given):
    """A list that was given; /explain/… tells more of it."""

    recommendation_id: str
    at: str
    items: list[str]


class Exported(Given):
    """What this service knows of a user."""

    user_id: str
    session: list[Did] = Field(description="kept in memory for the next list")
    event_log: list[dict[str, Any]] = Field(description="events that the log still holds")
    answers: list[GivenList] = Field(description="those kept of the latest, of all workers")
    model: list[Did] = Field(description="the history that the published model starts from")
    not_covered: list[str]


class Forgotten(Given):
    """What was forgotten of a user, and what was not."""

    user_id: str
    erasure_id: str = Field(description="names the receipt: `recomart erase --receipts`")
    session: bool
    events: int = Field(description="taken out of the event log")
    answers: int = Field(description="taken out of the kept answers of all workers")
    ordered: list[str] = Field(description="what the next run, or `recomart erase`, takes out")
    not_covered: list[str]


class FeaturesOut(Given):
    """What the ranker saw of the listed items, looked up again."""

    is_exact: bool = Field(
        description="versions of all features are those of then, and so are the ranker's scores"
    )
    note: str | None = Field(description="what differs, or why there are none")
    versions: dict[str, str] = Field(description="of the feature views")
    items: dict[str, dict[str, float | None]] = Field(
        description="by item and column, null where unknown; the columns of a retriever tell its "
        "score and rank; an item that only filled the list is not in it"
    )


class Explained(Given):
    """How an answer came about."""

    recommendation_id: str
    at: str
    model: str
    model_version: str
    experiment: str | None = None
    variant: str | None = None
    is_still_serving: bool
    asked: dict[str, Any]
    rules: dict[str, Any] = Field(description="what was asked for")
    acted: dict[str, int] = Field(
        description="by rule: how many candidates it kept out, or put last; rules that did "
        "nothing are not there",
        examples=[{"seen": 3, "unavailable": 12, "near_duplicate": 2}],
    )
    fresh: list[Did] = Field(description="events taken since the model learned, as they were then")
    history: list[Did] | None = Field(
        description="what the model knows of the user; null where another model serves by now"
    )
    degraded_parts: list[str]
    features: FeaturesOut
    items: list[Line]
