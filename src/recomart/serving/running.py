"""Running the service: uvicorn, one process or several, until it is told to stop."""

from __future__ import annotations

import gc
import os
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recomart.errors import MissingExtraError, SettingsError
from recomart.serving.intake import to_log
from recomart.serving.listening import CAN_FORK, WAITING, listen
from recomart.serving.security import hold_to_keys

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    import uvicorn
    from fastapi import FastAPI

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

    taking  opens what takes the events
    shared  a model that was loaded before this process was born
    """

    loaded: Loaded
    taking: Taking = to_log
    shared: Served | None = None

    def __call__(self) -> FastAPI:
        """Load the model and make the application."""
        from recomart.models.parallel import hold_blas_to_one_thread
        from recomart.serving.access import log_as_json
        from recomart.serving.app import create_app
        from recomart.serving.service import Service

        hold_blas_to_one_thread()
        log_as_json()
        sys.setswitchinterval(SWITCH_S)
        service = Service(self.loaded, settle, self.shared, self.taking)
        return create_app(service, self.loaded.settings.serving)


def settle() -> None:
    """Let the garbage collector pass over what is there: it stays until the next model comes.

    Else it walks over all of it again and again, which took an eighth of the time of each answer.
    """
    gc.unfreeze()  # what the model before left behind
    gc.collect()
    gc.freeze()
    gc.set_threshold(*RARELY)


def serve(loaded: Loaded, listening: Callable[[str], None], taking: Taking = to_log) -> None:
    """Answer until SIGTERM or SIGINT; `listening` is told the URL, `taking` opens where events go.

    Raises SettingsError, MissingExtraError, UnavailableError, and what loading a model raises.
    """
    settings = loaded.settings.serving
    _hold_to_libraries()
    hold_to_keys(settings.host, loaded.path(settings.keys))
    listener = listen(settings.host, settings.port)
    host, port = listener.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    with listener, tempfile.TemporaryDirectory(prefix="recomart-metrics-") as folder:
        if settings.workers == 1:
            run = _alone(Making(loaded, taking), listener)
        else:
            run = _together(Making(loaded, taking), listener, Path(folder))
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

    loaded = making.loaded
    champion_of(open_lake(loaded))  # without one, no worker would come up
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)  # before the workers import it
    settings = loaded.settings.serving
    if CAN_FORK:
        making = replace(making, shared=_shared(loaded))
    config = configured(making, settings, factory=True, workers=settings.workers)
    return Workers(config, sockets=[listener]).run


def _shared(loaded: Loaded) -> Served:
    """Load the model once for all workers: they have its memory, and its caches, in common."""
    from recomart.models.parallel import hold_blas_to_one_thread
    from recomart.serving.access import log_as_json
    from recomart.serving.loading import load_to_share

    hold_blas_to_one_thread()
    log_as_json()
    served = load_to_share(loaded)
    settle()
    return served


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
