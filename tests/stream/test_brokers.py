"""What holds for every broker: order, nothing given up before it is done, honest errors."""

import time
from contextlib import closing

import pytest

from recomart.errors import (
    AccessDeniedError,
    NotFoundError,
    SettingsError,
    StoreUnavailableError,
)
from recomart.settings import StreamSettings
from recomart.stream.base import Begin
from recomart.stream.brokers import open_broker
from tests.servers import free_port, redis_server
from tests.stream.senders import Kafka, Nats, Redis, kafka_cluster

HAVE_POSITIONS = pytest.mark.parametrize("sender", ["kafka", "redis", "nats"], indirect=True)
"""A queue of RabbitMQ forgets what was acknowledged."""
ALL = [b"%d" % number for number in range(300)]


def taken(broker, n, most=100, done=True):
    """Take n messages, or fail within some seconds."""
    found, end = [], time.monotonic() + 20
    while len(found) < n:
        assert time.monotonic() < end, f"{len(found)} of {n}"
        found += broker.poll(min(most, n - len(found)), 0.1)
        if done:
            broker.done()
    return found


def opened(sender, **begin):
    return closing(open_broker(sender.settings(), Begin(**begin)))


def bodies(messages):
    return [message.body for message in messages]


def behind(messages):
    """Return the positions to go on behind, as the event log would keep them."""
    return {one.partition: one.position for one in messages if one.position}


def test_messages_are_given_in_order_and_once(sender):
    sender.publish(ALL)
    with opened(sender) as broker:
        found = taken(broker, len(ALL))
        more = broker.poll(10, 0.2)

    assert bodies(found) == ALL
    assert not more


def test_what_is_not_done_is_given_again(sender):
    sender.publish(ALL)
    with opened(sender) as broker:
        kept = behind(taken(broker, 100))
        taken(broker, 50, done=False)
    with opened(sender, positions=kept) as broker:
        found = taken(broker, 200)
        more = broker.poll(10, 0.2)

    assert sorted(bodies(found)) == sorted(ALL[100:])
    assert not more


def test_what_comes_later_is_given_too_and_what_is_left_is_told(sender):
    sender.publish(ALL[:2])
    with opened(sender) as broker:
        taken(broker, 1)
        if isinstance(sender, Redis | Nats | Kafka):
            assert broker.lag() == 1
        taken(broker, 1)
        assert not broker.lag()
        sender.publish(ALL[2:4])

        assert bodies(taken(broker, 2)) == ALL[2:4]


@HAVE_POSITIONS
def test_a_log_that_was_lost_goes_on_from_where_the_lake_is(sender):
    sender.publish(ALL)
    with opened(sender) as broker:
        in_lake = behind(taken(broker, 100))
        taken(broker, 200)
    with opened(sender, positions=in_lake) as broker:
        assert bodies(taken(broker, 200)) == ALL[100:]


@HAVE_POSITIONS
@pytest.mark.parametrize(("start", "first"), [("earliest", b"0"), ("latest", b"new")])
def test_it_begins_where_it_is_told(sender, start, first):
    sender.publish(ALL)
    with opened(sender) as broker:
        kept = behind(taken(broker, 10))
    with opened(sender, positions=kept, start=start) as broker:
        sender.publish([b"new"])

        assert bodies(taken(broker, 1)) == [first]


@pytest.mark.parametrize("url", ["kafka://{}", "redis://{}/0", "nats://{}", "amqp://g:secret@{}"])
def test_a_broker_that_is_not_there_is_told(url, monkeypatch):
    monkeypatch.setattr("recomart.stream.kafka.CONNECT_S", 0.5)
    settings = StreamSettings(url=url.format(f"127.0.0.1:{free_port()}"))

    with pytest.raises(StoreUnavailableError) as caught:
        open_broker(settings, Begin())
    assert "secret" not in str(caught.value)


