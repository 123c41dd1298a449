"""The three online stores keep the same promises, and fail alike."""

import socket
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing

import psycopg
import pytest

from recomart.errors import IntegrityError, SettingsError, StoreUnavailableError
from recomart.features.online import open_online
from recomart.features.online.postgres import PostgresStore
from recomart.features.online.redis import RedisStore
from recomart.features.online.sqlite import SqliteStore
from recomart.testing.online_stores import OnlineStoreTests, state_of
from tests.servers import find, free_port, redis_server, running


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


@pytest.mark.parametrize(
    "place",
    [
        "redis://:sec/ret@127.0.0.1/0",
        "redis://:secret@127.0.0.1:99999/0",
        "redis://:secret@127.0.0.1:1/0?nope=1",
        "postgresql://u:secret@127.0.0.1:1/db?nope=1",
        "postgresql://u:sec%zzret@127.0.0.1:1/db",
    ],
)
def test_a_url_that_cannot_be_read_is_refused_without_its_password(place, tmp_path):
    with pytest.raises(SettingsError, match="URL") as raised:
        open_online(place, tmp_path)

    assert "sec" not in str(raised.value)


def fill(store, view="users", value=b"1"):
    store.progress(view, "v")
    store.put(view, "v", 0, [(b"a", value)])
    store.publish(state_of(view, "v", 1))


def test_a_redis_that_goes_away_is_said_to_be_down_until_it_is_back():
    with redis_server() as url:
        store = RedisStore(url)
        fill(store)
    with pytest.raises(StoreUnavailableError):
        store.get("users", [b"a"])
    port = url.removesuffix("/0").rpartition(":")[2]
    with running([find("redis-server"), "--port", port, "--save", ""], int(port)):
        fill(store)

        assert store.get("users", [b"a"]) == [b"1"]
    store.close()


def test_shops_share_a_redis_by_prefix(redis_url, tmp_path):
    stores = [open_online(f"{redis_url}?prefix={shop}", tmp_path) for shop in ("hats", "cups")]
    for number, store in enumerate(stores):
        fill(store, "mine", b"%d" % number)

    assert [store.get("mine", [b"a"]) for store in stores] == [[b"0"], [b"1"]]
    assert stores[0].views() == ["mine"]
    for store in stores:
        store.close()


def test_a_connection_to_postgres_that_is_lost_is_opened_again(postgres_url):
    store = PostgresStore(postgres_url)
    fill(store, "lost")
    for read in (lambda: store.get("lost", [b"a"]), lambda: store.state("lost"), store.views):
        before = read()
        with psycopg.connect(postgres_url, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE query LIKE '%recomart_online%' AND pid <> pg_backend_pid()"
            )

        assert read() == before
    store.close()


def test_a_table_that_is_locked_in_postgres_is_given_up(postgres_url):
    store = PostgresStore(postgres_url, answer_s=0.3)
    fill(store, "locked")
    with psycopg.connect(postgres_url) as other:
        other.execute("LOCK TABLE recomart_online.state")
        with pytest.raises(StoreUnavailableError, match="timeout"):
            store.get("locked", [b"a"])
    with closing(store):
        assert store.get("locked", [b"a"]) == [b"1"]


def test_connections_of_threads_that_ended_are_closed(tmp_path):
    store = SqliteStore(tmp_path / "online.sqlite")
    fill(store)
    for _ in range(9):
        thread = threading.Thread(target=store.get, args=("users", [b"a"]))
        thread.start()
        thread.join()

    assert len(store._threads._open) <= 2
    store.close()


def test_a_store_of_another_release_is_refused(tmp_path):
    store = SqliteStore(tmp_path / "online.sqlite")
    fill(store)
    with closing(sqlite3.connect(store.path)) as other, other:
        other.execute("""UPDATE _state SET state = '{"new": 1}'""")

    with pytest.raises(IntegrityError, match="release"):
        store.state("users")
    store.close()


def test_a_locked_file_is_given_up_and_read_all_the_same(tmp_path):
    store = SqliteStore(tmp_path / "online.sqlite", patience_s=0.1)
    fill(store)
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailableError, match="locked"):
            store.patch(state_of("users", "w"), [(b"a", b"2")], [])

        assert store.get("users", [b"a"]) == [b"1"]
        with closing(SqliteStore(store.path, patience_s=0.1)) as another:
            assert another.get("users", [b"a"]) == [b"1"]
    store.close()


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "online.sqlite").write_bytes(b"not a database, but long enough to be read as one")

    with pytest.raises(StoreUnavailableError):
        open_online("online.sqlite", tmp_path)


def test_the_online_store_starts_light():
    rooms = ", ".join(
        f"recomart.features.online.{file}"
        for file in ("read", "columns", "materialise", "sqlite", "redis", "postgres")
    )
    code = f"import sys, {rooms}; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert {"ibis", "duckdb", "pandas", "psycopg", "redis"}.isdisjoint(found.stdout.split())
