"""RabbitMQ: a durable queue; what is not acknowledged it gives again.

A queue has no positions, so a message that comes again is known by the id of its event, and one
that is no event by its message id or its bytes.
"""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from recomart.errors import AccessDeniedError, SettingsError, StoreUnavailableError
from recomart.settings.places import shown
from recomart.stream.base import CONNECT_S, Message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pika.adapters.blocking_connection import BlockingChannel
    from pika.spec import Basic, BasicProperties

    from recomart.settings import StreamSettings
    from recomart.stream.base import Begin

AHEAD = 10_000
"""Messages that the server may give before those before are done; above a batch."""


class RabbitBroker:
    """See `Broker`. There are no positions, so it begins with what the queue gives."""

    def __init__(self, settings: StreamSettings, _begin: Begin) -> None:
        self._queue = settings.topic
        self._name = f"RabbitMQ at {shown(settings.url)}"
        self._held: deque[tuple[int, Message]] = deque()
        self._last: int | None = None
        with self._trouble():
            self._connection = _connect(settings)
            self._channel: BlockingChannel = self._connection.channel()
            self._hold_to_queue()
            self._channel.basic_qos(prefetch_count=min(65_535, max(AHEAD, 2 * settings.batch)))
            self._channel.basic_consume(self._queue, self._take)

    def _hold_to_queue(self) -> None:
        """See that there is the queue; make a durable one where there is none."""
        from pika.exceptions import ChannelClosedByBroker

        try:
            self._channel.queue_declare(self._queue, passive=True)
        except ChannelClosedByBroker as error:
            if error.reply_code != 404:
                raise
            self._channel = self._connection.channel()
            self._channel.queue_declare(self._queue, durable=True)

    def _take(
        self,
        _channel: BlockingChannel,
        delivery: Basic.Deliver,
        properties: BasicProperties,
        body: bytes,
    ) -> None:
        name = properties.message_id or ""
        self._held.append((delivery.delivery_tag, Message("", "", body, name)))

    def poll(self, most: int, wait_s: float) -> list[Message]:
        """See `Broker`."""
        with self._trouble():
            self._connection.process_data_events(0 if self._held else wait_s)
        found = [self._held.popleft() for _ in range(min(most, len(self._held)))]
        if found:
            self._last = found[-1][0]
        return [message for _, message in found]

    def done(self) -> None:
        """See `Broker`."""
        if self._last is not None:
            with self._trouble():
                self._channel.basic_ack(self._last, multiple=True)
            self._last = None

    def lag(self) -> int | None:
        """See `Broker`."""
        with self._trouble():
            told: Any = self._channel.queue_declare(self._queue, passive=True)
        return int(told.method.message_count) + len(self._held)

    def close(self) -> None:
        """See `Broker`."""
        with suppress(Exception):  # it may be gone already
            self._connection.close()

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        from pika import exceptions

        refusals = (
            exceptions.ProbableAuthenticationError,
            exceptions.AuthenticationError,
            exceptions.ProbableAccessDeniedError,
        )
        try:
            yield
        except refusals as error:
            raise AccessDeniedError(self._name, "let the queue be read") from error
        except exceptions.ChannelClosedByBroker as error:
            if error.reply_code == 403:
                raise AccessDeniedError(self._name, "let the queue be read") from error
            raise StoreUnavailableError(self._name, error.reply_text) from error
        except (exceptions.AMQPError, OSError) as error:
            told = shown(str(error)) or repr(error)
            raise StoreUnavailableError(self._name, told) from error


def _connect(settings: StreamSettings) -> Any:  # noqa: ANN401 - the library's types say less
    import pika

    try:
        parameters = pika.URLParameters(settings.url)
        for name, value in settings.options.items():
            setattr(parameters, name, value.get_secret_value())
    except (ValueError, TypeError, AttributeError):
        raise SettingsError(
            "`stream.url` or `stream.options` cannot be used for RabbitMQ.",
            remedy="Write amqp://user:password@host:5672/vhost; / @ : in a password are "
            "%2F %40 %3A.",
        ) from None
    parameters.socket_timeout = parameters.blocked_connection_timeout = CONNECT_S
    return pika.BlockingConnection(parameters)
