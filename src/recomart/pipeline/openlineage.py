"""OpenLineage events of the runs that ended, to a file, an endpoint, or both.

See https://openlineage.io. What is told is made from the records and the manifests alone, so the
same run gives the same events, under the same ids, whenever it is told.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from recomart.errors import AccessDeniedError, MissingExtraError, StoreUnavailableError
from recomart.settings.places import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from openlineage.client.event_v2 import RunEvent

    from recomart.lake import Lake
    from recomart.pipeline.record import RunRecord
    from recomart.settings import Loaded

ENDPOINT = "api/v1/lineage"
"""Of a server whose URL has no path of its own."""
KEY = "OPENLINEAGE_API_KEY"
"""Environment variable with the key of an endpoint that wants one; OpenLineage's own name."""
PATIENCE_S = 10.0
REFUSED = (401, 403)


def tell(loaded: Loaded, lake: Lake, records: Sequence[RunRecord]) -> Iterator[str]:
    """Send the events of each run; a `Tell`. With neither file nor URL, runs wait.

    Raises MissingExtraError; StoreUnavailableError, AccessDeniedError where the endpoint does not
    take an event.
    """
    settings = loaded.settings.lineage
    if not (settings.file or settings.url):
        return
    try:
        from recomart.pipeline.openlineage_events import EventMaker
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "openlineage":
            raise
        raise MissingExtraError("openlineage-python", "lineage") from None
    maker = EventMaker(lake, settings.namespace or loaded.settings.project)
    send = _sender(settings.url)
    for record in records:
        events = maker.events_of(record)
        send(events)  # before the file: it is what may fail, and be asked for again
        if settings.file:
            _append(loaded.path(settings.file), events)
        yield record.run_id


def _append(path: Path, events: Iterable[RunEvent]) -> None:
    """Append a JSON line an event, all of a run in one write."""
    from openlineage.client.serde import Serde

    path.parent.mkdir(parents=True, exist_ok=True)
    body = "".join(f"{Serde.to_json(event)}\n" for event in events).encode()
    with path.open("ab+", buffering=0) as file:
        if _is_torn(file):  # by a full disk, or a kill: what follows begins a line of its own
            body = b"\n" + body
        if file.write(body) != len(body):
            raise StoreUnavailableError(str(path), "it took a part of the events only")
        os.fsync(file.fileno())


def _is_torn(file: BinaryIO) -> bool:
    """Tell whether a file ends within a line."""
    if file.seek(0, os.SEEK_END) == 0:
        return False
    file.seek(-1, os.SEEK_END)
    return file.read(1) != b"\n"


def _sender(url: str) -> Callable[[Iterable[RunEvent]], None]:
    """Return what posts events to an endpoint; to none, where there is no URL."""
    if not url:
        return lambda _: None
    from openlineage.client.transport.http import (
        ApiKeyTokenProvider,
        HttpConfig,
        HttpTransport,
        TokenProvider,
    )
    from requests import RequestException

    has_path = urlsplit(url).path.strip("/") != ""
    key = os.environ.get(KEY)
    config = HttpConfig(
        url=url,
        endpoint="" if has_path else ENDPOINT,
        timeout=PATIENCE_S,
        auth=ApiKeyTokenProvider({"apiKey": key}) if key else TokenProvider({}),
        retry={"total": 0},  # what could not be told now is told after the next run
    )
    transport = HttpTransport(config)

    def send(events: Iterable[RunEvent]) -> None:
        try:
            for event in events:
                transport.emit(event)
        except RequestException as error:
            answer = error.response
            if answer is not None and answer.status_code in REFUSED:
                raise AccessDeniedError(shown(url), "take lineage events") from None
            raise StoreUnavailableError(shown(url), shown(str(error))) from None
        finally:
            transport.close()

    return send
