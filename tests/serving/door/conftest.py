"""A small trained shop, and servers over copies of it, on loopback."""

from __future__ import annotations

import shutil
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest
import uvicorn

from recomart.pipeline import run
from recomart.serving.app import create_app
from recomart.serving.intake import to_log
from recomart.serving.listening import listen
from recomart.serving.running import configured
from recomart.serving.service import Service
from recomart.settings import load_settings


@dataclass
class Door:
    """A server that runs, how to ask it, and what is behind it."""

    http: httpx.Client
    service: Service
    url: str

    def event(self, **fields):
        known = self.service.engine.served.champion.shop.items["item_id"][0].as_py()
        now = time.time()
        return {
            "user_id": "ann",
            "item_id": known,
            "event_type": "view",
            "timestamp": now,
            **fields,
        }

    def until(self, is_so):
        end = time.monotonic() + 10
        while not (found := is_so()):
            assert time.monotonic() < end, "it did not come about within 10 s"
            time.sleep(0.02)
        return found


@pytest.fixture(scope="session")
def trained(small_shop):
    return small_shop


@pytest.fixture
def shop(trained, tmp_path):
    """A copy of the trained shop that may be spoilt."""
    return shutil.copytree(trained, tmp_path / "copy")


@contextmanager
def opened(folder, more=None, taking=to_log, **serving):
    """Serve a shop until the block ends."""
    flags = {("serving", name): value for name, value in serving.items()} | (more or {})
    loaded = load_settings(folder, environment={}, flags=flags)
    service = Service(loaded, taking=taking)
    app = create_app(service, loaded.settings.serving)
    with running(app, loaded.settings.serving) as port:
        url = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=url, timeout=20) as http:
            yield Door(http, service, url)


@contextmanager
def running(app, settings):
    """Serve an application in a thread until the block ends; give its port."""
    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(configured(app, settings))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "it ended before it listened"
            time.sleep(0.02)
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture(scope="session")
def door(trained, tmp_path_factory):
    """A server that all tests share which spoil nothing."""
    folder = shutil.copytree(trained, tmp_path_factory.mktemp("shared") / "copy")
    with opened(folder) as shared:
        yield shared


@pytest.fixture(scope="session")
def ranked(trained, tmp_path_factory, pandas_allowed):
    """A shop whose champion is the cascade, with a ranker."""
    folder = shutil.copytree(trained, tmp_path_factory.mktemp("ranked") / "shop")
    loaded = load_settings(folder, environment={}, flags={("models", "serve"): "cascade"})
    run(loaded, ["train_ranker"], force=True)  # with CatBoost, now that pandas may be there
    run(loaded, ["evaluate", "publish"])
    return folder


def problem(answer, status):
    """Hold an answer to a problem document of a status, and return it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == status
    assert told["code"].startswith("RM-")
    assert told["detail"]
    assert told["remedy"]
    assert told["request_id"] == answer.headers["x-request-id"]
    return told
