"""An S3 server on loopback: moto's, held to what S3 promises, with faults on demand.

Moto decides conditions outside of any lock, and believes whatever checksum it is told. Here
requests are taken one after another, a body that is cut off or has another checksum is refused.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import threading
from contextlib import contextmanager
from uuid import uuid4

import boto3
from werkzeug.serving import WSGIRequestHandler, make_server

BUCKET = "recomart-tests"
ANSWER = '<?xml version="1.0"?><Error><Code>{}</Code><Message>No.</Message></Error>'


class S3Server:
    """Speaks S3 at `url`.

    seen   method and path of every request
    fault  asked before each request: None, or the status and the code to answer with
    """

    def __init__(self):
        from moto.server import DomainDispatcherApplication, create_backend_app

        self._moto = DomainDispatcherApplication(create_backend_app)
        self._alone = threading.Lock()
        self._server = make_server(
            "127.0.0.1", 0, self, threaded=True, request_handler=_Quiet
        )
        self.url = f"http://127.0.0.1:{self._server.port}"
        self.heal()

    def heal(self):
        self.seen = []
        self.fault = lambda environ: None

    def count(self, method="", words=""):
        return sum(method in seen[0] and words in seen[1] for seen in self.seen)

    def __call__(self, environ, start_response):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        query = environ["QUERY_STRING"]
        self.seen.append((environ["REQUEST_METHOD"], f"{environ['PATH_INFO']}?{query}"))
        trouble = self.fault(environ) or damage(environ, body)
        if trouble:
            status, code = trouble
            start_response(f"{status} No", [("Content-Type", "application/xml")])
            return [ANSWER.format(code).encode()]
        with self._alone:
            return list(self._moto(environ, start_response))

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
    """Says nothing; keeps connections, as S3 does."""

    protocol_version = "HTTP/1.1"

    def log(self, *_):
        pass


def damage(environ, body):
    """What S3 would answer to a body that is not what was sent."""
    if len(body) < int(environ.get("CONTENT_LENGTH") or 0):
        return 400, "IncompleteBody"
    told = environ.get("HTTP_X_AMZ_CHECKSUM_SHA256")
    is_same = not told or base64.b64decode(told) == hashlib.sha256(body).digest()
    return None if is_same or "uploadId" in environ["QUERY_STRING"] else (400, "BadDigest")


def environment(server, folder):
    """The usual chain as a user of the server would set it; nothing of this machine's."""
    return {
        "AWS_ENDPOINT_URL_S3": server.url,
        "AWS_ACCESS_KEY_ID": "AKIAMADEUP",
        "AWS_SECRET_ACCESS_KEY": "made-up-secret",
        "AWS_REGION": "us-east-1",
        "AWS_CONFIG_FILE": str(folder / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "none"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "2",
    }


@contextmanager
def s3_server():
    """Run a server with an empty bucket."""
    with S3Server().running() as server:
        keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "us-east-1"}
        boto3.client("s3", endpoint_url=server.url, **keys).create_bucket(Bucket=BUCKET)
        yield server


def fresh_url():
    """A lake that nobody knows yet."""
    return f"s3://{BUCKET}/{uuid4().hex}"
