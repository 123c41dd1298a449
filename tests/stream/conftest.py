"""Brokers on loopback: librdkafka's mock cluster, and real servers of the others."""

import pytest

from tests.servers import nats_server, rabbitmq_server
from tests.stream.senders import Kafka, Nats, Rabbit, Redis, kafka_cluster


@pytest.fixture(scope="session")
def kafka_address():
    """Where a cluster listens that speaks Kafka's protocol."""
    with kafka_cluster() as (_, address):
        yield address


@pytest.fixture(scope="session")
def nats_url():
    with nats_server() as url:
        yield url


@pytest.fixture(scope="session")
def rabbitmq_url():
    with rabbitmq_server() as url:
        yield url


@pytest.fixture
def kafka(kafka_address):
    return Kafka(kafka_address)


@pytest.fixture(params=["kafka", "redis", "nats", "rabbitmq"])
def sender(request):
    """Whoever publishes, to each broker in turn."""
    if request.param == "kafka":
        return request.getfixturevalue("kafka")
    kind = {"redis": Redis, "nats": Nats, "rabbitmq": Rabbit}[request.param]
    return kind(request.getfixturevalue(f"{request.param}_url"))
