"""Redis Streams: a consumer group, put behind what the event log holds whenever we connect.

The group tells Redis, and whoever looks, what was taken; where to go on is known by the log alone.
An entry has one field, whatever its name; its value is the message.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from recomart.errors import AccessDeniedError, SettingsError, StoreUnavailableError
from recomart.settings.places import shown
from recomart.stream.base import CONNECT_S, Message

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from recomart.settings import StreamSettings
    from recomart.stream.base import Begin

PENDING = 1_000
"""Entries that are let go of at a time."""
STARTS = {"earliest": "0", "latest": "$"}


class _Client:
    """A connection to one stream; `asked` is what it may be refused."""

    def __init__(self, settings: StreamSettings, asked: str, **own: Any) -> None:
        import redis

        self._errors, self._asked = redis.exceptions, asked
        self._key, self._group = settings.topic, settings.group
        self._name = f"Redis at {shown(settings.url)}"
        options = {k: v.get_secret_value() for k, v in settings.options.items()}
        with self._trouble():
            try:
                self._redis: Any = redis.Redis.from_url(
                    settings.url, client_name=settings.group, **own, **options
                )
                self._redis.ping()
            except (ValueError, TypeError):  # its words may hold a piece of the password
                raise SettingsError(
                    "`stream.url` or `stream.options` cannot be used for Redis.",
                    remedy="Write redis://user:password@host:6379/0; / @ : in a password are "
                    "%2F %40 %3A.",
                ) from None

    def close(self) -> None:
        """Let go of it."""
        self._redis.close()

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        errors = self._errors
        try:
            yield
        except (errors.AuthenticationError, errors.NoPermissionError) as error:
            raise AccessDeniedError(self._name, f"let the stream be {self._asked}") from error
        except errors.ResponseError as error:
            if str(error).startswith("WRONGTYPE"):
                raise SettingsError(
                    f"In {self._name}, {self._key!r} is no stream.",
                    remedy="Set `stream.topic` to the key of a stream.",
                ) from None
            raise StoreUnavailableError(self._name, shown(str(error))) from error
        except errors.RedisError as error:
            raise StoreUnavailableError(self._name, shown(str(error))) from error


class RedisBroker(_Client):
    """See `Broker`. The position of a message is its entry's id."""

    def __init__(self, settings: StreamSettings, begin: Begin) -> None:
        patience = {"socket_connect_timeout": CONNECT_S, "socket_timeout": CONNECT_S}
        super().__init__(settings, "read", **patience)
        self._given: list[str] = []
        with self._trouble():
            self._begin(begin)

    def _begin(self, begin: Begin) -> None:
        """Put the group where we want to go on; without a word from us it stays where it is."""
        taken = begin.positions.get("")
        start = STARTS.get(begin.start) or taken
        try:
            self._redis.xgroup_create(self._key, self._group, start or "0", mkstream=True)
        except self._errors.ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise
            if start:
                self._redis.xgroup_setid(self._key, self._group, start)
        while taken:  # given, taken, and not told so
            found = self._redis.xpending_range(self._key, self._group, "-", taken, PENDING)
            if not found:
                break
            self._redis.xack(self._key, self._group, *(one["message_id"] for one in found))

    def poll(self, most: int, wait_s: float) -> list[Message]:
        """See `Broker`."""
        with self._trouble():
            found = self._redis.xreadgroup(
                self._group, self._group, {self._key: ">"}, most, max(1, round(wait_s * 1_000))
            )
        entries = _entries(found)
        messages = [Message("", name.decode(), _body(fields)) for name, fields in entries]
        self._given += [message.position for message in messages]
        return messages

    def done(self) -> None:
        """See `Broker`."""
        if self._given:
            with self._trouble():
                self._redis.xack(self._key, self._group, *self._given)
            self._given.clear()

    def lag(self) -> int | None:
        """See `Broker`; Redis does not know for a while after a group was put elsewhere."""
        with self._trouble():
            groups = self._redis.xinfo_groups(self._key)
        found = [one.get("lag") for one in groups if one["name"] == self._group.encode()]
        return None if not found or found[0] is None else int(found[0])


class RedisProducer(_Client):
    """See `Producer`; how safe an acknowledged entry is, the server's `appendfsync` says."""

    def __init__(self, settings: StreamSettings, patience_s: float) -> None:
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        patience = {"socket_connect_timeout": patience_s, "socket_timeout": patience_s}
        super().__init__(settings, "written to", retry=Retry(NoBackoff(), 0), **patience)

    def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """See `Producer`; one round trip, and one order for all keys."""
        with self._trouble():
            pipe = self._redis.pipeline(transaction=False)
            for _, body in messages:
                pipe.xadd(self._key, {"event": body})
            answers = pipe.execute(raise_on_error=False)  # its own words repeat what was sent
            for error in (one for one in answers if isinstance(one, Exception)):
                raise error


def _entries(found: Any) -> list[tuple[bytes, dict[bytes, bytes] | None]]:  # noqa: ANN401 - of the library
    """Return the entries of an answer about one stream, in either form of the protocol."""
    if not found:
        return []
    if isinstance(found, dict):
        [parts] = found.values()
        return [entry for part in parts for entry in part]
    [(_, entries)] = found
    return list(entries)


def _body(fields: dict[bytes, bytes] | None) -> bytes:
    """Return the message; of an entry with several fields none of them can be meant alone."""
    if fields and len(fields) == 1:
        return next(iter(fields.values()))
    return repr(fields).encode()  # no JSON: it is refused, and seen
