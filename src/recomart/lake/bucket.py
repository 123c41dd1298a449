"""One bucket by the S3 protocol: few requests, each bounded in time; every fault one of ours.

Credentials, region, profile and endpoint come from the usual chain of boto3 (environment,
profile, role); nothing of them is kept, said or logged here.
"""

from __future__ import annotations

import re
from contextlib import contextmanager, suppress
from datetime import timezone
from email.utils import parsedate_to_datetime
from functools import cache
from typing import IO, TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from recomart.errors import (
    AccessDeniedError,
    MissingExtraError,
    NotFoundError,
    RecomartError,
    SettingsError,
    StoreUnavailableError,
)
from recomart.settings.places import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    T = TypeVar("T")
    Answer = Mapping[str, Any]
    """What boto3 returns: the fields of the protocol, by name."""

CONNECT_S, ANSWER_S = 5.0, 30.0
ATTEMPTS = 5
"""At a write while another one of the same key goes on, and at a body that breaks off."""
BLOCK = 1 << 20
PART = 32 << 20
"""Bytes of a part of a big file, and what it may have to go in one piece."""
MOST_PARTS = 10_000
CHECKSUM = "SHA256"
"""Sent with all bytes: the server refuses what does not arrive as it was sent."""
NO_BUCKET = (
    "Create it, or name another one in `paths.lake`; look at AWS_ENDPOINT_URL_S3 if it is on a "
    "server of your own."
)
_STALE = ("ExpiredToken", "InvalidToken", "TokenRefreshRequired", "AuthorizationHeaderMalformed")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_NO_CREDENTIALS = (
    *("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"),
    *("NoAuthTokenError", "TokenRetrievalError", "SSOError", "LoginError"),
)
_BAD_CONFIGURATION = (
    *("ProfileNotFound", "ConfigParseError", "InvalidConfigError", "ValidationError"),
    *("ParamValidationError", "BaseEndpointResolverError", "EndpointProviderError"),
    *("InvalidRetryConfigurationError", "InvalidChecksumConfigError"),
)


class ConditionError(Exception):
    """A conditional write was refused: what is there is not what the condition wants.

    is_unsure  the request was repeated; the first may have been carried out, its answer lost
    """

    def __init__(self, *, is_unsure: bool) -> None:
        super().__init__("the condition does not hold")
        self.is_unsure = is_unsure


class _ConflictError(Exception):
    """Another write of the same key goes on at this moment."""


