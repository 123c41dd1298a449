"""Several shops in one process: each answers below a path of its own, with all that is its own.

A shop has its service, its application with its limits and keys, its metrics. Here is only what
picks it by the beginning of the path, which the shop itself never sees, and what a process has
once: where it tells that it lives, and the metrics of all.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from fastapi import FastAPI, Response

from recomart.errors import NotFoundError, RecomartError, UnavailableError
from recomart.lake import open_lake
from recomart.log import SHOP, StageLog
from recomart.ranking.aliases import find_champion
from recomart.serving.access import Access
from recomart.serving.app import HANDLERS, create_app
from recomart.serving.intake import to_log
from recomart.serving.limits import Guard, SecurityHeaders, Shed, TimeLimit
from recomart.serving.loading import AGAIN_S, load_to_share
from recomart.serving.replies import as_json
from recomart.serving.request_metrics import MEDIA_TYPE, RootMetrics, of_all, written
from recomart.serving.resources import Resources
from recomart.serving.security import Keys, is_loopback
from recomart.serving.service import Service
from recomart.serving.watcher import Watcher

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

    from recomart.serving.intake import Taking
    from recomart.serving.served import Served
    from recomart.settings import Loaded

BELOW = "/shops/"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
log = StageLog("serving")


class Stall:
    """The place of one shop: its application, once there is a model that can serve."""

    def __init__(self, loaded: Loaded, settle: Callable[[], None], taking: Taking) -> None:
        self.loaded = loaded
        self.service: Service | None = None
        self.app: ASGIApp | None = None
        """Open while it is there."""
        self._made: ASGIApp | None = None
        serving = loaded.settings.serving
        self.keys = Keys(loaded.path(serving.keys), are_needed=not is_loopback(serving.host))
        self._settle, self._taking = settle, taking
        self._refused = ""
        self._refused_at = -AGAIN_S

    def load(self, shared: Served | None = None) -> None:
        """Load what serves; what is wrong with it is logged, and keeps nobody else from serving."""
        SHOP.set(self.loaded.shop)
        try:
            if shared is None and self._is_refused():
                return
            service = Service(self.loaded, self._settle, shared, self._taking)
            # here, one after another: the framework cannot make two at once in threads
            self._made = create_app(service, self.loaded.settings.serving)
            self.service = service
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this shop's alone
            self._refuse(error)

    def open(self) -> None:
        """Begin to take events, and answer from now on."""
        SHOP.set(self.loaded.shop)
        if self.service is None:
            return
        try:
            self.service.start()
        except Exception as error:  # noqa: BLE001 - as above
            self._refuse(error)
            with suppress(Exception):  # as far as it had come
                self.service.close()
            self.service = None
        else:
            self.app = self._made
            log.info("shop_opened", version=self.service.engine.served.state.version)

    def close(self) -> None:
        """Write the events that wait, and let everything go."""
        SHOP.set(self.loaded.shop)
        self.app = None
        if self.service is not None:
            self.service.close()

    def _is_refused(self) -> bool:
        """Tell whether what would serve was refused of late; note which it is."""
        champion = find_champion(open_lake(self.loaded))
        version = champion.version if champion else "none"
        if version == self._refused and time.monotonic() - self._refused_at < AGAIN_S:
            return True
        self._refused, self._refused_at = version, time.monotonic()
        return False

    def _refuse(self, error: Exception) -> None:
        cause = error.cause if isinstance(error, RecomartError) else repr(error)
        log.error("shop_not_opened", cause=cause)


class Shops:
    """The application of a process that answers for several shops; plain ASGI.

    shared  models that were loaded before this process was born, by shop
    taking  opens what takes the events of a shop
    """

    def __init__(
        self,
        root: Loaded,
        shops: Mapping[str, Loaded],
        settle: Callable[[], None] = lambda: None,
        shared: Mapping[str, Served] | None = None,
        taking: Taking = to_log,
    ) -> None:
        self.stalls = {name: Stall(loaded, settle, taking) for name, loaded in shops.items()}
        self.metrics = RootMetrics()
        folders = [loaded.folder for loaded in shops.values()]
        self._resources = Resources(self.metrics.registry, folders)
        self._every_s = root.settings.serving.reload_s
        self._root = self._application(root)
        for name, stall in self.stalls.items():
            stall.load((shared or {}).get(name))
        SHOP.set("")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask the shop that the path begins with, as if it stood alone; see ASGI."""
        name, path = parted(scope["path"]) if scope["type"] == "http" else ("", "")
        stall = self.stalls.get(name)
        SHOP.set(name if stall else "")  # in any case: a connection's next request may inherit it
        if stall is None or stall.app is None:
            await self._root(scope, receive, send)
        else:
            await stall.app({**scope, "path": path}, receive, send)

    def _application(self, root: Loaded) -> FastAPI:
        """Make what answers where no shop does."""
        app = FastAPI(openapi_url=None, lifespan=self._live, redirect_slashes=False)
        for path in ("/health/live", "/health/ready"):
            app.add_api_route(path, self._alive)
        app.add_api_route("/metrics", self._exposition)
        app.add_api_route(f"{BELOW}{{name}}/{{rest:path}}", self._no_shop, methods=METHODS)
        app.add_api_route("/{rest:path}", self._nothing, methods=METHODS)
        for kind, answer in HANDLERS.items():
            app.add_exception_handler(kind, answer)
        settings = root.settings.serving
        keys = _KeysOfAll(root, [stall.keys for stall in self.stalls.values()])
        app.add_middleware(_OfMetrics, settings=settings, keys=keys)
        app.add_middleware(TimeLimit, settings=settings)
        app.add_middleware(Shed, settings=settings, metrics=self.metrics)
        app.add_middleware(SecurityHeaders)
        app.add_middleware(Access, metrics=self.metrics)
        return app

    @asynccontextmanager
    async def _live(self, _: FastAPI) -> AsyncIterator[None]:
        """Open the shops, all at once; look after those that are closed; close them in the end."""
        stalls = self.stalls.values()
        await asyncio.gather(*(asyncio.to_thread(stall.open) for stall in stalls))
        self._set_gauges()
        watchers = [
            Watcher("closed shops", self._every_s, self._open_more),
            Watcher("gauges", self._every_s, self._set_gauges),
        ]
        yield
        for watcher in watchers:
            await asyncio.to_thread(watcher.close)
        await asyncio.gather(*(asyncio.to_thread(stall.close) for stall in stalls))

    def _open_more(self) -> None:
        for stall in self.stalls.values():
            if stall.app is None:
                stall.load()
                stall.open()

    def _set_gauges(self) -> None:
        for name, stall in self.stalls.items():
            self.metrics.is_open.labels(name).set(stall.app is not None)
        self._resources.measure()

    async def _alive(self) -> Response:
        """Tell that the process answers."""
        return as_json({"status": "ok"})

    async def _exposition(self) -> Response:
        """Return the metrics of all shops, of all workers, for Prometheus."""
        services = [stall.service for stall in self.stalls.values() if stall.service]
        parts = [self.metrics, *(service.metrics for service in services)]
        body = await asyncio.to_thread(lambda: written(of_all(parts)))
        return Response(body, headers={"content-type": MEDIA_TYPE})

    async def _no_shop(self, name: str) -> Response:
        """Say that a shop is closed, or that there is none; never which there are."""
        if name in self.stalls:
            raise UnavailableError(
                "This shop has no model that can serve yet.",
                remedy="Ask again later; the log of the server tells its keeper why.",
            )
        raise NotFoundError("There is no such shop here.", remedy="See how its name is written.")

    async def _nothing(self) -> Response:
        """Say that the root has no such door."""
        raise NotFoundError(
            "There is nothing at this path.",
            remedy=f"The doors of a shop stand below {BELOW}, and below the shop's name.",
        )