def test_wrong_credentials_are_told_and_not_shown(rabbitmq_url, nats_url):
    with redis_server(None, "--requirepass", "right") as url:
        for one in (url.replace("//", "//:secret@"), rabbitmq_url.replace(":guest@", ":secret@")):
            with pytest.raises(AccessDeniedError) as caught:
                open_broker(StreamSettings(url=one), Begin())
            assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("kafka://127.0.0.1:1", {"no_such_option": "1"}),
        ("redis://127.0.0.1:1/0", {"no_such_option": "1"}),
        ("nats://127.0.0.1:1", {"no_such_option": "1"}),
        ("amqp://127.0.0.1:1", {"host": "", "port": "x"}),
        ("pulsar://127.0.0.1:1", {}),
        ("", {}),
    ],
)
def test_settings_that_do_not_fit_are_told(url, options):
    with pytest.raises(SettingsError):
        open_broker(StreamSettings(url=url, options=options), Begin())


def test_a_subject_without_a_stream_is_told(nats_url):
    with pytest.raises(NotFoundError, match="nats stream add"):
        open_broker(StreamSettings(url=nats_url, topic="nobody"), Begin())


def test_a_key_that_is_no_stream_is_told(redis_url):
    sender = Redis(redis_url)
    with closing(open_broker(sender.settings(), Begin())) as broker:
        broker._redis.set("plain", "text")

    with pytest.raises(SettingsError, match="no stream"):
        open_broker(StreamSettings(url=redis_url, topic="plain"), Begin())


@pytest.mark.parametrize("kind", ["kafka", "nats"])
def test_a_topic_that_was_made_anew_is_told(kind, request):
    sender = (
        request.getfixturevalue("kafka")
        if kind == "kafka"
        else Nats(request.getfixturevalue("nats_url"))
    )
    sender.publish(ALL[:3])

    with pytest.raises(SettingsError, match="--from earliest"):
        opened(sender, positions={"0" if kind == "kafka" else "": "90"})


def test_messages_that_nats_let_go_are_counted(nats_url):
    import nats.js.api

    lost, sender = [], Nats(nats_url)
    config = nats.js.api.StreamConfig(
        name=sender.topic.upper(), subjects=[sender.topic], max_msgs=10
    )
    sender._do(lambda js: js.update_stream(config))
    sender.publish(ALL[:30])
    with opened(sender, positions={"": "5"}, tell_lost=lambda *told: lost.append(told)) as broker:
        assert bodies(taken(broker, 10)) == ALL[20:30]
    assert lost == [("", 15)]


LARGE = [b"%d" % number * 300_000 for number in range(10, 26)]
"""More than the mock cluster keeps of a partition, which is 5 MiB."""


def test_messages_that_kafka_let_go_before_we_came_are_counted(kafka):
    lost = []
    kafka.publish(LARGE)
    with opened(kafka, positions={"0": "0"}, tell_lost=lambda *told: lost.append(told)) as broker:
        [first] = taken(broker, 1)

    assert lost == [("0", int(first.position) - 1)]
    assert first.body == LARGE[int(first.position)]


def test_messages_that_kafka_lets_go_while_we_wait_end_the_connection(kafka):
    options = {"queued_max_messages_kbytes": 1, "fetch_max_bytes": 10**6}
    settings = kafka.settings(options={**options, "message_max_bytes": 10**6})
    kafka.publish(LARGE[:1])
    with closing(open_broker(settings, Begin())) as broker:
        kafka.publish(LARGE)
        with pytest.raises(StoreUnavailableError, match="offset not available"):
            taken(broker, len(LARGE) + 1, most=1)


def test_a_kafka_that_goes_away_is_told():
    with kafka_cluster() as (cluster, address), opened(Kafka(address, "events")) as broker:
        taken(broker, 1)
        cluster.kill()
        with pytest.raises(StoreUnavailableError, match="Kafka at"):
            taken(broker, 1)


def test_a_topic_that_is_not_there_yet_is_waited_for(kafka, monkeypatch):
    monkeypatch.setattr("recomart.stream.kafka.LOOK_S", 0.1)
    with opened(kafka, start="latest") as broker:
        assert broker.poll(1, 0.1) == []
        kafka.publish(ALL[:4], partition=3)

        assert bodies(taken(broker, 4)) == ALL[:4]


def test_an_entry_of_redis_with_several_fields_is_no_event(redis_url):
    sender = Redis(redis_url)
    with opened(sender) as broker:
        broker._redis.xadd(sender.topic, {"user_id": "ann", "item_id": "mug"})

        [message] = taken(broker, 1)
    assert b"user_id" in message.body
