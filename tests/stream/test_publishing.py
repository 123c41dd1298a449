"""What the API accepts is published: acknowledged first, the same event again, once in the lake."""

import json
import os
import signal
import time
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recomart.errors import SettingsError, UnavailableError
from recomart.events import Event, parse_event
from recomart.events.record import AHEAD_US, FIRST_US, MOST_CHARACTERS
from recomart.settings import StreamSettings, load_settings
from recomart.settings.stream import PUBLISHED_BYTES
from recomart.stream.base import Begin
from recomart.stream.brokers import open_broker, open_producer
from recomart.stream.publishing import STEPS, Publisher, Topic, message_of, to_broker
from recomart.stream.redis import RedisProducer
from recomart.vocabulary import EVENT_TYPES
from tests.chaos.served import Proxy
from tests.servers import free_port, redis_server
from tests.stream.senders import Kafka, Rabbit, Redis, kafka_cluster
from tests.stream.shops import Shop, until

NOW_US = 1_800_000_000_000_000
TEXTS = st.text(
    st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=MOST_CHARACTERS
)
NUMBERS = st.none() | st.integers(1, 5) | st.floats(1, 5)
EVENTS = st.builds(
    Event,
    TEXTS, TEXTS, TEXTS, st.sampled_from(EVENT_TYPES), st.integers(FIRST_US, NOW_US + AHEAD_US),
    st.just(NOW_US), *[st.none() | TEXTS] * 2, *[NUMBERS] * 2, st.floats(1, 5),
    *[st.none() | TEXTS] * 2,
)  # fmt: skip


def event(number, user_id="ann"):
    at_us = time.time_ns() // 1_000
    return Event(f"e{number}", user_id, "mug", "view", at_us, at_us)


@given(EVENTS)
def test_a_message_is_read_as_the_same_event(given_event):
    assert parse_event(json.loads(message_of(given_event)), NOW_US) == given_event


def test_no_message_is_larger_than_what_is_taken():
    text = '"' + "\N{GRINNING FACE}" * (MOST_CHARACTERS - 2) + '"'
    largest = Event(*[text] * 4, NOW_US, NOW_US, *[text] * 2, *[1 / 3 * 1e9] * 3, *[text] * 2)

    assert PUBLISHED_BYTES / 2 < len(message_of(largest)) < PUBLISHED_BYTES


@contextmanager
def publishing(shop):
    """Give what takes a service's events, and what it told of how it is."""
    told = []
    with closing(to_broker(shop.loaded, told.append)) as publisher:
        until(lambda: told, "a connection, or word of what is wrong")
        yield publisher, told


@pytest.fixture
def shop(tmp_path, sender):
    return Shop(tmp_path, sender)


def test_what_a_producer_published_is_given_in_order(sender):
    bodies = [b"%d" % number for number in range(500)]
    with closing(open_broker(sender.settings(), Begin())) as broker:
        with closing(open_producer(sender.settings(), 5.0)) as producer:
            producer.publish([("ann", body) for body in bodies[:1]])
            producer.publish([("ann", body) for body in bodies[1:]])
        found, end = [], time.monotonic() + 20
        while len(found) < len(bodies) and time.monotonic() < end:
            found += [message.body for message in broker.poll(500, 0.1)]

    assert found == bodies


def test_an_event_that_is_published_twice_is_in_the_lake_once(shop):
    with publishing(shop) as (publisher, told):
        answers = [publisher.append([event(1), event(2)]) for _ in range(2)]
        assert [answer.result(20) for answer in answers] == [["accepted"] * 2] * 2
    shop.sender.publish([message_of(event(2)), message_of(event(3))])
    shop.once()

    assert told == [None]
    assert shop.ids() == ["e1", "e2", "e3"]


def test_a_broker_that_is_not_there_is_told_at_once_and_found_when_it_comes(tmp_path):
    port = free_port()
    shop = Shop(tmp_path, Redis(f"redis://127.0.0.1:{port}/0"))
    with publishing(shop) as (publisher, told):
        assert "Redis at" in told[0].cause
        began = time.monotonic()
        for _ in range(100):
            with pytest.raises(UnavailableError, match="Redis at"):
                publisher.append([event(1)])
        assert time.monotonic() - began < 0.5
        with redis_server(port):
            until(lambda: told[-1] is None, "the connection")
            assert publisher.append([event(1)]).result(10) == ["accepted"]


