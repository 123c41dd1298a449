"""Those who publish: one a broker, each with a topic of its own."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from contextlib import contextmanager
from functools import cached_property
from uuid import uuid4

from recomart.settings import StreamSettings

CLUSTER = """
from confluent_kafka import Producer
producer = Producer({"bootstrap.servers": "-", "test.mock.num.brokers": 1, "log_level": 0})
[broker] = producer.list_topics(timeout=10).brokers.values()
producer.produce("events", b"0", partition=0)
producer.flush()
print(f"{broker.host}:{broker.port}", flush=True)
input()
"""
"""Be a cluster until there is input; say where."""


@contextmanager
def kafka_cluster(*words):
    """Run one until the block ends; give its process, and where it listens.

    words  for Python: what is a cluster, and says where; by default an empty one

    Not in ours: it does not outlive a `seteuid` there, and then lets nobody end well.
    """
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    command = [sys.executable, *(words or ("-c", CLUSTER))]
    with subprocess.Popen(command, **pipes) as process:
        try:
            yield process, process.stdout.readline().decode().strip()
        finally:
            process.kill()


def told(number, **changes):
    """Return what a shop says of its number-th event, as the bytes of a message."""
    event = {"event_id": f"e{number}", "user_id": "ann", "item_id": "mug", "event_type": "view"}
    return json.dumps({**event, "timestamp": time.time() - 60, **changes}).encode()


class Sender:
    """Publishes to one topic of a broker at `url`."""

    def __init__(self, url, topic=None):
        self.url, self.topic = url, topic or f"t{uuid4().hex[:8]}"

    def settings(self, **more):
        return StreamSettings(url=self.url, topic=self.topic, **more)


class Kafka(Sender):
    def __init__(self, address, topic=None):
        self.address = address
        super().__init__(f"kafka://{address}", topic)

    @cached_property
    def producer(self):
        from confluent_kafka import Producer

        return Producer({"bootstrap.servers": self.address})

    def publish(self, bodies, **where):
        for body in bodies:
            self.producer.produce(self.topic, body, **(where or {"partition": 0}))
        assert self.producer.flush(20) == 0


class Redis(Sender):
    def publish(self, bodies):
        import redis

        with redis.Redis.from_url(self.url) as client:
            pipe = client.pipeline(transaction=False)
            for body in bodies:
                pipe.xadd(self.topic, {"event": body})
            pipe.execute()


class Nats(Sender):
    def __init__(self, url, topic=None):
        super().__init__(url, topic)
        self._do(lambda js: js.add_stream(name=self.topic.upper(), subjects=[self.topic]))

    def publish(self, bodies):
        async def all_of(js):
            for body in bodies:
                await js.publish(self.topic, body)

        self._do(all_of)

    def _do(self, what):
        import nats

        async def connected():
            client = await nats.connect(self.url)
            try:
                await what(client.jetstream())
            finally:
                await client.close()

        asyncio.run(connected())


class Rabbit(Sender):
    def publish(self, bodies):
        import pika

        with pika.BlockingConnection(pika.URLParameters(self.url)) as connection:
            channel = connection.channel()
            channel.queue_declare(self.topic, durable=True)
            channel.confirm_delivery()
            for body in bodies:
                channel.basic_publish("", self.topic, body)
