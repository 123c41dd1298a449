"""Running the service: uvicorn, one process or several, until it is told to stop."""

from __future__ import annotations

import gc
import os
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recomart.errors import MissingExtraError, SettingsError
from recomart.serving.intake import to_log
from recomart.serving.listening import CAN_FORK, WAITING, listen
from recomart.serving.security import hold_to_keys
from recomart.settings import below

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping

    import uvicorn
    from starlette.types import ASGIApp

    from recomart.serving.intake import Taking
    from recomart.serving.served import Served
    from recomart.settings import Loaded, ServingSettings

STOP_S = 10
"""How long requests in work have when the server is stopped."""
LIBRARIES = ("fastapi", "httptools", "prometheus_client", "uvicorn")
OTHER_FILES = 256
"""That a worker has open beside its connections."""
SWITCH_S = 0.0005
"""How long a thread of the engine keeps the interpreter from the one that talks to the network.

At Python's 5 ms each look at a socket waits so long while lists are made, and a list that is
refused for want of time hears of it late."""


RARELY = (10_000, 20, 50)
"""When the garbage collector looks for cycles among young, middle-aged and old objects."""


@dataclass(frozen=True)
class Making:
    """Makes the application in the process that will answer.

    taking  opens what takes the events of a shop
    shops   by name, where `loaded` is the root of several
    shared  models that were loaded before this process was born, by shop; of the only one by ""
    """

    loaded: Loaded
    taking: Taking = to_log
    shops: Mapping[str, Loaded] = field(default_factory=dict)
    shared: Mapping[str, Served] = field(default_factory=dict)

    def __call__(self) -> ASGIApp:
        """Load the models and make the application."""
        from recomart.models.parallel import hold_blas_to_one_thread
        from recomart.serving.access import log_as_json
        from recomart.serving.app import create_app
        from recomart.serving.service import Service

        hold_blas_to_one_thread()
        log_as_json()
        sys.setswitchinterval(SWITCH_S)
        if self.shops:
            from recomart.serving.shops import Shops

            return Shops(self.loaded, self.shops, settle, self.shared, self.taking)
        service = Service(self.loaded, settle, self.shared.get(""), self.taking)
        return create_app(service, self.loaded.settings.serving)


def settle() -> None:
    """Let the garbage collector pass over what is there: it stays until the next model comes.

    Else it walks over all of it again and again, which took an eighth of the time of each answer.
    """
    gc.unfreeze()  # what the model before left behind
    gc.collect()
    gc.freeze()
    gc.set_threshold(*RARELY)


def serve(
    loaded: Loaded,
    listening: Callable[[str], None],
    taking: Taking = to_log,
    shops: Mapping[str, Loaded] | None = None,
) -> None:
    """Answer until SIGTERM or SIGINT; `listening` is told the URL, `taking` opens where events go.

    shops  by name, where `loaded` is the root of several

    Raises SettingsError, MissingExtraError, UnavailableError, and what loading a model raises.
    """
    settings = loaded.settings.serving
    _hold_to_libraries()
    shops = {name: below(loaded, shop) for name, shop in (shops or {}).items()}
    for one in shops.values() or [loaded]:
        hold_to_keys(settings.host, one.path(one.settings.serving.keys), one.shop)
    listener = listen(settings.host, settings.port)
    host, port = listener.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    with listener, tempfile.TemporaryDirectory(prefix="recomart-metrics-") as folder:
        if settings.workers == 1:
            run = _alone(Making(loaded, taking, shops), listener)
        else:
            run = _together(Making(loaded, taking, shops), listener, Path(folder))
        listening(url)
        run()


def _alone(making: Making, listener: socket.socket) -> Callable[[], None]:
    from recomart.serving.parting import Alone

    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
    app = making()  # what is wrong with it is raised here
    server = Alone(configured(app, making.loaded.settings.serving))
    return lambda: server.run(sockets=[listener])


def _together(making: Making, listener: socket.socket, metrics: Path) -> Callable[[], None]:
    from recomart.lake import open_lake
    from recomart.ranking.aliases import champion_of
    from recomart.serving.parting import Workers

    if not making.shops:
        champion_of(open_lake(making.loaded))  # without one, no worker would come up
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)  # before the workers import it
    settings = making.loaded.settings.serving
    if CAN_FORK:
        making = replace(making, shared=_shared(making))
    config = configured(making, settings, factory=True, workers=settings.workers)
    return Workers(config, sockets=[listener]).run


def _shared(making: Making) -> dict[str, Served]:
    """Load each model once for all workers: they have its memory, and its caches, in common."""
    from recomart.models.parallel import hold_blas_to_one_thread
    from recomart.serving.access import log_as_json
    from recomart.serving.loading import load_to_share

    hold_blas_to_one_thread()
    log_as_json()
    if making.shops:
        from recomart.serving.shops import load_all

        found = load_all(making.shops)
    else:
        found = {"": load_to_share(making.loaded)}
    settle()
    return found


OPTIONS: dict[str, Any] = {
    "log_config": None,
    "access_log": False,
    "server_header": False,
    "proxy_headers": False,
    "lifespan": "on",
    "loop": "asyncio",  # uvloop did not pay: benchmarks/http_servers.py
    "backlog": WAITING,
    "timeout_graceful_shutdown": STOP_S,
    "ws": "none",
}


def configured(app: object, settings: ServingSettings, **more: Any) -> uvicorn.Config:
    """Return how an application, or what makes it, is served."""
    from recomart.serving.connections import ConnectionConfig

    _make_room(settings.max_connections)
    return ConnectionConfig(app, settings, **OPTIONS, **more)


def _make_room(connections: int) -> None:
    """Raise the limit of open files, as far as it may be. Raises SettingsError."""
    if sys.platform == "win32":
        return
    import resource

    most, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + OTHER_FILES
    if most != resource.RLIM_INFINITY and most < wanted:
        if hard != resource.RLIM_INFINITY and hard < wanted:
            raise SettingsError(
                f"serving.max_connections {connections:,} wants {wanted:,} open files; "
                f"at most {hard:,} are allowed here.",
                remedy="Lower it, or raise the limit (`ulimit -Hn`, LimitNOFILE of systemd).",
            )
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _hold_to_libraries() -> None:
    """Raise MissingExtraError where the extra is not installed."""
    from importlib.util import find_spec

    missing = [name for name in LIBRARIES if not find_spec(name)]
    if missing:
        raise MissingExtraError(missing[0], "serve")