@pytest.mark.parametrize("sender", ["redis", "nats", "rabbitmq"], indirect=True)
def test_a_connection_that_was_cut_is_made_anew_and_nobody_hears_of_it(sender, tmp_path):
    port = urlsplit(sender.url).port
    with closing(Proxy(port)) as proxy:
        sender.url = sender.url.replace(str(port), str(proxy.port))
        with publishing(Shop(tmp_path, sender)) as (publisher, told):
            publisher.append([event(1)]).result(10)
            proxy.go_down()
            proxy.come_back()
            assert publisher.append([event(2)]).result(10) == ["accepted"]

    assert set(told) == {None}


@pytest.mark.parametrize("sender", ["redis", "nats", "rabbitmq"], indirect=True)
def test_a_broker_that_hangs_is_not_waited_for(sender):
    port = urlsplit(sender.url).port
    with closing(Proxy(port)) as proxy:
        sender.url = sender.url.replace(str(port), str(proxy.port))
        hold_to_patience(sender, lambda: setattr(proxy, "delay_s", 30.0))


def test_a_kafka_that_hangs_is_not_waited_for():
    with kafka_cluster() as (cluster, address):
        hold_to_patience(Kafka(address, "events"), lambda: stop(cluster))


def stop(process):
    """SIGSTOP, and wait until it stands still."""
    process.send_signal(signal.SIGSTOP)
    assert os.WIFSTOPPED(os.waitpid(process.pid, os.WUNTRACED)[1])


def hold_to_patience(sender, hang, patience_s=0.5):
    told = []
    with closing(Publisher(Topic(sender.settings(), patience_s, told.append))) as publisher:
        until(lambda: None in told, "the connection")
        assert publisher.append([event(1)]).result(10) == ["accepted"]
        hang()
        began = time.monotonic()
        with pytest.raises(UnavailableError):
            publisher.append([event(2)]).result(20)
        assert time.monotonic() - began < STEPS * patience_s


def test_a_queue_that_was_deleted_swallows_nothing(rabbitmq_url, tmp_path):
    import pika

    shop = Shop(tmp_path, Rabbit(rabbitmq_url))
    with publishing(shop) as (publisher, _):
        with closing(pika.BlockingConnection(pika.URLParameters(rabbitmq_url))) as connection:
            connection.channel().queue_delete(shop.sender.topic)
        assert publisher.append([event(1)]).result(10) == ["accepted"]
    shop.once()

    assert shop.ids() == ["e1"]


def test_a_topic_that_is_none_is_the_service_s_trouble_and_not_the_caller_s(redis_url, tmp_path):
    shop = Shop(tmp_path, Redis(redis_url, "plain"))
    with closing(open_producer(shop.sender.settings(), 5.0)) as producer:
        producer._redis.set("plain", "text")
    with publishing(shop) as (publisher, _), pytest.raises(UnavailableError, match="no stream"):
        publisher.append([event(1)]).result(10)


@pytest.mark.parametrize("stream", [{"publish": True}, {"publish": True, "max_message_bytes": 999}])
def test_settings_that_could_lose_events_are_refused(tmp_path, stream):
    (tmp_path / "recomart.yaml").touch()
    flags = {("stream", name): value for name, value in stream.items()}

    with pytest.raises(SettingsError, match="publish: true wants"):
        load_settings(tmp_path, environment={}, flags=flags)


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("redis://127.0.0.1:1/0", {"no_such_option": "1"}),
        ("nats://127.0.0.1:1", {"no_such_option": "1"}),
        ("amqp://127.0.0.1:1", {"host": "", "port": "x"}),
        ("kafka://127.0.0.1:1", {"no_such_option": "1"}),
    ],
)
def test_options_that_do_not_fit_are_told(url, options):
    with pytest.raises(SettingsError):
        open_producer(StreamSettings(url=url, options=options), 1.0)


def test_what_a_library_slips_on_is_tried_again(redis_url, tmp_path, monkeypatch):
    slips, publish = iter([KeyError("secret")]), RedisProducer.publish

    def slipping(self, messages):
        if slip := next(slips, None):
            raise slip
        publish(self, messages)

    monkeypatch.setattr(RedisProducer, "publish", slipping)
    with publishing(Shop(tmp_path, Redis(redis_url))) as (publisher, told):
        with pytest.raises(UnavailableError, match="did not answer: KeyError"):
            publisher.append([event(1)]).result(10)
        until(lambda: told[-1] is None, "another connection")
        assert publisher.append([event(1)]).result(10) == ["accepted"]