class Bucket:
    """What is under a prefix of a bucket, ``s3://bucket/prefix``. Keys are below the prefix.

    Raises KeyError for a key that is not there, AccessDeniedError, NotFoundError (the bucket),
    StoreUnavailableError, SettingsError; `ConditionError` where a condition was given.
    """

    def __init__(self, url: str, answer_s: float = ANSWER_S, part_bytes: int = PART) -> None:
        self.name, self.prefix = parts_of(url)
        self.url = f"s3://{self.name}/{self.prefix}".rstrip("/")
        self.part_bytes = part_bytes
        with self._trouble("open"):
            self._client = _client(answer_s)

    def read(self, key: str, use: Callable[[Answer], T], attempts: int = ATTEMPTS) -> T:
        """Return what `use` makes of the answer, whose body may break off: then once more."""
        with self._trouble("read", key):
            found = self._client.get_object(**self._at(key))
        try:
            with self._trouble("read", key):
                return use(found)
        except StoreUnavailableError:
            if attempts <= 1:
                raise
        return self.read(key, use, attempts - 1)

    def get(self, key: str) -> bytes:
        """Return the bytes of an object."""

        def body(found: Answer) -> bytes:
            return bytes(found["Body"].read())

        return self.read(key, body)

    def fetch(self, key: str, target: Path) -> None:
        """Write an object to a file, block by block."""

        def write(found: Answer) -> None:
            with target.open("wb") as file:
                for block in found["Body"].iter_chunks(BLOCK):
                    file.write(block)

        self.read(key, write)

    def keys(self, prefix: str) -> list[str]:
        """Return the keys that start so, sorted."""
        start = self._key(prefix)
        with self._trouble("list"):
            pages = self._client.get_paginator("list_objects_v2")
            found = pages.paginate(Bucket=self.name, Prefix=start)
            keys = [one["Key"] for page in found for one in page.get("Contents", ())]
        return sorted(key[len(self._key("")) :] for key in keys)

    def put(self, key: str, body: bytes | IO[bytes], **condition: str) -> str:
        """Store in one request, under a condition (`IfNoneMatch`, `IfMatch`); return the tag."""

        def store() -> Answer:
            if not isinstance(body, bytes):
                body.seek(0)
            return self._client.put_object(  # type: ignore[no-any-return]
                **self._at(key), Body=body, ChecksumAlgorithm=CHECKSUM, **condition
            )

        return self._insist(store, key)

    def put_file(self, key: str, path: Path, **condition: str) -> str:
        """Store a file, whatever its size, under a condition; return the tag."""
        size = path.stat().st_size
        if size > self.part_bytes:
            return self._put_parts(key, path, size, condition)
        with path.open("rb") as file:
            return self.put(key, file, **condition)

    def _put_parts(self, key: str, path: Path, size: int, condition: dict[str, str]) -> str:
        """Send a file in parts, one in memory; it is there when it is complete, or not at all."""
        step = max(self.part_bytes, -(-size // MOST_PARTS))
        with self._trouble("write", key):
            begun = self._client.create_multipart_upload(
                **self._at(key), ChecksumAlgorithm=CHECKSUM
            )
        upload = {**self._at(key), "UploadId": begun["UploadId"]}
        try:
            with path.open("rb") as file:
                parts = [
                    self._part(upload, number, file.read(step), key)
                    for number in range(1, -(-size // step) + 1)
                ]
            return self._insist(
                lambda: self._client.complete_multipart_upload(
                    **upload, MultipartUpload={"Parts": parts}, **condition
                ),
                key,
            )
        except BaseException:
            with suppress(RecomartError, KeyError), self._trouble("clear up", key):
                self._client.abort_multipart_upload(**upload)
            raise

    def _part(self, upload: dict[str, str], number: int, data: bytes, key: str) -> dict[str, Any]:
        with self._trouble("write", key):
            sent = self._client.upload_part(
                **upload, PartNumber=number, Body=data, ChecksumAlgorithm=CHECKSUM
            )
        checksum = {name: sent[name] for name in [f"Checksum{CHECKSUM}"] if name in sent}
        return {"PartNumber": number, "ETag": sent["ETag"], **checksum}

    def delete(self, key: str) -> None:
        """Forget an object; deleting nothing is fine."""
        with self._trouble("delete", key):
            self._client.delete_object(**self._at(key))

    def _insist(self, write: Callable[[], Answer], key: str, attempts: int = ATTEMPTS) -> str:
        """Write, once more if another write of the same key came in between; return the tag."""
        try:
            with self._trouble("write", key):
                return str(write()["ETag"])
        except _ConflictError:
            if attempts <= 1:
                raise StoreUnavailableError(self.url, "others write the same key") from None
        return self._insist(write, key, attempts - 1)

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self.name, "Key": self._key(key)}

    def _key(self, key: str) -> str:
        return f"{self.prefix}/{key}" if self.prefix else key

    @contextmanager
    def _trouble(self, asked: str, key: str = "") -> Iterator[None]:
        """Turn what boto3 raises into errors of ours, in words that hold no secret."""
        try:
            import boto3  # noqa: F401 -- the extra is there, or not
            from botocore.exceptions import BotoCoreError, ClientError
        except ModuleNotFoundError:
            raise MissingExtraError("boto3", "s3") from None
        try:
            yield
        except ClientError as error:
            raise self._refusal(error.response, asked, key) from None
        except BotoCoreError as error:
            raise self._fault(error, asked) from None
        except ValueError as error:  # an endpoint that is no URL; it may hold a password
            raise self._configuration(type(error).__name__) from None

    def _refusal(self, answer: Answer, asked: str, key: str) -> Exception:
        """Name what the server answered, by its code; its words may quote what was sent."""
        code, meta = answer["Error"].get("Code", ""), answer.get("ResponseMetadata", {})
        status, is_repeated = meta.get("HTTPStatusCode", 0), meta.get("RetryAttempts", 0) > 0
        if code == "ConditionalRequestConflict":
            return _ConflictError()
        if status == 412 or (code == "NoSuchUpload" and is_repeated):
            return ConditionError(is_unsure=is_repeated)
        if code == "NoSuchBucket":
            return NotFoundError(f"There is no bucket {self.name!r}.", remedy=NO_BUCKET)
        if code == "NoSuchKey":
            return KeyError(key)
        if status in (401, 403) or code in _STALE:
            clock = ": this machine's clock is wrong" if code == "RequestTimeTooSkewed" else ""
            return AccessDeniedError(self.url, f"{asked}{clock} ({code})")
        return StoreUnavailableError(self.url, f"it says {code} to `{asked}`, status {status}")

    def _fault(self, error: Exception, asked: str) -> RecomartError:
        """Name what kept a request from being answered."""
        kinds = {kind.__name__ for kind in type(error).__mro__}
        name = type(error).__name__
        if kinds.intersection(_NO_CREDENTIALS):
            return AccessDeniedError(self.url, f"{asked} without credentials ({name})")
        if kinds.intersection(_BAD_CONFIGURATION):
            return self._configuration(name)
        return StoreUnavailableError(self.url, f"{name} at `{asked}`")

    def _configuration(self, name: str) -> SettingsError:
        return SettingsError(
            f"The configuration of S3 for {self.url} does not fit: {name}.",
            remedy="Look at AWS_PROFILE, AWS_DEFAULT_REGION, AWS_ENDPOINT_URL_S3, ~/.aws/config.",
        )


def parts_of(url: str) -> tuple[str, str]:
    """Return bucket and prefix of ``s3://bucket/prefix``. Raises SettingsError."""
    parts = urlsplit(url)
    prefix = parts.path.strip("/")
    is_plain = not (parts.query or parts.fragment or "\\" in prefix)
    is_path = all(part.strip(".") for part in prefix.split("/")) or not prefix
    if not (is_plain and is_path and _BUCKET.fullmatch(parts.netloc)):
        raise SettingsError(
            f"paths.lake {shown(url)!r} is not s3://bucket/prefix.",
            remedy="Name a bucket and, if you like, a prefix; credentials and endpoint come from "
            "the usual chain (environment, profile, role).",
        )
    return parts.netloc, prefix


def age_of(answer: Answer) -> float:
    """Return how old an object was when it was read, in seconds by the server's own clock."""
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    now = parsedate_to_datetime(headers["date"]).replace(tzinfo=timezone.utc)  # HTTP knows no other
    return float((now - answer["LastModified"]).total_seconds())


def _client(answer_s: float) -> Any:  # noqa: ANN401 -- boto3 makes its class at run time
    import boto3
    import botocore.session
    from botocore.config import Config

    config = Config(
        connect_timeout=min(CONNECT_S, answer_s),
        read_timeout=answer_s,
        retries={"mode": "standard"},  # how often: AWS_MAX_ATTEMPTS, by default 3 in all
        user_agent_extra="recomart",
    )
    session = botocore.session.get_session()
    session.register_component("data_loader", _definitions())
    return boto3.session.Session(botocore_session=session).client("s3", config=config)


@cache
def _definitions() -> Any:  # noqa: ANN401 -- as above
    """Return what botocore knows of the protocol, which takes long to read."""
    from botocore.loaders import create_loader

    return create_loader()
