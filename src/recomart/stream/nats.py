"""NATS JetStream: a durable pull consumer, begun behind what the event log holds."""

from __future__ import annotations

import asyncio
from concurrent.futures import TimeoutError as Late
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from recomart.errors import AccessDeniedError, NotFoundError, SettingsError, StoreUnavailableError
from recomart.settings.places import shown
from recomart.stream.base import CONNECT_S, Message
from recomart.stream.looping import LATE_S, Loop

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator, Sequence

    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.js.client import JetStreamContext

    from recomart.settings import StreamSettings
    from recomart.stream.base import Begin

T = TypeVar("T")
AT_ONCE = 1_000
"""Messages that are asked for at a time."""
AHEAD = 20_000
"""Messages that may be given and not yet done."""


class _Client:
    """A connection for one subject; `asked` is what it may be refused."""

    def __init__(self, settings: StreamSettings, asked: str) -> None:
        self._settings, self._asked = settings, asked
        self._subject = settings.topic
        self._name = f"NATS at {shown(settings.url)}"
        self._fault = ""
        self._nats: Client | None = None
        self._loop = Loop("nats")

    async def _connect(self, patience_s: float) -> tuple[JetStreamContext, str]:
        """Return what is asked, and the name of the stream that keeps the subject."""
        from nats.aio.client import Client
        from nats.js.errors import NotFoundError as NoStreamError

        told = self._settings.options.items()
        options: dict[str, Any] = {name: value.get_secret_value() for name, value in told}
        self._nats = Client()  # before it connects, so that it is closed where that fails
        try:
            await self._nats.connect(
                self._settings.url,
                name=self._settings.group,
                allow_reconnect=False,  # whoever lost it connects anew, and begins where it was
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                connect_timeout=max(1, int(patience_s)),
                error_cb=self._note,
                **options,
            )
        except TypeError:
            raise SettingsError(
                f"NATS' library does not take `stream.options`: {', '.join(options)}.",
                remedy="Name what nats.connect takes, such as user, password, token.",
            ) from None
        jetstream = self._nats.jetstream(timeout=patience_s)
        try:
            return jetstream, await jetstream.find_stream_name_by_subject(self._subject)
        except NoStreamError:
            raise NotFoundError(
                f"{self._name} has no JetStream stream for the subject {self._subject!r}.",
                remedy=f"Make one: `nats stream add EVENTS --subjects {self._subject}`.",
            ) from None

    async def _note(self, error: Exception) -> None:
        self._fault = shown(str(error)) or type(error).__name__

    def close(self) -> None:
        """Let go of it."""
        self._loop.close(self._nats.close() if self._nats is not None else None)

    def _do(self, work: Coroutine[Any, Any, T], within_s: float) -> T:
        with self._trouble():
            return self._loop.do(work, within_s)

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        import nats.errors

        try:
            yield
        except nats.errors.NoServersError:
            raise StoreUnavailableError(self._name, self._fault or "no server") from None
        except (nats.errors.Error, OSError, Late, ValueError) as error:
            told = shown(str(error)) or type(error).__name__
            if "authoriz" in told.lower() or "authoriz" in self._fault.lower():
                raise AccessDeniedError(self._name, f"let the subject be {self._asked}") from None
            raise StoreUnavailableError(self._name, told) from error


class NatsBroker(_Client):
    """See `Broker`. The position of a message is its number in the stream."""

    def __init__(self, settings: StreamSettings, begin: Begin) -> None:
        super().__init__(settings, "read")
        self._given: list[Msg] = []
        self._n_waiting: int | None = None
        try:
            self._subscription = self._do(self._open(begin), CONNECT_S + LATE_S)
        except BaseException:
            self.close()
            raise

    async def _open(self, begin: Begin) -> JetStreamContext.PullSubscription:
        jetstream, stream = await self._connect(CONNECT_S)
        return await self._begin(jetstream, stream, begin)

    async def _begin(
        self, jetstream: JetStreamContext, stream: str, begin: Begin
    ) -> JetStreamContext.PullSubscription:
        """Make the consumer anew where we want to go on; a work queue's stays, it has its order."""
        from nats.js import api
        from nats.js.errors import NotFoundError as NoConsumerError

        info = await jetstream.stream_info(stream)
        config = api.ConsumerConfig(
            durable_name=self._settings.group,
            ack_policy=api.AckPolicy.EXPLICIT,
            max_ack_pending=AHEAD,
            filter_subject=self._subject,
        )
        if info.config.retention != api.RetentionPolicy.WORK_QUEUE:
            self._place(config, info.state, begin)
            with suppress(NoConsumerError):
                await jetstream.delete_consumer(stream, self._settings.group)
        await jetstream.add_consumer(stream, config)
        return await jetstream.pull_subscribe_bind(self._settings.group, stream)

    def _place(self, config: Any, state: Any, begin: Begin) -> None:  # noqa: ANN401 - of the library
        from nats.js import api

        taken = int(begin.positions.get("", 0))
        if begin.start == "latest":
            config.deliver_policy = api.DeliverPolicy.NEW
        elif begin.start == "kept" and taken:
            if taken > state.last_seq:
                raise SettingsError(
                    f"The stream of {self._subject!r} ends at {state.last_seq:,}, but {taken:,} of "
                    "its messages were taken: it was made anew, or it is another server's.",
                    remedy="Take what it holds with `recomart stream --from earliest`.",
                )
            if taken + 1 < state.first_seq:
                begin.tell_lost("", state.first_seq - taken - 1)
            config.deliver_policy = api.DeliverPolicy.BY_START_SEQUENCE
            config.opt_start_seq = taken + 1

    def poll(self, most: int, wait_s: float) -> list[Message]:
        """See `Broker`."""
        found = self._do(self._fetch(min(most, AT_ONCE), wait_s), wait_s + LATE_S)
        self._given += found
        messages = []
        for one in found:
            told = one.metadata
            self._n_waiting = told.num_pending
            messages.append(Message("", str(told.sequence.stream), one.data))
        return messages

    async def _fetch(self, most: int, wait_s: float) -> list[Msg]:
        with suppress(TimeoutError, asyncio.TimeoutError):
            return await self._subscription.fetch(most, wait_s)
        if self._nats is None or not self._nats.is_connected:
            raise ConnectionError(self._fault or "the connection is lost")
        return []

    def done(self) -> None:
        """See `Broker`."""
        given, self._given = self._given, []
        self._do(self._acknowledge(given), LATE_S)

    async def _acknowledge(self, given: list[Msg]) -> None:
        for message in given:
            await message.ack()

    def lag(self) -> int | None:
        """See `Broker`; as the last message told it."""
        return self._n_waiting


class NatsProducer(_Client):
    """See `Producer`; the stream has one order for all keys."""

    def __init__(self, settings: StreamSettings, patience_s: float) -> None:
        super().__init__(settings, "written to")
        self._patience_s = patience_s
        try:
            self._jetstream, _ = self._do(self._connect(patience_s), patience_s)
        except BaseException:
            self.close()
            raise

    def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """See `Producer`; acknowledgements are not waited for one by one."""
        self._do(self._publish(messages), self._patience_s)

    async def _publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        send, subject = self._jetstream.publish_async, self._subject
        await asyncio.gather(*[await send(subject, body) for _, body in messages])
