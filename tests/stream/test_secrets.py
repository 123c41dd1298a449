"""Passwords and certificates: what is secret is told nowhere, and TLS is tried where it can be."""

import logging
import subprocess
import traceback
from contextlib import closing, contextmanager

import pytest

from recomart.errors import AccessDeniedError, RecomartError, StoreUnavailableError
from recomart.settings import StreamSettings
from recomart.settings.places import shown, without_secrets
from recomart.stream.base import Begin
from recomart.stream.brokers import open_broker, open_producer
from recomart.stream.publishing import Topic
from tests.servers import find, free_port, running
from tests.stream.senders import Nats

SECRET = "s3cr3t"


def both(settings):
    """Return how to take and how to publish, each to be called."""
    return (
        lambda: open_broker(settings, Begin()),
        lambda: open_producer(settings, 2.0),
    )


@contextmanager
def nothing_told(caplog, capfd):
    """Hold all that is logged, printed or raised until the block ends to what may be told."""
    raised = []
    with caplog.at_level(logging.INFO):
        yield raised
    out, err = capfd.readouterr()
    told = "".join([caplog.text, out, err, *map(_all_of, raised)])
    assert SECRET not in told


def _all_of(error):
    return "".join(traceback.format_exception(error)) + repr(error)


def refused(do):
    with pytest.raises(RecomartError) as caught:
        do()
    return caught.value


@pytest.mark.parametrize(
    ("url", "options"),
    [
        (f"redis://shop:{SECRET}@127.0.0.1:{{}}/0", {}),
        (f"rediss://:{SECRET}%2F@127.0.0.1:{{}}/0", {}),
        (f"redis://:a{SECRET}/b@127.0.0.1:{{}}/0", {}),
        (f"nats://shop:{SECRET}@127.0.0.1:{{}}", {}),
        (f"nats://{SECRET}@127.0.0.1:{{}}", {}),
        ("nats://127.0.0.1:{}", {"token": SECRET}),
        (f"amqp://shop:{SECRET}@127.0.0.1:{{}}/%2F", {}),
        (f"amqp://shop:a@{SECRET}@127.0.0.1:{{}}/%2F", {}),
        (f"kafka://shop:{SECRET}@127.0.0.1:{{}}", {}),
        (
            "kafka://127.0.0.1:{}",
            {
                "security_protocol": "SASL_PLAINTEXT",
                "sasl_mechanism": "PLAIN",
                "sasl_username": "shop",
                "sasl_password": SECRET,
            },
        ),
    ],
)
def test_a_password_is_told_nowhere(url, options, caplog, capfd, monkeypatch):
    monkeypatch.setattr("recomart.stream.kafka.CONNECT_S", 0.5)
    settings = StreamSettings(url=url.format(free_port()), options=options)
    with nothing_told(caplog, capfd) as raised:
        raised += [refused(do) for do in both(settings)]
        topic = Topic(settings, 1.0, raised.append)
        topic.tend()
        print(shown(settings.url))  # noqa: T201 - that is what is tried

    assert topic.trouble is not None


def test_a_password_that_is_wrong_is_told_nowhere(rabbitmq_url, caplog, capfd):
    with secured_nats() as url, secured_redis() as place, nothing_told(caplog, capfd) as raised:
        for one in (
            url.replace("right", f"wrong{SECRET}"),
            f"redis://:{SECRET}@{place}",
            rabbitmq_url.replace(":guest@", f":{SECRET}@"),
        ):
            raised += [refused(do) for do in both(StreamSettings(url=one))]

    assert [type(error) for error in raised] == [AccessDeniedError] * 6


def test_a_record_of_settings_tells_no_password():
    settings = StreamSettings(url=f"nats://{SECRET}@h:1", options={"token": SECRET})

    assert SECRET not in str(without_secrets(settings.model_dump(mode="json")))


@contextmanager
def secured_redis(*more):
    port = free_port()
    command = [find("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with running([*command, "--requirepass", "right", *more], port):
        yield f"127.0.0.1:{port}/0"


@contextmanager
def secured_nats(*more):
    program, port = find("nats-server", "/usr/sbin"), free_port()
    command = [program, "-a", "127.0.0.1", "-p", str(port), "-js"]
    with running([*command, "--user", "shop", "--pass", "right", *more], port):
        yield f"nats://shop:right@127.0.0.1:{port}"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A key and a certificate for 127.0.0.1 that vouches for itself."""
    folder = tmp_path_factory.mktemp("tls")
    told = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    told += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    where = ["-keyout", folder / "key.pem", "-out", folder / "cert.pem"]
    subprocess.run(
        [find("openssl"), "req", "-x509", *told, *where], check=True, capture_output=True
    )
    return folder


def published_and_taken(settings):
    """Publish a message and return what is taken."""
    with closing(open_broker(settings, Begin())) as broker:
        with closing(open_producer(settings, 5.0)) as producer:
            producer.publish([("ann", b"told")])
        return [message.body for message in broker.poll(1, 5.0)]


def test_redis_over_tls_with_a_password(certificate, tmp_path):
    port, cert = free_port(), certificate / "cert.pem"
    files = ["--tls-cert-file", cert, "--tls-key-file", certificate / "key.pem"]
    more = ["--tls-port", port, *files, "--tls-ca-cert-file", cert, "--tls-auth-clients", "no"]
    with secured_redis(*map(str, more)):
        settings = StreamSettings(url=f"rediss://:right@127.0.0.1:{port}/0")
        unknown = refused(lambda: open_producer(settings, 2.0))
        known = settings.model_copy(update={"options": StreamSettings(
            options={"ssl_ca_certs": str(cert)}).options})  # fmt: skip
        found = published_and_taken(known)

    assert isinstance(unknown, StoreUnavailableError)
    assert "certificate verify failed" in unknown.cause
    assert found == [b"told"]


def test_nats_over_tls_with_a_password(certificate, tmp_path, monkeypatch):
    cert = certificate / "cert.pem"
    tls = ["--tls", "--tlscert", str(cert), "--tlskey", str(certificate / "key.pem")]
    with secured_nats("-sd", str(tmp_path), *tls) as url:
        settings = StreamSettings(url=url.replace("nats://", "tls://"), topic="t1")
        unknown = refused(lambda: open_producer(settings, 2.0))
        monkeypatch.setenv("SSL_CERT_FILE", str(cert))
        Nats(settings.url, "t1")
        found = published_and_taken(settings)

    assert isinstance(unknown, StoreUnavailableError)
    assert found == [b"told"]
