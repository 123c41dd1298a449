"""The stores without somebody: warehouse, online store, event log, kept answers."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from recomart.events import StreamFile
from recomart.events.exposures import beside
from recomart.events.shared import SharedFile
from recomart.features.online import open_online
from recomart.features.online.codec import RowCodec, key_of
from recomart.features.warehouse import open_warehouse
from recomart.lake import Found
from recomart.pipeline.erasing.messages import Messages
from recomart.pipeline.erasing.whose import USER
from recomart.pipeline.stages import expand
from recomart.settings import EventLogSource
from recomart.settings.places import scheme_of, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import TypeVar

    from recomart.events import Event, Refused
    from recomart.features.online import OnlineStore, State
    from recomart.settings import Loaded

    Arrived = TypeVar("Arrived", Event, Refused)

    Known = Iterator[tuple[str, dict[str, Any]]]
    """What is known of somebody: where, and a record."""

TELL_S = 0.5
"""So long workers have to hear whom to forget: they look every 0.02 s."""


def sessions_in_stores(loaded: Loaded, user_id: str) -> set[str]:
    """Return the sessions of theirs that event logs and kept answers tell."""
    answers = AnswersPlace(loaded, user_id, set())
    return EventLogPlace(loaded, user_id).sessions() | answers.sessions()


class WarehousePlace:
    """Tables of features."""

    def __init__(self, loaded: Loaded, user_id: str) -> None:
        self.loaded = loaded
        self.user_id = user_id
        place = loaded.settings.paths.warehouse
        self.name = f"warehouse {shown(place)}"
        self._is_there = bool(scheme_of(place)) or loaded.path(place).exists()

    def find(self) -> list[Found]:
        """Tell which tables hold them."""
        rows = {view: len(found) for view, found in self._rows().items()}
        return [Found(place=self.name, what=view, rows=n) for view, n in rows.items() if n]

    def erase(self) -> None:
        """Delete their rows."""
        if self._is_there:
            with closing(open_warehouse(self.loaded)) as warehouse:
                warehouse.forget_user(self.user_id)

    def known(self) -> Known:
        """Yield their rows."""
        for view, rows in self._rows().items():
            yield from ((f"warehouse/{view}", row) for row in rows)

    def _rows(self) -> dict[str, list[dict[str, Any]]]:
        if not self._is_there:
            return {}
        with closing(open_warehouse(self.loaded)) as warehouse:
            return warehouse.of_user(self.user_id)


class OnlinePlace:
    """The newest values of features by key."""

    def __init__(self, loaded: Loaded, user_id: str) -> None:
        self.loaded = loaded
        self.user_id = user_id
        self.place = loaded.settings.paths.online
        self.name = f"online store {shown(self.place)}"
        self._is_there = bool(scheme_of(self.place)) or loaded.path(self.place).exists()

    def find(self) -> list[Found]:
        """Tell which views hold them."""
        return [
            Found(place=self.name, what=state.view, rows=len(keys))
            for _, state, keys in self._held()
            if keys
        ]

    def erase(self) -> None:
        """Delete their rows, and what is half-made."""
        if not self._is_there:
            return
        for store, state, keys in self._held():
            if keys:
                left = state.model_copy(update={"rows": state.rows - len(keys)})
                store.patch(left, [], keys)
        with closing(open_online(self.place, self.loaded.folder)) as store:
            for view in expand(("*view",), self.loaded.settings):
                store.progress(view, "")  # forgets what a killed run left
            store.tidy()

    def known(self) -> Known:
        """Yield their rows."""
        for store, state, keys in self._held():
            codec = RowCodec(state.columns)
            for key, value in zip(keys, store.get(state.view, keys), strict=True):
                if value is not None:
                    key_text = key.decode(errors="replace")
                    yield f"online/{state.view}", {"key": key_text, **codec.decode(value)}

    def _held(self) -> Iterator[tuple[OnlineStore, State, list[bytes]]]:
        """Yield the views by users, and the keys of theirs."""
        if not self._is_there:
            return
        with closing(open_online(self.place, self.loaded.folder)) as store:
            for view in store.views():
                state = store.state(view)
                if state and next(iter(state.keys)) == USER:
                    begin = key_of([self.user_id], {USER: state.keys[USER]})
                    yield store, state, [key for key, _ in store.under(view, begin)]


class EventLogPlace:
    """Event logs of the service, and of sources: events, and messages that streams refused.

    Who sends events on while they are erased is a new user: what arrives later than the latest
    erasure is not looked for.
    """

    def __init__(self, loaded: Loaded, user_id: str) -> None:
        self.user_id = user_id
        named = {loaded.settings.serving.events} | {
            one.path for one in loaded.settings.sources.values() if isinstance(one, EventLogSource)
        }
        self.paths = sorted(loaded.path(name) for name in named)
        self.name = "event log"
        self._until_us: int | None = None

    def find(self) -> list[Found]:
        """Tell how many events and messages of theirs there are."""
        events = {path.name: len(found) for path, found in self._events().items()}
        messages = {f"{p.name}, refused": len(found) for p, found in self._messages().items()}
        rows = {**events, **messages}
        return [Found(place=self.name, what=name, rows=n) for name, n in rows.items() if n]

    def erase(self) -> None:
        """Delete their events and messages."""
        for path in self.paths:
            if path.exists():
                with closing(StreamFile(path)) as file:
                    self._until_us = time.time_ns() // 1_000
                    file.forget_user(self.user_id)
                    file.forget_messages(Messages(self.user_id).is_message)
                    file.tidy()

    def known(self) -> Known:
        """Yield their events, and the messages that surely are theirs."""
        for path, events in self._events().items():
            yield from ((f"event_log/{path.name}", event._asdict()) for event in events)
        for path, messages in self._messages(is_surely=True).items():
            yield from ((f"refused/{path.name}", message._asdict()) for message in messages)

    def sessions(self) -> set[str]:
        """Return the sessions of theirs that stand in the logs."""
        events = (event for found in self._events().values() for event in found)
        return {event.session_id for event in events if event.session_id}

    def _events(self) -> dict[Path, list[Event]]:
        return self._of_each(lambda file: file.of_user(self.user_id))

    def _messages(self, *, is_surely: bool = False) -> dict[Path, list[Refused]]:
        theirs = Messages(self.user_id, is_surely=is_surely).is_message
        return self._of_each(lambda file: file.messages_of(theirs))

    def _of_each(self, read: Callable[[StreamFile], list[Arrived]]) -> dict[Path, list[Arrived]]:
        found = {}
        for path in self.paths:
            if path.exists():
                with closing(StreamFile(path)) as file:
                    until_us = self._until_us
                    held = read(file)
                    found[path] = [
                        one for one in held if until_us is None or one.arrived_us <= until_us
                    ]
        return found


class AnswersPlace:
    """The latest answers of the service, and what its workers have in memory of somebody.

    is_last  once workers have heard whom to forget, they are told no more: this one comes after the
             event log, from which they would learn of them again
    """

    def __init__(
        self, loaded: Loaded, user_id: str, sessions: set[str], *, is_last: bool = False
    ) -> None:
        self.path = beside(loaded.path(loaded.settings.serving.events))
        self.most = loaded.settings.serving.kept_answers
        self.names = sorted({user_id, *sessions})
        self.name = "kept answers"
        self._is_last = is_last
        self._until_us: int | None = None

    def find(self) -> list[Found]:
        """Tell how many answers to them are kept, and lists that wait to be drained."""
        n = sum(
            1 for _, one in self.known() if self._until_us is None or one["at_us"] <= self._until_us
        )
        return [Found(place=self.name, what=self.path.name, rows=n)] if n else []

    def erase(self) -> None:
        """Delete the answers, and let workers forget; at last take the names off that list, too."""
        if not self.path.exists():
            return
        with closing(SharedFile(self.path, self.most)) as file:
            self._until_us = time.time_ns() // 1_000
            file.forget(self.names, self._until_us)
            if self._is_last:
                time.sleep(TELL_S)
                file.tell_no_more(self.names)

    def known(self) -> Known:
        """Yield the answers, and the lists that wait."""
        if self.path.exists():
            with closing(SharedFile(self.path, self.most)) as file:
                for who in self.names:
                    yield from (("answers", from_json(body)) for body in file.of(who))
                    yield from (("shown", one._asdict()) for one in file.shown_to(who))

    def sessions(self) -> set[str]:
        """Return the sessions under which they asked, as far as answers are kept."""
        asked = (one.get("asked", {}).get("session_id") for _, one in self.known())
        return {session for session in asked if session}
