"""Brokers on loopback: librdkafka's mock cluster, and real servers of the others."""

import pytest

from tests.servers import nats_server, rabbitmq_server
from tests.stream.senders import Kafka, Nats, Rabbit, Redis


@pytest.fixture(scope="session")
def kafka_cluster():
    """Give a producer in whose process a cluster lives that speaks Kafka's protocol, and where."""
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": "-", "test.mock.num.brokers": 1, "log_level": 0})
    [broker] = producer.list_topics(timeout=10).brokers.values()
    return producer, f"{broker.host}:{broker.port}"


@pytest.fixture(scope="session")
def nats_url():
    with nats_server() as url:
        yield url


@pytest.fixture(scope="session")
def rabbitmq_url():
    with rabbitmq_server() as url:
        yield url


@pytest.fixture
def kafka(kafka_cluster):
    return Kafka(kafka_cluster)


@pytest.fixture(params=["kafka", "redis", "nats", "rabbitmq"])
def sender(request):
    """Whoever publishes, to each broker in turn."""
    if request.param == "kafka":
        return request.getfixturevalue("kafka")
    kind = {"redis": Redis, "nats": Nats, "rabbitmq": Rabbit}[request.param]
    return kind(request.getfixturevalue(f"{request.param}_url"))
