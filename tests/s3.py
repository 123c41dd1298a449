"""An S3 server on loopback: moto's, held to what S3 promises, with faults on demand.

Moto decides on conditions outside of any lock, and believes whatever checksum it is told. Here
requests are taken one after another; a body that is cut off or has another checksum is refused.
"""

from __future__ import annotations

import base64
import hashlib
import io
import threading
from contextlib import contextmanager
from email.utils import formatdate
from time import time
from uuid import uuid4

import boto3
from werkzeug.serving import WSGIRequestHandler, make_server

BUCKET = "recomart-tests"
ANSWER = '<?xml version="1.0"?><Error><Code>{}</Code><Message>No.</Message></Error>'
BUSY = "503 No", "SlowDown"
DENIED = "403 No", "AccessDenied"


class S3Server:
    """Speaks S3 at `url`, with the faults that are set until it is healed.

    seen      method and path of every request
    fault     what it answers instead, if anything: of a method and a path, a status and a code
    lost      whether it does what it is asked, but the answer is lost
    garbled   whether bodies change on the way to it
    cut       how many bodies break off on the way from it
    ahead_s   how far its clock is ahead of when objects were written
    page      keys of a page of a list
    """

    def __init__(self):
        from moto.server import DomainDispatcherApplication, create_backend_app

        self._moto = DomainDispatcherApplication(create_backend_app)
        self._alone = threading.Lock()
        self._server = make_server("127.0.0.1", 0, self, threaded=True, request_handler=_Quiet)
        self.url = f"http://127.0.0.1:{self._server.port}"
        self.heal()

    def heal(self):
        self.seen = []
        self.fault = self.lost = lambda _method, _path: None
        self.garbled = False
        self.cut = self.ahead_s = 0
        self.page = 1_000

    def count(self, method, words=""):
        return sum(method == how and words in path for how, path in self.seen)

    def __call__(self, environ, start_response):
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        path += "?" + environ["QUERY_STRING"]
        environ["QUERY_STRING"] += f"&max-keys={self.page}" * ("list-type" in path)
        self.seen.append((method, path))
        length = int(environ.get("CONTENT_LENGTH") or 0)
        trouble = self.fault(method, path)  # it may kill who sends the body
        body = environ["wsgi.input"].read(length) + b"?" * (self.garbled and length > 0)
        environ["wsgi.input"] = io.BytesIO(body)
        trouble = trouble or damage(environ, body)
        status, headers, found = error(*trouble) if trouble else self._ask(environ)
        if self.lost(method, path):
            status, headers, found = error(*BUSY)
        start_response(status, [one for one in headers if one[0].lower() != "date"])
        if self.cut and method == "GET" and "list-type" not in path:
            self.cut -= 1
            found = found[: len(found) // 2]
        return [found]

    def _ask(self, environ):
        answer = []
        with self._alone:
            found = b"".join(self._moto(environ, lambda *told: answer.extend(told[:2])))
        return *answer, found

    @contextmanager
    def running(self):
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()


class _Quiet(WSGIRequestHandler):
    """Has the clock of the server; says nothing."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def date_time_string(self, _timestamp=None):
        return formatdate(time() + self.server.app.ahead_s, usegmt=True)

    def log(self, *_):
        pass


def error(status, code):
    return status, [("Content-Type", "application/xml")], ANSWER.format(code).encode()


def damage(environ, body):
    """What S3 answers to a body that is not what was sent."""
    if len(body) < int(environ.get("CONTENT_LENGTH") or 0):
        return "400 No", "IncompleteBody"
    told = environ.get("HTTP_X_AMZ_CHECKSUM_SHA256")
    if told and base64.b64decode(told) != hashlib.sha256(body).digest():
        return "400 No", "BadDigest"
    return None


@contextmanager
def s3_server():
    """Run a server with an empty bucket."""
    with S3Server().running() as server:
        keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "us-east-1"}
        boto3.client("s3", endpoint_url=server.url, **keys).create_bucket(Bucket=BUCKET)
        yield server


def environment(server, folder):
    """The usual chain as a user of the server sets it; nothing of this machine's."""
    return {
        "AWS_ENDPOINT_URL_S3": server.url,
        "AWS_ACCESS_KEY_ID": "AKIAMADEUP",
        "AWS_SECRET_ACCESS_KEY": "made-up-secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": str(folder / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "none"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "2",
    }


def fresh_url():
    """A lake that nobody knows yet."""
    return f"s3://{BUCKET}/{uuid4().hex}"
