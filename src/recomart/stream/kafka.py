"""Kafka's protocol: partitions are assigned by ourselves, and begun behind what the log holds.

No group shares them out, so nothing is moved to another consumer half-way; what Kafka keeps of a
group is not asked. New partitions are found within `LOOK_S`.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from recomart.errors import AccessDeniedError, SettingsError, StoreUnavailableError
from recomart.stream.base import CONNECT_S, Message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from confluent_kafka import KafkaError, TopicPartition

    from recomart.settings import StreamSettings
    from recomart.stream.base import Begin

Client = TypeVar("Client")
LOOK_S = 5.0
"""How often to look for new partitions."""
WAITING_KBYTES = 16_384
"""What the library fetches ahead, at most."""


class _Client:
    """What both sides have in common; `asked` is what they may be refused."""

    def __init__(self, settings: StreamSettings, asked: str) -> None:
        from confluent_kafka import KafkaException

        self._topic, self._asked = settings.topic, asked
        self._raised = KafkaException
        self._address = settings.url.partition("://")[2].rstrip("/")
        if "@" in self._address:
            raise SettingsError(
                "`stream.url` of Kafka takes no user and password.",
                remedy="Write them into `stream.options`: sasl_username, sasl_password, "
                "sasl_mechanism, security_protocol.",
            )
        self._fault: KafkaError | None = None

    def _make(
        self, kind: Callable[..., Client], settings: StreamSettings, own: dict[str, Any]
    ) -> Client:
        """Make a consumer or a producer; `stream.options` come before what is our own."""
        options = {
            "bootstrap.servers": self._address,
            "client.id": settings.group,
            "error_cb": self._note,
            **own,
        }
        for name, value in settings.options.items():
            options[name.replace("_", ".")] = value.get_secret_value()
        try:
            return kind(options, logger=_silent())
        except self._raised as error:
            told = error.args[0]
            raise SettingsError(
                f"Kafka's library does not take `stream.options`: {told.str()}.",
                remedy="See librdkafka's configuration; write its names with _ for their dots.",
            ) from None

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        try:
            yield
        except self._raised as error:
            raise self._told(error.args[0]) from None

    def _note(self, error: KafkaError) -> None:
        """Hear of the connection, from within the library's calls."""
        if error.name() == "_ALL_BROKERS_DOWN" or error.fatal() or _is_refusal(error):
            self._fault = error

    def _told(self, error: KafkaError) -> StoreUnavailableError | AccessDeniedError:
        place = f"Kafka at {self._address}"
        if _is_refusal(error) or (self._fault is not None and _is_refusal(self._fault)):
            return AccessDeniedError(place, f"let {self._topic!r} be {self._asked}: {error.name()}")
        return StoreUnavailableError(place, str(error.str()))


