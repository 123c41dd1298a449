"""Real servers on loopback for whoever asks; each ends with the tests that started it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

DEBIAN_RABBITMQ = Path("/usr/lib/rabbitmq/bin")
DEBIAN_POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
PATIENCE_S = 90


def find(program, *folders):
    """Return where a program is; where it is not, skip with the remedy, or fail in CI."""
    found = shutil.which(program, path=os.pathsep.join([*map(str, folders), os.environ["PATH"]]))
    if found is None:
        halt = pytest.fail if "CI" in os.environ else pytest.skip
        halt(
            f"{program} is not here; `.ci/run` installs it: postgresql, redis-server, nats-server, "
            "rabbitmq-server, Java, strace"
        )
    return found


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, process):
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        assert process.poll() is None, f"{process.args[0]} ended with {process.returncode}"
        time.sleep(0.05)
    pytest.fail(f"{process.args[0]} did not listen within {PATIENCE_S} s")


@contextmanager
def running(command, port, **options):
    """Run a server until the block ends."""
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options
    )
    try:
        wait_for(port, process)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def postgres_server():
    """Give the URL of a PostgreSQL of its own. Its own data sort by locale, on purpose."""
    initdb, server = find("initdb", *DEBIAN_POSTGRES), find("postgres", *DEBIAN_POSTGRES)
    who = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="recomart-pg-"))
    try:
        if who:
            shutil.chown(folder, **who)
        data, port = folder / "data", free_port()
        quick = ["-c", "fsync=off", "-c", "max_connections=40", "-c", "shared_buffers=256MB"]
        where = ["-k", str(folder), "-p", str(port), "-c", "listen_addresses=127.0.0.1"]
        command = [initdb, "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        command += ["--locale-provider=icu", "--icu-locale=en-US", "--locale=C.UTF-8"]
        subprocess.run(command, check=True, capture_output=True, cwd=folder, **who)
        with running([server, "-D", data, *where, *quick], port, cwd=folder, **who):
            url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
            wait_until_it_takes(url)
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def wait_until_it_takes(url):
    """Wait until a PostgreSQL that listens has also started up."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        with suppress(psycopg.OperationalError), psycopg.connect(url):
            return
        time.sleep(0.05)
    pytest.fail(f"PostgreSQL did not take connections within {PATIENCE_S} s")


@contextmanager
def redis_server(port=None, *more):
    """Give the URL of a Redis of its own."""
    program, port = find("redis-server"), port or free_port()
    quiet = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", *more]
    with running([program, "--port", str(port), *quiet], port):
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def nats_server():
    """Give the URL of a NATS with JetStream of its own."""
    program, port = find("nats-server", "/usr/sbin"), free_port()
    with (
        tempfile.TemporaryDirectory(prefix="recomart-nats-") as folder,
        running([program, "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", folder], port),
    ):
        yield f"nats://127.0.0.1:{port}"


@contextmanager
def rabbitmq_server():
    """Give the URL of a RabbitMQ of its own, with the daemon of Erlang's names that it needs."""
    server, names = find("rabbitmq-server", DEBIAN_RABBITMQ), find("epmd")
    port, names_port = free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="recomart-rabbit-") as folder:
        told = {
            "NODENAME": f"test{port}@localhost",
            "NODE_IP_ADDRESS": "127.0.0.1",
            "NODE_PORT": str(port),
            "DIST_PORT": str(free_port()),
            "MNESIA_BASE": f"{folder}/data",
            "LOG_BASE": f"{folder}/log",
            "ENABLED_PLUGINS_FILE": f"{folder}/plugins",
            "CONFIG_FILE": f"{folder}/none",
            "PID_FILE": f"{folder}/pid",
        }
        env = {**os.environ, "HOME": folder, "ERL_EPMD_PORT": str(names_port)}
        env |= {f"RABBITMQ_{name}": value for name, value in told.items()}
        at_home = "-kernel inet_dist_use_interface {127,0,0,1}"
        env["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"] = f"+S 1:1 {at_home}"
        with (
            running([names, "-address", "127.0.0.1", "-port", str(names_port)], names_port),
            running([server], port, env=env, cwd=folder),
        ):
            yield f"amqp://guest:guest@127.0.0.1:{port}/%2F"
