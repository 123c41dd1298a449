"""The stream: events from a broker, each once, known to the next list and soon in the lake.

A service may publish its events to the same broker (`publishing.py`).

Reads    messages of Kafka, Redis Streams, NATS JetStream, RabbitMQ
Writes   the event log, with how far it came; from there the raw layer of the lake; that topic
Imports  pipeline, serving, sources, events; a client's library where its broker is asked for

One broker a file, with the verbs of `Broker` and of `Producer`, and one line in `brokers.py`.
"""

from recomart.stream.base import Begin, Broker, Message
from recomart.stream.running import stream

__all__ = ["Begin", "Broker", "Message", "stream"]
