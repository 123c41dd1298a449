"""The online store in Redis: a hash a generation, swapped by one transaction."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from recomart.errors import MissingExtraError, SettingsError, StoreUnavailableError
from recomart.features.online.base import PART, State, overtaken, table_of
from recomart.settings.places import prefix_of, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from redis.client import Pipeline

    from recomart.features.online.base import Row

READ = """
local held = redis.call('HGET', KEYS[1], 'held')
if not held then return false end
local found = {}
for first = 1, #ARGV, 1000 do
    local some = redis.call('HMGET', held, unpack(ARGV, first, math.min(first + 999, #ARGV)))
    for n = 1, #some do found[first + n - 1] = some[n] end
end
return found
"""
"""Pointer and values in one step, so that no reader sees two generations. Lua unpacks 8,000."""
AT_ONCE = 1_000
"""Rows of one HSET."""
SCANNED = 10_000
"""Keys that the server looks at in one step."""
CONNECT_S, ANSWER_S = 1.0, 2.0


class RedisStore:
    """See `OnlineStore`. One Redis, or a primary with replicas; not a cluster of shards.

    Shops that share one are kept apart by a prefix: ``redis://host/0?prefix=gifts``.
    """

    def __init__(self, url: str, answer_s: float = ANSWER_S) -> None:
        try:
            import redis
        except ModuleNotFoundError:
            raise MissingExtraError("redis", "redis") from None
        self._error = redis.RedisError
        self._name = f"Redis at {shown(url)}"
        with self._trouble():
            try:
                place, self._prefix = prefix_of(url)
                self._redis: Any = redis.Redis.from_url(
                    place, socket_connect_timeout=CONNECT_S, socket_timeout=answer_s
                )
                self._redis.ping()
            except (ValueError, TypeError):  # its words may hold a piece of the password
                raise SettingsError(
                    "The URL of the online store in Redis cannot be read.",
                    remedy="Set `paths.online` to redis://user:password@host:6379/0?prefix=name; "
                    "write / @ : in a password as %2F %40 %3A.",
                ) from None
            self._read = self._redis.register_script(READ)

    def state(self, view: str) -> State | None:
        """See `OnlineStore`."""
        with self._trouble():
            found = self._redis.hget(self._pointer(view), "state")
        return State.read(found) if found else None

    def views(self) -> list[str]:
        """See `OnlineStore`."""
        with self._trouble():
            return sorted(name.decode() for name in self._redis.smembers(f"{self._prefix}:views"))

    def get(self, view: str, keys: Sequence[bytes]) -> list[bytes | None]:
        """See `OnlineStore`."""
        with self._trouble():
            found: list[bytes | None] | None = self._read(keys=[self._pointer(view)], args=keys)
        return [None] * len(keys) if found is None else found

    def under(self, view: str, begin: bytes) -> list[Row]:
        """See `OnlineStore`; a hash has no order: the server looks through all its keys."""
        exact = re.sub(rb"([\\*?\[\]])", rb"\\\1", begin)
        with self._trouble():
            held = self._redis.hget(self._pointer(view), "held")
            pattern = exact + b"*"
            found = self._redis.hscan_iter(held, match=pattern, count=SCANNED) if held else ()
            return [row for row in found if row[0] == begin or row[0].startswith(begin + PART)]

    def tidy(self) -> None:
        """See `OnlineStore`; memory is the server's own affair, its files are beyond reach."""

    def progress(self, view: str, version: str) -> int:
        """See `OnlineStore`."""
        making = self._making(view)
        with self._trouble(), self._redis.pipeline() as both:
            both.watch(self._pointer(view), making)
            before = both.hgetall(making)
            held = self._held(view, version, both)
            if before.get(b"held") == held:
                return int(before[b"batches"])
            both.multi()
            both.unlink(held, before.get(b"held", held)).delete(making)
            both.hset(making, mapping={"held": held, "batches": 0}).execute()
        return 0

    def put(self, view: str, version: str, number: int, rows: Sequence[Row]) -> None:
        """See `OnlineStore`; as durable as the Redis is set to be."""
        making = self._making(view)
        with self._trouble(), self._redis.pipeline() as both:
            both.watch(self._pointer(view), making)
            held = self._held(view, version, both)
            [holds, batches] = both.hmget(making, "held", "batches")
            if holds != held:
                raise overtaken(self._name, view)
            both.multi()
            for first in range(0, len(rows), AT_ONCE):
                both.hset(held, mapping=dict(rows[first : first + AT_ONCE]))
            both.hset(making, "batches", max(number + 1, int(batches))).execute()

    def publish(self, state: State) -> None:
        """See `OnlineStore`."""
        pointer, making = self._pointer(state.view), self._making(state.view)
        with self._trouble(), self._redis.pipeline() as both:
            both.watch(pointer, making)
            held = self._held(state.view, state.version, both)
            before = both.hget(pointer, "held")
            if both.hget(making, "held") != held:
                raise overtaken(self._name, state.view)
            both.multi()
            both.hset(pointer, mapping={"held": held, "state": state.model_dump_json()})
            both.sadd(f"{self._prefix}:views", state.view).delete(making)
            if before:
                both.unlink(before)
            both.execute()

    def patch(self, state: State, rows: Sequence[Row], gone: Iterable[bytes]) -> None:
        """See `OnlineStore`."""
        pointer, gone = self._pointer(state.view), list(gone)
        with self._trouble(), self._redis.pipeline() as both:
            both.watch(pointer)
            held = both.hget(pointer, "held")
            both.multi()
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

    def _held(self, view: str, version: str, con: Pipeline) -> bytes:
        rows = f"{self._prefix}:rows:".encode()
        current: bytes = con.hget(self._pointer(view), "held") or b""  # type: ignore[assignment]
        return rows + table_of(view, version, current.removeprefix(rows).decode()).encode()

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        try:
            yield
        except (self._error, OSError) as error:
            raise StoreUnavailableError(self._name, str(error)) from error
