"""RabbitMQ: a durable queue; what is not acknowledged it gives again.

A queue has no positions, so a message that comes again is known by the id of its event, and one
that is no event by its message id or its bytes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import TimeoutError as Late
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from recomart.errors import AccessDeniedError, SettingsError, StoreUnavailableError
from recomart.settings.places import shown
from recomart.stream.base import CONNECT_S, Message
from recomart.stream.looping import Loop

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator, Sequence

    from pika import URLParameters
    from pika.adapters.asyncio_connection import AsyncioConnection
    from pika.adapters.blocking_connection import BlockingChannel
    from pika.channel import Channel
    from pika.frame import Method
    from pika.spec import Basic, BasicProperties

    from recomart.settings import StreamSettings
    from recomart.stream.base import Begin

T = TypeVar("T")
AHEAD = 10_000
"""Messages that the server may give before those before are done; above a batch."""
PARTING_S, TURNS = 0.2, 20
"""How long a server may take to hear that a producer goes; one that hangs is left."""


class _Client:
    """What both sides have in common; `asked` is what they may be refused."""

    def __init__(self, settings: StreamSettings, asked: str) -> None:
        self._queue, self._asked = settings.topic, asked
        self._name = f"RabbitMQ at {shown(settings.url)}"

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        from pika import exceptions

        refused = f"let the queue be {self._asked}"
        refusals = (
            exceptions.ProbableAuthenticationError,
            exceptions.AuthenticationError,
            exceptions.ProbableAccessDeniedError,
        )
        try:
            yield
        except refusals as error:
            raise AccessDeniedError(self._name, refused) from error
        except exceptions.ChannelClosedByBroker as error:
            if error.reply_code == 403:
                raise AccessDeniedError(self._name, refused) from error
            raise StoreUnavailableError(self._name, error.reply_text) from error
        except (exceptions.AMQPError, OSError, Late) as error:
            told = shown(str(error) or repr(error))
            raise StoreUnavailableError(self._name, told) from error


class RabbitBroker(_Client):
    """See `Broker`. There are no positions, so it begins with what the queue gives."""

    def __init__(self, settings: StreamSettings, _begin: Begin) -> None:
        import pika

        super().__init__(settings, "read")
        self._held: deque[tuple[int, Message]] = deque()
        self._last: int | None = None
        with self._trouble():
            self._connection = pika.BlockingConnection(_parameters(settings, CONNECT_S))
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


class RabbitProducer(_Client):
    """See `Producer`. Messages are persistent and confirmed; the queue has one order for all keys.

    One thing is asked at a time, and `_answer` is for what comes of it.
    """

    def __init__(self, settings: StreamSettings, patience_s: float) -> None:
        super().__init__(settings, "written to")
        self._patience_s = patience_s
        self._answer: asyncio.Future[Any]
        self._unconfirmed: set[int] = set()
        self._last_tag = 0
        self._connection: AsyncioConnection | None = None
        parameters = _parameters(settings, patience_s)
        parameters.stack_timeout = patience_s / 2  # before ours: pika tidies up after its own alone
        self._loop = Loop("rabbitmq")
        try:
            self._channel = self._do(self._open(parameters))
        except BaseException:
            self.close()
            raise

    def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """See `Producer`; confirmations are not waited for one by one."""
        self._do(self._publish(messages))

    def close(self) -> None:
        """See `Producer`."""
        self._loop.close(self._close())

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        with self._trouble():
            return self._loop.do(work, self._patience_s)

    async def _open(self, parameters: URLParameters) -> Channel:
        from pika.adapters.asyncio_connection import AsyncioConnection
        from pika.exceptions import ChannelClosedByBroker

        is_open = self._asking()
        self._connection = AsyncioConnection(
            parameters, self._answered, on_open_error_callback=self._lost,
            on_close_callback=self._lost,
        )  # fmt: skip
        await is_open
        try:
            channel = await self._with_queue(self._connection, passive=True)
        except ChannelClosedByBroker as error:
            if error.reply_code != 404:
                raise
            channel = await self._with_queue(self._connection, durable=True)
        channel.add_on_return_callback(self._returned)
        is_ready = self._asking()
        channel.confirm_delivery(self._confirmed, callback=self._answered)
        await is_ready
        return channel

    async def _with_queue(self, connection: AsyncioConnection, **how: bool) -> Channel:
        """Return a channel on which the queue was declared."""
        is_open = self._asking()
        channel: Channel = connection.channel(on_open_callback=self._answered)
        await is_open
        channel.add_on_close_callback(self._lost)
        is_declared = self._asking()
        channel.queue_declare(self._queue, callback=self._answered, **how)
        await is_declared
        return channel

    async def _publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        from pika import BasicProperties, DeliveryMode

        kept = BasicProperties("application/json", delivery_mode=DeliveryMode.Persistent)
        first, self._last_tag = self._last_tag + 1, self._last_tag + len(messages)
        self._unconfirmed = set(range(first, self._last_tag + 1))
        all_confirmed = self._asking()
        for _, body in messages:  # mandatory: without a queue they come back
            self._channel.basic_publish("", self._queue, body, kept, mandatory=True)
        await all_confirmed

    async def _close(self) -> None:
        connection = self._connection
        if connection is None or not connection.is_open:
            return
        connection.close()
        if not await _is_parted(connection):  # it hangs; pika has no other way to let go of it
            connection._adapter_disconnect_stream()  # noqa: SLF001
            await _is_parted(connection)

    def _asking(self) -> asyncio.Future[Any]:
        self._answer = asyncio.get_running_loop().create_future()
        return self._answer

    def _answered(self, found: object) -> None:
        if not self._answer.done():
            self._answer.set_result(found)

    def _lost(self, _who: object, error: Exception) -> None:
        if not self._answer.done():
            self._answer.set_exception(error)

    def _returned(self, _channel: object, returned: Basic.Return, *_: object) -> None:
        self._lost(self, ConnectionError(f"a message came back: {returned.reply_text}"))

    def _confirmed(self, frame: Method) -> None:
        """Hear of one message, or of all up to it."""
        told = frame.method
        if told.NAME == "Basic.Nack":
            self._lost(self, ConnectionError("a message was not taken"))
        elif told.multiple:
            self._unconfirmed = {tag for tag in self._unconfirmed if tag > told.delivery_tag}
        else:
            self._unconfirmed.discard(told.delivery_tag)
        if not self._unconfirmed:
            self._answered(None)


async def _is_parted(connection: AsyncioConnection) -> bool:
    """Wait a moment until a connection is closed, and tell whether it is."""
    for _ in range(TURNS):
        if connection.is_closed:
            break
        await asyncio.sleep(PARTING_S / TURNS)
    return bool(connection.is_closed)


def _parameters(settings: StreamSettings, patience_s: float) -> URLParameters:
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
    parameters.socket_timeout = parameters.blocked_connection_timeout = patience_s
    return parameters
