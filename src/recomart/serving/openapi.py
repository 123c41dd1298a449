"""The description of the doors: what each takes and gives, with every status."""

from __future__ import annotations

from copy import deepcopy
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from recomart.serving import schemas
from recomart.serving.limits import scope_needed
from recomart.serving.problems import MEDIA_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI
    from pydantic import BaseModel

REF = "#/components/schemas/{model}"
ALWAYS = (401, 403, 429, 500, 503)
"""What any door may say that wants a key."""
OPENLY = (500, 503)
ADDED = (schemas.RecommendIn, schemas.BundleIn, schemas.EventIn, schemas.ProblemOut)
"""Models that FastAPI does not see, because the doors read bodies themselves."""


def told(
    gives: type[BaseModel] | None,
    *problems: int,
    takes: type[BaseModel] | None = None,
    many: bool = False,
    is_open: bool = False,
) -> dict[str, Any]:
    """Return how a door is described: what it gives and takes, and what else it may say."""
    responses: dict[int, Any] = {
        status: _problem(status) for status in sorted({*problems, *(OPENLY if is_open else ALWAYS)})
    }
    if takes and 408 not in responses:
        responses[408] = _problem(408)
    if gives is None:
        responses[200] = {"content": {"text/plain": {"schema": {"type": "string"}}}}
    else:
        responses[200] = {"model": gives}
    extra = {"requestBody": _body(takes, many=many)} if takes else None
    return {"responses": responses, "openapi_extra": extra}


def describe(app: FastAPI, *, with_keys: bool, below: str = "") -> dict[str, Any]:
    """Return the OpenAPI document of an application; the keys it asks for are told with it.

    below  the path that all of its doors stand below
    """
    if app.openapi_schema is None:
        servers = [{"url": below}] if below else None
        found = get_openapi(
            title=app.title, version=app.version, routes=app.routes, servers=servers
        )
        _, definitions = models_json_schema(
            [(model, "validation") for model in ADDED], ref_template=REF
        )
        components = found.setdefault("components", {})
        components.setdefault("schemas", {}).update(definitions["$defs"])
        _add_scopes(found)
        app.openapi_schema = found
    return _with_keys(app.openapi_schema) if with_keys else app.openapi_schema


def _add_scopes(document: dict[str, Any]) -> None:
    """Say of which scope a key would have to be."""
    for path, method, operation in _locked(document):
        scopes = " or ".join(scope_needed(method.upper(), path))
        operation["description"] += f"\n\nWants a key of scope {scopes}, once there is one."


def _with_keys(document: dict[str, Any]) -> dict[str, Any]:
    told = deepcopy(document)
    told["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    for _, _, operation in _locked(told):
        operation["security"] = [{"key": []}]
    return told


def _locked(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the doors that want a key, once there is one."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if "401" in operation["responses"]:
                yield path, method, operation


def _problem(status: int) -> dict[str, Any]:
    schema = {"$ref": REF.format(model="ProblemOut")}
    return {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": schema}}}


def _body(model: type[BaseModel], *, many: bool) -> dict[str, Any]:
    schema: dict[str, Any] = {"$ref": REF.format(model=model.__name__)}
    if many:
        several = {"type": "array", "items": schema, "minItems": 1, "maxItems": 1_000}
        schema = {"anyOf": [schema, several]}
    return {"required": True, "content": {"application/json": {"schema": schema}}}
