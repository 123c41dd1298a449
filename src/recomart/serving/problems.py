"""Problem documents (RFC 9457): what went wrong, its cause and its remedy, as JSON."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from recomart.errors import (
    BadEventError,
    BadInputError,
    BusyError,
    IntegrityError,
    NotFoundError,
    RecomartError,
    RequestError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import ValidationError

MEDIA_TYPE = "application/problem+json"
MOST_FAULTS = 32
"""Faults that one problem tells."""
MOST_LETTERS = 80
"""Of a field's name that is told back."""
RETRY_AFTER_S = 2.0
"""Where nothing better is known."""
STATUSES: tuple[tuple[type[RecomartError], int], ...] = (
    (BadEventError, 422),
    (BadInputError, 400),
    (NotFoundError, 404),
    (UnavailableError, 503),
    (IntegrityError, 503),
)


class Problem:
    """One problem document, before it is written."""

    def __init__(self, error: RecomartError) -> None:
        self.error = error
        self.status = status_of(error)

    def headers(self) -> dict[str, str]:
        """Return the headers that go with it."""
        headers = {"content-type": MEDIA_TYPE, **getattr(self.error, "headers", {})}
        if self.status in (429, 503):
            wait = getattr(self.error, "retry_after_s", RETRY_AFTER_S)
            headers["retry-after"] = str(max(1, round(wait)))
        return headers

    def body(self, request_id: str = "") -> bytes:
        """Return the document. ASCII: what was sent may hold what no other encoding can."""
        error = self.error
        told: dict[str, Any] = {
            "type": f"urn:recomart:error:{error.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": error.cause,
            "code": error.code,
            "remedy": error.remedy,
        }
        faults = getattr(error, "faults", ())
        if faults:
            told["faults"] = [{"field": field, "cause": cause} for field, cause in faults]
        if request_id:
            told["request_id"] = request_id
        return json.dumps(told).encode()

    def alone(self) -> bytes:
        """Return the whole answer, for where no application is there to give it."""
        body = self.body()
        headers = {**self.headers(), "content-length": str(len(body)), "connection": "close"}
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def status_of(error: RecomartError) -> int:
    """Return the status that an error is answered with."""
    if isinstance(error, RequestError | BusyError):
        return error.status
    return next((status for kind, status in STATUSES if isinstance(error, kind)), 500)


def of_http(
    status: int, detail: str = "", headers: Mapping[str, str] | None = None
) -> RequestError:
    """Return the error for a status that the framework gives."""
    causes = {
        404: ("There is nothing at this path.", "See /openapi.json for what there is."),
        405: ("This path does not take this method.", "The header Allow names those it takes."),
    }
    phrase = f"{detail or HTTPStatus(status).phrase}."
    cause, remedy = causes.get(status, (phrase, "See /openapi.json for what can be asked."))
    return RequestError(status, cause, remedy=remedy, headers=headers)


def internal() -> RequestError:
    """Return what is told of a fault of ours: nothing of its inside."""
    return RequestError(
        500,
        "The server has a fault; it has been logged.",
        remedy="Report it with the request_id.",
    )


def invalid(error: ValidationError) -> RequestError:
    """Turn what a model refuses into one error; what was sent is not told back."""
    return of_faults(
        (dict(fault) for fault in error.errors(include_url=False, include_input=False)),
    )


def of_faults(found: Iterable[Mapping[str, Any]]) -> RequestError:
    """Turn faults as pydantic tells them into one error."""
    listed = list(found)
    faults = [(_field(fault["loc"]), str(fault["msg"])) for fault in listed[:MOST_FAULTS]]
    return RequestError(
        422,
        "The request does not fit: " + "; ".join(f"{f}: {c}" for f, c in faults[:4]) + ".",
        remedy="Mend these fields; /openapi.json describes them all.",
        faults=faults,
    )


def not_json(cause: str) -> RequestError:
    """Return the error for a body that is no JSON as RFC 8259 has it."""
    return RequestError(
        400, f"The body is no JSON: {cause[:200]}.", remedy="Send JSON in UTF-8, without NaN."
    )


def _field(parts: Iterable[str | int]) -> str:
    name = ".".join(map(str, parts)) or "body"
    return ascii(name)[1:-1][:MOST_LETTERS]


def answer_of(error: RecomartError, request_id: str) -> Response:
    """Return what is answered to whoever caused an error."""
    problem = Problem(error)
    return Response(problem.body(request_id), problem.status, problem.headers())
