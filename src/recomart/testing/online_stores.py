"""What it means to be an `OnlineStore`: inherit these tests, and they run against yours."""

# ruff: noqa: S101 -- pytest asserts so

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from recomart.features.online.base import State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recomart.features.online.base import OnlineStore

KEYS = {"user_id": "string"}
COLUMNS = {"n": "int64"}


def state_of(view: str, version: str, rows: int = 0) -> State:
    """Return what is said of a view's version."""
    return State(
        view=view,
        version=version,
        keys=KEYS,
        columns=COLUMNS,
        signature="s",
        rows=rows,
        at_us=7,
        materialised_us=8,
    )


class OnlineStoreTests:
    """Subclass it, say how to open an empty one, and inherit the promises."""

    def open(self) -> OnlineStore:
        """Return a store; again: another connection to the same place."""
        raise NotImplementedError

    @pytest.fixture
    def store(self) -> Iterator[OnlineStore]:
        """Open a store, and close it."""
        store = self.open()
        yield store
        store.close()

    def load(self, store: OnlineStore, view: str, version: str, value: bytes, n: int = 50) -> None:
        """Publish a version in which every key has the same value."""
        rows = [(f"k{number}".encode(), value) for number in range(n)]
        done = store.progress(view, version)
        for number in range(done, 2):
            store.put(view, version, number, rows[number::2])
        store.publish(state_of(view, version, n))

    def test_gives_back_what_was_stored_in_the_order_of_the_keys(self, store: OnlineStore) -> None:
        """Any bytes, repeated keys, unknown keys."""
        rows = [(b"a", b"\x00\xff"), (b"b\x00", b""), ("ü".encode(), b"3")]
        store.progress("users", "v")
        store.put("users", "v", 0, rows)
        store.publish(state_of("users", "v"))

        found = store.get("users", ["ü".encode(), b"a", b"no", b"b\x00", b"a"])
        assert found == [b"3", b"\x00\xff", None, b"", b"\x00\xff"]

    def test_nothing_is_seen_before_it_is_published(self, store: OnlineStore) -> None:
        """Neither rows nor state of a generation in the making."""
        store.progress("making", "v")
        store.put("making", "v", 0, [(b"a", b"1")])

        assert store.get("making", [b"a"]) == [None]
        assert store.state("making") is None
        assert "making" not in store.views()

    def test_a_new_generation_takes_the_place_of_the_old(self, store: OnlineStore) -> None:
        """Keys that are gone are gone."""
        self.load(store, "swapped", "v1", b"old", n=60)
        self.load(store, "swapped", "v2", b"new", n=50)

        assert store.get("swapped", [b"k1", b"k59"]) == [b"new", None]
        assert store.state("swapped") == state_of("swapped", "v2", 50)

    def test_goes_on_where_it_was_left(self, store: OnlineStore) -> None:
        """The same batch twice does no harm; another version begins anew."""
        assert store.progress("resumed", "v") == 0
        store.put("resumed", "v", 0, [(b"a", b"1")])
        store.put("resumed", "v", 0, [(b"a", b"1")])
        other = self.open()

        assert other.progress("resumed", "v") == 1
        assert other.progress("resumed", "w") == 0
        other.put("resumed", "w", 0, [(b"b", b"2")])
        other.publish(state_of("resumed", "w"))
        other.close()
        assert store.get("resumed", [b"a", b"b"]) == [None, b"2"]

    def test_a_patch_changes_adds_and_removes(self, store: OnlineStore) -> None:
        """Rows and state, at once."""
        self.load(store, "patched", "v1", b"old")
        store.patch(state_of("patched", "v2", 50), [(b"k1", b"new"), (b"z", b"add")], [b"k2"])

        assert store.get("patched", [b"k0", b"k1", b"k2", b"z"]) == [b"old", b"new", None, b"add"]
        assert store.state("patched") == state_of("patched", "v2", 50)

    def test_views_do_not_meet(self, store: OnlineStore) -> None:
        """The same key in two views is two rows."""
        self.load(store, "one", "v", b"1")
        self.load(store, "other", "v", b"2")

        assert [store.get(view, [b"k0"]) for view in ("one", "other")] == [[b"1"], [b"2"]]
        assert {"one", "other"} <= set(store.views())

    def test_no_batch_is_of_two_generations(self, store: OnlineStore) -> None:
        """A reader while generations are swapped sees one of them."""
        self.load(store, "busy", "v", b"v")
        mixtures, done, keys = [], threading.Event(), [f"k{n}".encode() for n in range(50)]

        def read() -> None:
            reader = self.open()
            while not done.is_set():
                found = set(reader.get("busy", keys))
                if len(found) > 1 or None in found:
                    mixtures.append(found)
            reader.close()

        thread = threading.Thread(target=read)
        thread.start()
        for number in range(20):
            self.load(store, "busy", f"v{number}", str(number).encode())
        done.set()
        thread.join()

        assert mixtures == []
