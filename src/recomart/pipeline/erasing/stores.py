"""The stores without somebody: warehouse, online store, event log, kept answers."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

from recomart.events import EventFile
from recomart.events.shared import SharedFile
from recomart.features.online import open_online
from recomart.features.online.codec import RowCodec, key_of
from recomart.features.warehouse import open_warehouse
from recomart.lake import Found
from recomart.pipeline.erasing.whose import USER
from recomart.pipeline.stages import expand
from recomart.settings import EventLogSource
from recomart.settings.places import scheme_of, shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from recomart.features.online import OnlineStore, State
    from recomart.settings import Loaded

    Known = Iterator[tuple[str, dict[str, Any]]]
    """What is known of somebody: where, and a record."""

TELL_S = 0.5
"""So long workers have to hear whom to forget: they look every 0.02 s."""


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
    """Event logs of the service, and of sources."""

    def __init__(self, loaded: Loaded, user_id: str) -> None:
        self.user_id = user_id
        named = {loaded.settings.serving.events} | {
            one.path for one in loaded.settings.sources.values() if isinstance(one, EventLogSource)
        }
        self.paths = sorted(loaded.path(name) for name in named)
        self.name = "event log"

    def find(self) -> list[Found]:
        """Tell how many events of theirs there are."""
        rows = {path.name: len(found) for path, found in self._events().items()}
        return [Found(place=self.name, what=name, rows=n) for name, n in rows.items() if n]

    def erase(self) -> None:
        """Delete their events."""
        for path in self.paths:
            if path.exists():
                with closing(EventFile(path)) as file:
                    file.forget_user(self.user_id)
                    file.tidy()

    def known(self) -> Known:
        """Yield their events."""
        for path, events in self._events().items():
            yield from ((f"event_log/{path.name}", event._asdict()) for event in events)

    def sessions(self) -> set[str]:
        """Return the sessions of theirs that stand in the logs."""
        events = (event for found in self._events().values() for event in found)
        return {event.session_id for event in events if event.session_id}

    def _events(self) -> dict[Path, list[Any]]:
        found = {}
        for path in self.paths:
            if path.exists():
                with closing(EventFile(path)) as file:
                    found[path] = file.of_user(self.user_id)
        return found


class AnswersPlace:
    """The latest answers of the service, and what its workers have in memory of somebody."""

    def __init__(self, loaded: Loaded, user_id: str, sessions: set[str]) -> None:
        events = loaded.path(loaded.settings.serving.events)
        self.path = events.with_name(f"{events.stem}-workers.sqlite")
        self.most = loaded.settings.serving.kept_answers
        self.names = sorted({user_id, *sessions})
        self.name = "kept answers"

    def find(self) -> list[Found]:
        """Tell how many answers to them are kept."""
        n = sum(1 for _ in self.known())
        return [Found(place=self.name, what=self.path.name, rows=n)] if n else []

    def erase(self) -> None:
        """Delete the answers, and let workers forget; then take the names off that list, too."""
        if not self.path.exists():
            return
        with closing(SharedFile(self.path, self.most)) as file:
            file.forget(self.names, time.time_ns() // 1_000)
            time.sleep(TELL_S)
            file.tell_no_more(self.names)

    def known(self) -> Known:
        """Yield the answers."""
        from pydantic_core import from_json

        if self.path.exists():
            with closing(SharedFile(self.path, self.most)) as file:
                for who in self.names:
                    yield from (("answers", from_json(body)) for body in file.of(who))