class KafkaBroker(_Client):
    """See `Broker`. The position of a message is its offset."""

    def __init__(self, settings: StreamSettings, begin: Begin) -> None:
        from confluent_kafka import Consumer, TopicPartition

        super().__init__(settings, "read")
        self._begin = begin
        self._partition: Any = TopicPartition
        self._looked_at = 0.0
        self._assigned: dict[int, TopicPartition] = {}
        own = {
            "group.id": settings.group,
            "enable.auto.commit": False,
            "auto.offset.reset": "error",  # what is gone is told, not jumped over
            "queued.max.messages.kbytes": WAITING_KBYTES,
        }
        self._consumer = self._make(Consumer, settings, own)
        try:
            self._look(CONNECT_S)
        except BaseException:
            self.close()
            raise

    def poll(self, most: int, wait_s: float) -> list[Message]:
        """See `Broker`."""
        if time.monotonic() - self._looked_at > LOOK_S:
            self._look(CONNECT_S)
        found = []
        with self._trouble():
            given = self._consumer.consume(most, wait_s)
        for message in given:
            error = message.error()
            if error is None:
                place, body = message.offset(), message.value()
                found.append(Message(str(message.partition()), str(place), body or b""))
            else:
                self._met(error)
        if not found and self._fault is not None:
            fault, self._fault = self._fault, None
            raise self._told(fault)
        return found

    def done(self) -> None:
        """See `Broker`; the event log keeps it."""

    def lag(self) -> int | None:
        """See `Broker`; as the last answers to fetches told it."""
        total = 0
        with self._trouble():
            for at in self._consumer.position(list(self._assigned.values())):
                _, high = self._consumer.get_watermark_offsets(at, cached=True)
                total += max(0, high - at.offset) if at.offset >= 0 else 0
        return total

    def close(self) -> None:
        """See `Broker`."""
        self._consumer.close()

    def _look(self, patience_s: float) -> None:
        """Take on the partitions that are new; a topic that is not there yet has none."""
        with self._trouble():
            topic = self._consumer.list_topics(self._topic, timeout=patience_s).topics[self._topic]
            new = sorted(set(topic.partitions) - set(self._assigned))
            for number in new:
                self._assigned[number] = self._where(number, patience_s)
            if new:
                self._consumer.incremental_assign([self._assigned[number] for number in new])
        self._looked_at = time.monotonic()

    def _where(self, number: int, patience_s: float) -> TopicPartition:
        """Find where to begin a partition."""
        place: TopicPartition = self._partition(self._topic, number)
        low, high = self._consumer.get_watermark_offsets(place, timeout=patience_s)
        taken = self._begin.positions.get(str(number))
        is_new = self._looked_at > 0  # it was not there when we began: all of it is wanted
        if self._begin.start == "latest" and not is_new:
            place.offset = high
        elif self._begin.start == "earliest" or taken is None:
            place.offset = low
        else:
            place.offset = self._behind(number, int(taken), low, high)
        return place

    def _behind(self, number: int, taken: int, low: int, high: int) -> int:
        if taken + 1 > high:
            raise SettingsError(
                f"Partition {number} of {self._topic!r} ends at {high:,}, but {taken + 1:,} of its "
                "messages were taken: it was made anew, or it is another broker's.",
                remedy="Take what it holds with `recomart stream --from earliest`.",
            )
        if taken + 1 < low:
            self._begin.tell_lost(str(number), low - taken - 1)
        return max(taken + 1, low)

    def _met(self, error: KafkaError) -> None:
        """Deal with what stands among the messages instead of one.

        Messages that are gone before we came to them are one: who connects again counts them.
        """
        if error.name() not in {"_PARTITION_EOF", "UNKNOWN_TOPIC_OR_PART"}:
            raise self._told(error)


class KafkaProducer(_Client):
    """See `Producer`. Idempotent: all replicas that are in step have each message once."""

    def __init__(self, settings: StreamSettings, patience_s: float) -> None:
        from confluent_kafka import Producer

        super().__init__(settings, "written to")
        self._patience_s = patience_s
        own = {"enable.idempotence": True, "delivery.timeout.ms": round(patience_s * 1_000)}
        self._producer = self._make(Producer, settings, own)
        with self._trouble():
            topic = self._producer.list_topics(self._topic, timeout=patience_s).topics[self._topic]
        if topic.error is not None:
            raise self._told(topic.error)

    def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """See `Producer`; a key has its partition."""
        failed: list[KafkaError] = []

        def told(error: KafkaError | None, _message: object) -> None:
            if error is not None:
                failed.append(error)

        with self._trouble():
            for key, body in messages:
                self._producer.produce(self._topic, body, key, on_delivery=told)
            n_left = self._producer.flush(self._patience_s)
        if failed:
            raise self._told(failed[0])
        if n_left:
            late = f"no acknowledgement within {self._patience_s:g} s"
            raise StoreUnavailableError(f"Kafka at {self._address}", late)

    def close(self) -> None:
        """See `Producer`."""
        self._producer.purge()


def _is_refusal(error: KafkaError) -> bool:
    return "AUTH" in error.name()  # _AUTHENTICATION, TOPIC_AUTHORIZATION_FAILED, …


def _silent() -> Any:  # noqa: ANN401 - what the library takes as a logger
    import logging

    logger = logging.getLogger("recomart.kafka.library")
    logger.propagate = False
    logger.addHandler(logging.NullHandler())
    return logger
