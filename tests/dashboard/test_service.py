"""A service that is gone, silent, slow without end, or something else never holds a screen up."""

import socket
import threading
import time
from contextlib import contextmanager

import pytest

from recomart.dashboard import service
from recomart.errors import SettingsError, UnavailableError
from tests.dashboard.conftest import open_shop

MOST_S = 3.0
"""With a machine's own slowness; the patience is half of it."""


@contextmanager
def answering(answer):
    """Take connections, and answer each as told, in a thread of its own."""
    listener = socket.create_server(("127.0.0.1", 0))
    is_over = threading.Event()

    def serve():
        while not is_over.is_set():
            try:
                taken, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(taken, is_over), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        is_over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def silent(taken, is_over):
    is_over.wait(20)
    taken.close()


def trickling(taken, is_over):
    with taken:
        try:
            taken.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while not is_over.wait(0.2):
                taken.sendall(b" ")
        except OSError:
            return


def something_else(taken, _):
    with taken:
        taken.recv(65_536)
        body = b"<h1>A printer</h1>"
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        taken.sendall(head.encode() + body)


def no_http(taken, _):
    with taken:
        taken.recv(65_536)
        taken.sendall(b"\x00\x01\x02 what?\r\n\r\n")


@pytest.fixture
def asking(tmp_path, pandas_allowed):
    (tmp_path / "recomart.yaml").write_text("project: New\n", encoding="utf-8")
    return lambda **flags: open_shop(tmp_path, **flags)


@pytest.mark.parametrize("kind", [silent, trickling, something_else, no_http])
def test_it_is_told_in_time_and_not_asked_again_at_once(kind, asking):
    with answering(kind) as url:
        shop = asking(api=url)
        began = time.monotonic()
        with pytest.raises(UnavailableError):
            service.ask(shop, lambda client: client.health())
        first_s, began = time.monotonic() - began, time.monotonic()
        with pytest.raises(UnavailableError):
            service.ask(shop, lambda client: client.popular(3))
        second_s = time.monotonic() - began

    assert first_s < MOST_S
    assert second_s < 0.1


@pytest.mark.parametrize("name", ["overview", "live", "explorer"])
def test_a_silent_service_does_not_hold_a_screen_up(name, see, two_models):
    with answering(silent) as url:
        shop = open_shop(two_models, api=url)
        see(name, open_shop(two_models))  # what is imported once, is
        began = time.monotonic()
        screen = see(name, shop)
        spent_s = time.monotonic() - began

    assert screen.problems == []
    assert spent_s < MOST_S + 2
    if name != "overview":
        assert "<code>recomart -s " in screen.html
        assert "The service does not answer" in screen.html


def test_a_button_asks_a_service_again(see, two_models):
    with answering(something_else) as url:
        screen = see("live", open_shop(two_models, api=url))
        screen.button("ask-again").click()
        screen.again()

    assert screen.problems == []
    assert "no RecoMart service of this release" in screen.html


@pytest.mark.parametrize("body", [None, b"\xff\xfe"])
def test_a_key_that_cannot_be_read_is_told(body, asking, tmp_path):
    if body:
        (tmp_path / "key").write_bytes(body)

    with pytest.raises(SettingsError, match="key_file"):
        service.ask(asking(key_file="key"), lambda client: client.health())
