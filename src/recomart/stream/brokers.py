"""From settings to a broker: which kinds there are."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from recomart.errors import MissingExtraError, SettingsError
from recomart.settings.places import scheme_of, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from recomart.settings import StreamSettings
    from recomart.stream.base import Begin, Broker

KINDS = {
    "kafka": ("recomart.stream.kafka:KafkaBroker", "confluent_kafka", "kafka"),
    "redis": ("recomart.stream.redis:RedisBroker", "redis", "redis"),
    "rediss": ("recomart.stream.redis:RedisBroker", "redis", "redis"),
    "nats": ("recomart.stream.nats:NatsBroker", "nats", "nats"),
    "tls": ("recomart.stream.nats:NatsBroker", "nats", "nats"),
    "amqp": ("recomart.stream.rabbitmq:RabbitBroker", "pika", "rabbitmq"),
    "amqps": ("recomart.stream.rabbitmq:RabbitBroker", "pika", "rabbitmq"),
}
"""By scheme of the URL: the class, the library it needs, the extra that brings it."""
EXAMPLE = "Set `stream.url` to kafka://host:9092, redis://…, nats://… or amqp://…."


def kind_of(settings: StreamSettings) -> str:
    """Return what the URL's broker is called. Raises SettingsError."""
    if not settings.url:
        raise SettingsError("`stream.url` names no broker to take events from.", remedy=EXAMPLE)
    scheme = scheme_of(settings.url)
    if scheme not in KINDS:
        raise SettingsError(
            f"stream.url {shown(settings.url)!r} names no kind of broker that is known.",
            remedy=EXAMPLE,
        )
    return KINDS[scheme][2]


def name_of(settings: StreamSettings) -> str:
    """Return the name under which the event log keeps how far a stream came, kafka:events."""
    return f"{kind_of(settings)}:{settings.topic}"


def open_broker(settings: StreamSettings, begin: Begin) -> Broker:
    """Connect. Raises MissingExtraError, and what a `Broker` raises."""
    kind_of(settings)
    where, library, extra = KINDS[scheme_of(settings.url)]
    try:
        import_module(library)
    except ModuleNotFoundError:
        raise MissingExtraError(library, extra) from None
    module, _, name = where.partition(":")
    make: Callable[[StreamSettings, Begin], object] = getattr(import_module(module), name)
    return cast("Broker", make(settings, begin))
