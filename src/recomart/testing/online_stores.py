"""What it means to be an `OnlineStore`: inherit these tests, and they run against yours."""

# ruff: noqa: S101 -- pytest asserts so

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest

from recomart.errors import StoreUnavailableError
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

    def test_what_is_under_a_key_is_found_and_nothing_beside_it(self, store: OnlineStore) -> None:
        """The key itself and those of more parts, whatever letters they are of."""
        theirs = [b"a*", b"a*\x00\x01x", b"a*\x00\x01"]
        others = [b"a", b"a*b", b"a*\x00\xffz", b"ab", b"a*\x00\x02"]
        store.progress("parts", "v")
        store.put("parts", "v", 0, [(key, b"1") for key in (*theirs, *others)])
        store.publish(state_of("parts", "v"))

        assert sorted(store.under("parts", b"a*")) == sorted((key, b"1") for key in theirs)
        assert store.under("nowhere", b"a*") == []
        store.tidy()
        assert store.get("parts", [b"a"]) == [b"1"]

    def test_views_do_not_meet(self, store: OnlineStore) -> None:
        """The same key in two views is two rows."""
        self.load(store, "one", "v", b"1")
        self.load(store, "other", "v", b"2")

        assert [store.get(view, [b"k0"]) for view in ("one", "other")] == [[b"1"], [b"2"]]
        assert {"one", "other"} <= set(store.views())

    def test_a_view_without_rows_is_there(self, store: OnlineStore) -> None:
        """It has a state, and nothing to give; nor has asking for nothing."""
        self.load(store, "empty", "v", b"", n=0)

        assert store.state("empty") == state_of("empty", "v")
        assert store.get("empty", [b"a"]) == [None]
        assert store.get("empty", []) == []

    def test_of_one_key_the_last_row_counts(self, store: OnlineStore) -> None:
        """Within a batch, and from one batch to the next."""
        store.progress("twice", "v")
        store.put("twice", "v", 0, [(b"a", b"1"), (b"b", b"1"), (b"a", b"2")])
        store.put("twice", "v", 1, [(b"b", b"3")])
        store.publish(state_of("twice", "v"))

        assert store.get("twice", [b"a", b"b"]) == [b"2", b"3"]

    def test_what_is_current_stays_while_it_is_made_again(self, store: OnlineStore) -> None:
        """The same version, as by force: read as before until it is published, then anew."""
        self.load(store, "again", "v", b"old")
        for value in (b"new", b"newer"):
            before = store.get("again", [b"k0", b"k1"])
            assert store.progress("again", "v") == 0
            store.put("again", "v", 0, [(b"k0", value)])
            assert store.get("again", [b"k0", b"k1"]) == before
            store.publish(state_of("again", "v", 1))

            assert store.get("again", [b"k0", b"k1"]) == [value, None]

    def test_who_was_overtaken_changes_nothing(self, store: OnlineStore) -> None:
        """Another run began a generation: the first can no longer go on, nor publish."""
        self.load(store, "raced", "v", b"old")
        store.progress("raced", "slow")
        store.put("raced", "slow", 0, [(b"k0", b"slow")])
        store.progress("raced", "quick")
        with pytest.raises(StoreUnavailableError):
            store.put("raced", "slow", 1, [(b"k1", b"slow")])
        with pytest.raises(StoreUnavailableError):
            store.publish(state_of("raced", "slow"))

        assert store.get("raced", [b"k0"]) == [b"old"]
        assert store.state("raced") == state_of("raced", "v", 50)

    def test_threads_share_a_store(self, store: OnlineStore) -> None:
        """Each gets its own rows, whatever the others ask for meanwhile."""
        self.load(store, "shared", "v", b"v")
        right: list[bool] = []

        def read() -> None:
            right.extend(store.get("shared", [b"k1", b"no"]) == [b"v", None] for _ in range(50))

        threads = [threading.Thread(target=read) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert right == [True] * 300

    def test_any_order_of_verbs_does_as_dictionaries_do(self, store: OnlineStore) -> None:
        """Two dictionaries, one current and one in the making, as the model."""
        rng = np.random.default_rng(11)
        keys = [f"k{n}".encode() for n in range(8)]
        current: dict[bytes, bytes] = {}
        making: dict[bytes, bytes] = {}
        self.load(store, "model", "v", b"", n=0)
        for step in range(60):
            rows = [(key, b"%d" % step) for key in keys if rng.random() < 0.5]
            if rng.random() < 0.4:
                gone = [key for key in keys if key not in dict(rows) and rng.random() < 0.5]
                store.patch(state_of("model", f"p{step}"), rows, gone)
                current = {key: v for key, v in (current | dict(rows)).items() if key not in gone}
            else:
                version = f"v{rng.integers(2)}"
                done = store.progress("model", version)
                making = (making if done else {}) | dict(rows)
                store.put("model", version, done, rows)
                if rng.random() < 0.4:
                    store.publish(state_of("model", version))
                    current = making

            assert store.get("model", keys) == [current.get(key) for key in keys]

    @pytest.mark.parametrize("n", [50, 2_500])
    def test_no_answer_is_of_two_generations(self, store: OnlineStore, n: int) -> None:
        """A reader while generations are swapped sees one of them, however much it asks for."""
        self.load(store, "busy", "v", b"v", n)
        mixtures, done, keys = [], threading.Event(), [f"k{n}".encode() for n in range(n)]

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
            self.load(store, "busy", f"v{number}", str(number).encode(), n)
        done.set()
        thread.join()

        assert mixtures == []
