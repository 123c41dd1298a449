"""A lease on a lake in a bucket: one writer at a time over machines; it runs out by itself.

It is an object that only one can put, and that only who knows its tag can put again. The holder
renews it; one that was not renewed for its time to live may be taken over. How old it is, the
server says: clocks of machines differ, and go back.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from uuid import uuid4

from pydantic import BaseModel, ValidationError

from recomart.errors import LakeBusyError, RecomartError
from recomart.lake.bucket import ConditionError, age_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recomart.lake.bucket import Answer, Bucket

KEY = ".lease"
TO_LIVE_S = 60.0
RENEWALS = 4
"""In the time to live; so three may fail."""
ATTEMPTS = 3


class Note(BaseModel, frozen=True, extra="ignore"):
    """What the object says. One without a run is free, and stays for the next.

    home  the cache that the holder works with, which it locks by the operating system, too
    beat  counts renewals, so that each has a tag of its own
    """

    run_id: str = ""
    host: str = ""
    pid: int = 0
    home: str = ""
    holding: str = ""
    to_live_s: float = TO_LIVE_S
    beat: int = 0

    def named(self, age_s: float) -> str:
        """Name the holder, and when the lease is free at the latest."""
        left = max(0, round(self.to_live_s - age_s))
        return (
            f"run {self.run_id or 'unknown'}, process {self.pid} on {self.host or 'some machine'}; "
            f"taken over if not renewed within {left} s"
        )


class S3Lease:
    """Held from `take` to `free`, renewed in between by a thread of its own."""

    def __init__(self, bucket: Bucket, run_id: str, home: str, to_live_s: float) -> None:
        self._bucket = bucket
        self._note = Note(
            run_id=run_id,
            host=socket.gethostname(),
            pid=os.getpid(),
            home=home,
            holding=uuid4().hex,
            to_live_s=to_live_s,
        )
        self._tag = ""
        self._sure_until = 0.0
        self._lost: str | None = None
        self._alone = threading.Lock()
        self._ended = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="recomart-lease", daemon=True)

    def take(self) -> None:
        """Take it if it is free or has run out. Raises LakeBusyError, naming the holder."""
        for _ in range(ATTEMPTS):
            condition = self._condition()
            if condition is None or self._put(**condition):
                self._keeper.start()
                return  # else somebody was quicker: look who
        raise LakeBusyError(self._bucket.url, "others ask for it at the same moment")

    def check(self) -> None:
        """Make sure that it is still ours. Raises LakeBusyError, naming who took it over."""
        if self._lost is None and time.monotonic() > self._sure_until:
            self._renew()
        if self._lost is not None:
            raise LakeBusyError(self._bucket.url, self._lost)

    def free(self) -> None:
        """Stop renewing, and leave it to the next; it may also just run out."""
        self._ended.set()
        self._keeper.join()
        # it may be taken over or deleted, or the server away: all the same to us from now on
        with suppress(ConditionError, KeyError, RecomartError):
            self._bucket.put(KEY, Note().model_dump_json().encode(), IfMatch=self._tag)

    def _condition(self) -> dict[str, str] | None:
        """Return under which condition it may be put now, None where it is ours already."""
        try:
            note, tag, age_s = self._look()
        except KeyError:
            return {"IfNoneMatch": "*"}
        if note.holding == self._note.holding:  # the answer to our putting it was lost
            self._tag = tag
            return None
        is_free = not note.holding or age_s >= note.to_live_s
        if not is_free and note.home != self._note.home:
            raise LakeBusyError(self._bucket.url, note.named(age_s))
        return {"IfMatch": tag}

    def _look(self) -> tuple[Note, str, float]:
        def read(found: Answer) -> tuple[Note, str, float]:
            return _note_of(found["Body"].read()), found["ETag"], age_of(found)

        return self._bucket.read(KEY, read)

    def _put(self, **condition: str) -> bool:
        began = time.monotonic()
        self._note = self._note.model_copy(update={"beat": self._note.beat + 1})
        try:
            body = self._note.model_dump_json().encode()
            self._tag = self._bucket.put(KEY, body, **condition)
        except (ConditionError, KeyError):
            return False
        self._sure_until = began + self._note.to_live_s
        return True

    def _keep(self) -> None:
        while not self._ended.wait(self._note.to_live_s / RENEWALS):
            with suppress(RecomartError):  # the server is away; whoever asks it next will say so
                self._renew()

    def _renew(self) -> None:
        with self._alone:
            if self._lost is not None or self._put(IfMatch=self._tag):
                return
            try:
                note, tag, age_s = self._look()
            except KeyError:
                self._lost = "somebody deleted the lease of this one"
                return
            if note.holding == self._note.holding:  # the answer to a renewal was lost
                self._tag = tag
            else:
                self._lost = f"{note.named(age_s)}; it took over the lease of this one"


@contextmanager
def s3_lease(bucket: Bucket, run_id: str, home: str, to_live_s: float) -> Iterator[S3Lease]:
    """Hold the only right to write to a lake in a bucket. Raises LakeBusyError."""
    held = S3Lease(bucket, run_id, home, to_live_s)
    held.take()
    try:
        yield held
    finally:
        held.free()


def _note_of(body: bytes) -> Note:
    try:
        return Note.model_validate_json(body)
    except ValidationError:  # written by somebody else: honour it while it is young
        return Note(holding="unknown")
