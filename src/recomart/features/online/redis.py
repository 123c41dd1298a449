"""The online store in Redis: a hash a generation, swapped by one transaction."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from recomart.errors import MissingExtraError, StoreUnavailableError
from recomart.features.online.base import State
from recomart.lake import hash_of
from recomart.settings.places import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from recomart.features.online.base import Row

PREFIX = "recomart"
READ = """
local held = redis.call('HGET', KEYS[1], 'held')
if not held then return false end
return redis.call('HMGET', held, unpack(ARGV))
"""
"""Pointer and values in one step, so that no reader sees two generations."""
AT_ONCE = 1_000
"""Keys of one HMGET, rows of one HSET."""
CONNECT_S, ANSWER_S = 1.0, 5.0


class RedisStore:
    """See `OnlineStore`. One Redis, or a primary with replicas; not a cluster of shards."""

    def __init__(self, url: str, prefix: str = PREFIX, answer_s: float = ANSWER_S) -> None:
        try:
            import redis
        except ModuleNotFoundError:
            raise MissingExtraError("redis", "redis") from None
        self._error = redis.RedisError
        self._name = f"Redis at {shown(url)}"
        self._prefix = prefix
        self._redis: Any = redis.Redis.from_url(
            url, socket_connect_timeout=CONNECT_S, socket_timeout=answer_s
        )
        with self._trouble():
            self._redis.ping()
            self._read = self._redis.register_script(READ)

    def state(self, view: str) -> State | None:
        """See `OnlineStore`."""
        with self._trouble():
            found = self._redis.hget(self._pointer(view), "state")
        return State.model_validate_json(found) if found else None

    def views(self) -> list[str]:
        """See `OnlineStore`."""
        with self._trouble():
            return sorted(name.decode() for name in self._redis.smembers(f"{self._prefix}:views"))

    def get(self, view: str, keys: Sequence[bytes]) -> list[bytes | None]:
        """See `OnlineStore`; more keys than `AT_ONCE` may be of two generations."""
        found: list[bytes | None] = []
        with self._trouble():
            for first in range(0, len(keys), AT_ONCE):
                some = keys[first : first + AT_ONCE]
                values = self._read(keys=[self._pointer(view)], args=some)
                found += values or [None] * len(some)
        return found

    def progress(self, view: str, version: str) -> int:
        """See `OnlineStore`."""
        making, held = self._making(view), self._held(view, version)
        with self._trouble():
            before = self._redis.hgetall(making)
            if before.get(b"held") == held.encode():
                return int(before[b"batches"])
            with self._redis.pipeline() as both:
                if before:
                    both.unlink(before[b"held"])
                both.unlink(held).delete(making)
                both.hset(making, mapping={"held": held, "batches": 0}).execute()
        return 0

    def put(self, view: str, version: str, number: int, rows: Sequence[Row]) -> None:
        """See `OnlineStore`; as durable as the Redis is set to be."""
        held = self._held(view, version)
        with self._trouble(), self._redis.pipeline(transaction=False) as pipe:
            for first in range(0, len(rows), AT_ONCE):
                pipe.hset(held, mapping=dict(rows[first : first + AT_ONCE]))
            pipe.hset(self._making(view), "batches", number + 1).execute()

    def publish(self, state: State) -> None:
        """See `OnlineStore`."""
        pointer, held = self._pointer(state.view), self._held(state.view, state.version)
        with self._trouble():
            before = self._redis.hget(pointer, "held")
            with self._redis.pipeline(transaction=True) as both:
                both.hset(pointer, mapping={"held": held, "state": state.model_dump_json()})
                both.sadd(f"{self._prefix}:views", state.view).delete(self._making(state.view))
                if before and before != held.encode():
                    both.unlink(before)
                both.execute()

    def patch(self, state: State, rows: Sequence[Row], gone: Iterable[bytes]) -> None:
        """See `OnlineStore`."""
        pointer, gone = self._pointer(state.view), list(gone)
        with self._trouble():
            held = self._redis.hget(pointer, "held")
            with self._redis.pipeline(transaction=True) as both:
                if rows:
                    both.hset(held, mapping=dict(rows))
                if gone:
                    both.hdel(held, *gone)
                both.hset(pointer, "state", state.model_dump_json()).execute()

    def close(self) -> None:
        """See `OnlineStore`."""
        self._redis.close()

    def _pointer(self, view: str) -> str:
        return f"{self._prefix}:view:{view}"

    def _making(self, view: str) -> str:
        return f"{self._prefix}:making:{view}"

    def _held(self, view: str, version: str) -> str:
        return f"{self._prefix}:rows:{hash_of(view, version)}"

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        try:
            yield
        except (self._error, OSError) as error:
            raise StoreUnavailableError(self._name, str(error)) from error
