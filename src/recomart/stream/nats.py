"""NATS JetStream: a durable pull consumer, begun behind what the event log holds.

Its library lives on asyncio, so it has a loop in a thread of its own.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import TimeoutError as Late
from contextlib import contextmanager, suppress
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

from recomart.errors import AccessDeniedError, NotFoundError, SettingsError, StoreUnavailableError
from recomart.settings.places import shown
from recomart.stream.base import CONNECT_S, Message

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

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
LATE_S = 5.0
"""Beyond what was asked for, before the server counts as gone."""


class NatsBroker:
    """See `Broker`. The position of a message is its number in the stream."""

    def __init__(self, settings: StreamSettings, begin: Begin) -> None:
        self._settings = settings
        self._subject = settings.topic
        self._name = f"NATS at {shown(settings.url)}"
        self._given: list[Msg] = []
        self._n_waiting: int | None = None
        self._fault = ""
        self._nats: Client | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="nats", daemon=True)
        self._thread.start()
        try:
            self._subscription = self._wait(self._open(begin), CONNECT_S)
        except BaseException:
            self.close()
            raise

    async def _open(self, begin: Begin) -> JetStreamContext.PullSubscription:
        import nats
        from nats.js.errors import NotFoundError as NoStreamError

        options = {k: v.get_secret_value() for k, v in self._settings.options.items()}
        try:
            self._nats = await nats.connect(
                self._settings.url,
                name=self._settings.group,
                allow_reconnect=False,  # whoever lost it connects anew, and begins where it was
                max_reconnect_attempts=1,
                connect_timeout=int(CONNECT_S),
                error_cb=self._note,
                **options,
            )
        except TypeError:
            raise SettingsError(
                f"NATS' library does not take `stream.options`: {', '.join(options)}.",
                remedy="Name what nats.connect takes, such as user, password, token.",
            ) from None
        jetstream = self._nats.jetstream(timeout=CONNECT_S)
        try:
            stream = await jetstream.find_stream_name_by_subject(self._subject)
        except NoStreamError:
            raise NotFoundError(
                f"{self._name} has no JetStream stream for the subject {self._subject!r}.",
                remedy=f"Make one: `nats stream add EVENTS --subjects {self._subject}`.",
            ) from None
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

    async def _note(self, error: Exception) -> None:
        self._fault = str(error) or type(error).__name__

    def poll(self, most: int, wait_s: float) -> list[Message]:
        """See `Broker`."""
        found = self._wait(self._fetch(min(most, AT_ONCE), wait_s), wait_s)
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
        self._wait(self._acknowledge(given), 0)

    async def _acknowledge(self, given: list[Msg]) -> None:
        for message in given:
            await message.ack()

    def lag(self) -> int | None:
        """See `Broker`; as the last message told it."""
        return self._n_waiting

    def close(self) -> None:
        """See `Broker`."""
        if self._nats is not None:
            with suppress(Exception):  # it may be gone already
                asyncio.run_coroutine_threadsafe(self._nats.close(), self._loop).result(LATE_S)
        asyncio.run_coroutine_threadsafe(_end_others(), self._loop).result(LATE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _wait(self, work: Coroutine[Any, Any, T], wait_s: float) -> T:
        with self._trouble():
            return asyncio.run_coroutine_threadsafe(work, self._loop).result(wait_s + LATE_S)

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
                raise AccessDeniedError(self._name, "let the subject be read") from None
            raise StoreUnavailableError(self._name, told) from error


async def _end_others() -> None:
    """End what still goes on in this loop, such as an attempt to connect."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