class _KeysOfAll(Keys):
    """The root's keys. One is needed once a shop wants one: its metrics are told here, too."""

    def __init__(self, root: Loaded, others: list[Keys]) -> None:
        self._others = others
        serving = root.settings.serving
        super().__init__(root.path(serving.keys), are_needed=not is_loopback(serving.host))

    def refresh(self) -> None:
        """See `Keys`."""
        super().refresh()
        for keys in self._others:
            keys.refresh()
        self.are_needed = self.are_needed or any(keys.are_needed for keys in self._others)


class _OfMetrics(Guard):
    """Asks for a key of the root where the metrics are asked for, and nowhere else."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        is_guarded = scope["type"] == "http" and scope["path"] == "/metrics"
        await (super().__call__ if is_guarded else self.app)(scope, receive, send)


def load_all(shops: Mapping[str, Loaded]) -> dict[str, Served]:
    """Load what serves in each shop, for processes that come of this one by fork.

    What cannot be loaded is left out: each process finds out for itself, and tells.
    """
    found = {}
    for name, loaded in shops.items():
        SHOP.set(name)
        with suppress(Exception):
            found[name] = load_to_share(loaded)
    SHOP.set("")
    return found


def parted(path: str) -> tuple[str, str]:
    """Part ``/shops/gifts/popular`` into ``gifts`` and ``/popular``; two empty words: it is none.

    The path is one that was decoded already, and nothing in it (``..``, ``//``) means anything.
    """
    name, slash, rest = path.removeprefix(BELOW).partition("/")
    return (name, f"/{rest}") if slash and path.startswith(BELOW) else ("", "")
