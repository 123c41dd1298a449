"""Starting Streamlit: on this machine alone, quiet to the outside, in our colours."""

from __future__ import annotations

import socket
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recomart.dashboard.theme import THEME
from recomart.errors import MissingExtraError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from recomart.settings import Loaded

HOST = "127.0.0.1"
"""Whoever opens it may promote a model, so nobody else may."""
OPTIONS: dict[str, Any] = {
    "browser.gatherUsageStats": False,
    "client.disableDataExport": True,  # ours make formulas inert
    "client.showErrorDetails": "none",
    "client.toolbarMode": "minimal",
    "global.developmentMode": False,
    "logger.hideWelcomeMessage": True,
    "logger.level": "warning",
    "runner.magicEnabled": False,
    "server.address": HOST,
    "server.fileWatcherType": "none",
    "server.headless": True,
    "server.runOnSave": False,
    "server.showEmailPrompt": False,
}


def serve(loaded: Loaded, before: Sequence[str], ready: Callable[[str], None]) -> None:
    """Run the app until it is ended; `ready` is told its address just before.

    `before` are the options of our command line that lead to the same settings. Raises
    MissingExtraError, UnavailableError where the port is taken.
    """
    if not find_spec("streamlit"):
        raise MissingExtraError("Streamlit", "dashboard")
    from streamlit.web import bootstrap

    port = free_port(loaded.settings.dashboard.port)
    options = {**OPTIONS, **THEME, "server.port": port}
    told = {name.replace(".", "_"): value for name, value in options.items()}
    bootstrap.load_config_options(told)
    ready(f"http://{HOST}:{port}")
    arguments = [str(loaded.folder), loaded.settings.model_dump_json(by_alias=True), *before]
    bootstrap.run(str(Path(__file__).with_name("app.py")), False, arguments, told)  # noqa: FBT003


def free_port(port: int) -> int:
    """Return the port, or for 0 one that is free. Raises UnavailableError where it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise UnavailableError(
                f"{HOST} port {port} cannot be listened on: {error.strerror}.",
                remedy="End what listens there, or use --port with another; 0 takes any.",
            ) from error
        return int(probe.getsockname()[1])
