"""The HTTP door: routes over a service, with the limits before them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.staticfiles import StaticFiles

from recomart import __version__
from recomart.errors import RecomartError
from recomart.serving import schemas
from recomart.serving.access import Access
from recomart.serving.bodies import Body
from recomart.serving.limits import Guard, SecurityHeaders, Shed, TimeLimit
from recomart.serving.openapi import describe, told
from recomart.serving.problems import answer_of, of_faults, of_http
from recomart.serving.routes import Doors
from recomart.serving.shortcut import Shortcut

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi.telemetry import TelemetryConfig
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from recomart.serving.service import Service
    from recomart.serving.shortcut import Door
    from recomart.settings import ServingSettings

NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}
"""FastAPI's own would stand beside `traces` and `request_metrics`, and looks around each time."""


def create_app(service: Service, settings: ServingSettings) -> FastAPI:
    """Make the application; it starts the service and closes it."""

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        service.start()
        yield
        service.close()

    app = FastAPI(
        title="RecoMart",
        version=__version__,
        lifespan=life,
        docs_url=None,  # these pages would bring scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        telemetry=NO_TELEMETRY,
    )
    doors = Doors(service)
    _add_routes(app, doors)
    if settings.shop_page:
        pages = service.folder / settings.shop_page
        app.mount("/shop", StaticFiles(directory=pages, html=True), name="shop")
    for kind, answer in HANDLERS.items():
        app.add_exception_handler(kind, answer)
    below = f"/shops/{service.shop}" if service.shop else ""
    app.openapi = lambda: describe(app, with_keys=service.keys.are_needed, below=below)  # type: ignore[method-assign]
    _add_limits(app, doors, settings)
    return app


def _add_routes(app: FastAPI, doors: Doors) -> None:
    """Name each door: path, method, what it gives, what else it may say."""
    add = app.add_api_route
    add(
        "/recommendations",
        doors.recommendations,
        methods=["POST"],
        **told(schemas.Listed, 400, 413, 415, 422, takes=schemas.RecommendIn),
    )
    add(
        "/events",
        doors.events,
        methods=["POST"],
        **told(schemas.EventsOut, 400, 413, 415, 422, takes=schemas.EventIn, many=True),
    )
    add(
        "/bundle",
        doors.bundle,
        methods=["POST"],
        **told(schemas.Listed, 400, 413, 415, 422, takes=schemas.BundleIn),
    )
    add("/items/{item_id}/similar", doors.similar, **told(schemas.Listed, 404, 422))
    add("/popular", doors.popular, **told(schemas.Listed, 422))
    add("/trending", doors.trending, **told(schemas.Listed, 422))
    add("/explain/{recommendation_id}", doors.explain, **told(schemas.Explained, 404, 422))
    add("/users/{user_id}/export", doors.export, **told(schemas.Exported, 422))
    add("/users/{user_id}", doors.forget, methods=["DELETE"], **told(schemas.Forgotten, 413, 422))
    add("/health", doors.health, **told(schemas.Health))
    add("/health/live", doors.live, **told(schemas.Alive, is_open=True))
    add("/health/ready", doors.live, **told(schemas.Alive, is_open=True), name="ready")
    add("/metrics", doors.metrics, **told(None))  # fmt: skip


def _ways(app: FastAPI, doors: Doors) -> dict[tuple[str, str], tuple[Door, BaseRoute]]:
    """Return the doors that are asked with every page, and where the framework has them."""
    routes = {route.path: route for route in app.routes if isinstance(route, APIRoute)}
    often: dict[str, Door] = {"/recommendations": doors.recommendations, "/events": doors.events}
    return {("POST", path): (door, routes[path]) for path, door in often.items()}


def _add_limits(app: FastAPI, doors: Doors, settings: ServingSettings) -> None:
    """Put the limits before the doors: what is added last comes first."""
    service = doors.service
    limits: list[tuple[Any, dict[str, Any]]] = [
        (Access, {"metrics": service.metrics}),
        (SecurityHeaders, {}),
        (Guard, {"settings": settings, "keys": service.keys}),
        (Body, {"settings": settings}),
        (Shed, {"settings": settings, "metrics": service.metrics}),
        (TimeLimit, {"settings": settings}),
        (Shortcut, {"ways": _ways(app, doors)}),
    ]
    if settings.cors_origins:
        cors = {
            "allow_origins": settings.cors_origins,
            "allow_methods": ["GET", "POST"],
            "allow_headers": ["authorization", "content-type", "x-request-id"],
            "expose_headers": ["x-request-id", "retry-after"],
        }
        limits.insert(2, (CORSMiddleware, cors))
    if service.traces:
        from recomart.serving.traces import TracedRequests

        limits.insert(1, (TracedRequests, {"traces": service.traces}))
    for kind, options in reversed(limits):
        app.add_middleware(kind, **options)


async def _of_ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, RecomartError)  # noqa: S101 - what it is registered for
    return answer_of(error, request.state.request_id)


async def _of_parameters(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
    return await _of_ours(request, of_faults(error.errors()))


async def _of_framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    return await _of_ours(request, of_http(error.status_code, error.detail, error.headers))


HANDLERS = {
    RecomartError: _of_ours,
    RequestValidationError: _of_parameters,
    HTTPException: _of_framework,
}
