"""The three online stores keep the same promises, and fail alike."""

import socket
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from recomart.errors import StoreUnavailableError
from recomart.features.online import open_online
from recomart.features.online.postgres import PostgresStore
from recomart.features.online.redis import RedisStore
from recomart.features.online.sqlite import SqliteStore
from recomart.testing.online_stores import OnlineStoreTests, state_of
from tests.servers import free_port, redis_server


class TestSqlite(OnlineStoreTests):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path):
        self.folder = tmp_path

    def open(self):
        return open_online("online.sqlite", self.folder)


class TestRedis(OnlineStoreTests):
    @pytest.fixture(autouse=True)
    def _place(self, redis_url, tmp_path):
        self.url, self.folder = redis_url, tmp_path

    def open(self):
        return open_online(self.url, self.folder)


class TestPostgres(OnlineStoreTests):
    @pytest.fixture(autouse=True)
    def _place(self, postgres_url, tmp_path):
        self.url, self.folder = postgres_url, tmp_path

    def open(self):
        return open_online(self.url, self.folder)


@pytest.mark.parametrize("scheme", ["redis://:secret@{}/0", "postgresql://u:secret@{}/db"])
def test_a_server_that_is_down_is_named_without_its_password(scheme, tmp_path):
    with pytest.raises(StoreUnavailableError) as raised:
        open_online(scheme.format(f"127.0.0.1:{free_port()}"), tmp_path)

    assert "127.0.0.1" in str(raised.value)
    assert "secret" not in str(raised.value)
    assert raised.value.exit_status == 4


@pytest.mark.parametrize(
    ("kind", "url"), [(RedisStore, "redis://{}/0"), (PostgresStore, "postgresql://u@{}/db")]
)
def test_a_server_that_does_not_answer_is_given_up(kind, url):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(StoreUnavailableError):
            kind(url.format(place), answer_s=0.3)


def test_a_redis_that_goes_away_is_said_to_be_down():
    with redis_server() as url:
        store = RedisStore(url)
        store.progress("users", "v")
        store.publish(state_of("users", "v"))
    with pytest.raises(StoreUnavailableError):
        store.get("users", [b"a"])
    store.close()


def test_a_locked_file_is_given_up_and_read_all_the_same(tmp_path):
    store = SqliteStore(tmp_path / "online.sqlite", patience_s=0.1)
    store.progress("users", "v")
    store.put("users", "v", 0, [(b"a", b"1")])
    store.publish(state_of("users", "v"))
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailableError, match="locked"):
            store.patch(state_of("users", "w"), [(b"a", b"2")], [])

        assert store.get("users", [b"a"]) == [b"1"]
    store.close()


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "online.sqlite").write_bytes(b"not a database, but long enough to be read as one")

    with pytest.raises(StoreUnavailableError):
        open_online("online.sqlite", tmp_path)


def test_the_online_store_starts_light():
    code = "import sys, recomart.features.online; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert {"ibis", "duckdb", "pandas", "psycopg", "redis"}.isdisjoint(found.stdout.split())
