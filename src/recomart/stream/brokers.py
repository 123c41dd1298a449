"""From settings to a broker: which kinds there are."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, cast

from recomart.errors import MissingExtraError, SettingsError
from recomart.settings.places import scheme_of, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from recomart.settings import StreamSettings
    from recomart.stream.base import Begin, Broker, Producer


class Kind(NamedTuple):
    """A kind of broker: the module, with what its classes' names begin with; library and extra."""

    module: str
    name: str
    library: str
    extra: str


KAFKA = Kind("recomart.stream.kafka", "Kafka", "confluent_kafka", "kafka")
REDIS = Kind("recomart.stream.redis", "Redis", "redis", "redis")
NATS = Kind("recomart.stream.nats", "Nats", "nats", "nats")
RABBITMQ = Kind("recomart.stream.rabbitmq", "Rabbit", "pika", "rabbitmq")
KINDS = {
    "kafka": KAFKA,
    "redis": REDIS,
    "rediss": REDIS,
    "nats": NATS,
    "tls": NATS,
    "amqp": RABBITMQ,
    "amqps": RABBITMQ,
}
"""By scheme of the URL."""
EXAMPLE = "Set `stream.url` to kafka://host:9092, redis://…, nats://… or amqp://…."


def kind_of(settings: StreamSettings) -> Kind:
    """Return the kind of the URL's broker. Raises SettingsError."""
    if not settings.url:
        raise SettingsError("`stream.url` names no broker of events.", remedy=EXAMPLE)
    kind = KINDS.get(scheme_of(settings.url))
    if kind is None:
        raise SettingsError(
            f"stream.url {shown(settings.url)!r} names no kind of broker that is known.",
            remedy=EXAMPLE,
        )
    return kind


def name_of(settings: StreamSettings) -> str:
    """Return the name under which the event log keeps how far a stream came, kafka:events."""
    return f"{kind_of(settings).extra}:{settings.topic}"


def hold_to_library(settings: StreamSettings) -> Kind:
    """Import the library of the URL's broker, and return its kind.

    Raises SettingsError, MissingExtraError.
    """
    kind = kind_of(settings)
    try:
        import_module(kind.library)
    except ModuleNotFoundError:
        raise MissingExtraError(kind.library, kind.extra) from None
    return kind


def open_broker(settings: StreamSettings, begin: Begin) -> Broker:
    """Connect to take messages. Raises MissingExtraError, and what a `Broker` raises."""
    return cast("Broker", _class_of(settings, "Broker")(settings, begin))


def open_producer(settings: StreamSettings, patience_s: float) -> Producer:
    """Connect to publish; each step may take so long. Raises as `open_broker`."""
    return cast("Producer", _class_of(settings, "Producer")(settings, patience_s))


def _class_of(settings: StreamSettings, role: str) -> Callable[..., object]:
    kind = hold_to_library(settings)
    found: Callable[..., object] = getattr(import_module(kind.module), f"{kind.name}{role}")
    return found
