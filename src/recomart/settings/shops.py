"""Several shops below one root: each whole in a folder of its own, no two in the same place."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations, product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recomart.errors import NotFoundError, SettingsError
from recomart.settings.load import load_settings
from recomart.settings.places import addresses, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from recomart.settings.load import Key, Loaded

    Place = tuple[str, str, tuple[str, ...]]
    """A setting, what it says, and where that is: see `addresses`."""

OF_THE_PROCESS = ("host", "port", "workers", "max_connections", "header_timeout_s")
"""Of `serving`, what a process has once, so that the root's holds for all its shops."""
PATHS = ("lake", "cache", "warehouse", "online", "reports", "logs", "erasures")


def shop_folder(root: Loaded, name: str) -> Path:
    """Return the folder of one shop of a root. Raises NotFoundError."""
    known = root.settings.shops
    if name not in known:
        raise NotFoundError.of("shop", name, list(known))
    return root.path(known[name])


def load_shop(
    root: Loaded,
    name: str,
    *,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[Key, Any] | None = None,
) -> Loaded:
    """Read the settings of one shop of a root. Raises NotFoundError, SettingsError."""
    folder = shop_folder(root, name)
    try:
        loaded = load_settings(folder, environment=environment, flags=flags)
    except SettingsError as error:
        raise SettingsError(f"Shop {name!r}: {error.cause}", remedy=error.remedy) from None
    return replace(loaded, shop=name)


def load_shops(
    root: Loaded,
    *,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[Key, Any] | None = None,
) -> dict[str, Loaded]:
    """Read the settings of all shops of a root, by name, and hold them apart.

    Raises SettingsError.
    """
    shops = {
        name: load_shop(root, name, environment=environment, flags=flags)
        for name in root.settings.shops
    }
    hold_apart(root, shops.values())
    return shops


def hold_apart(root: Loaded, shops: Iterable[Loaded]) -> None:
    """Raise SettingsError where two shops, or the root and a shop, have a place in common."""
    places = {f"shop {one.shop!r}": list(_places(one)) for one in shops}
    keys = root.settings.serving.keys
    places["the root"] = list(_located("serving.keys", keys, root.folder))
    for (one, mine), (other, theirs) in combinations(places.items(), 2):
        for (key, place, words), (their_key, _, their_words) in product(mine, theirs):
            n = min(len(words), len(their_words))
            if words[:n] == their_words[:n]:
                raise SettingsError(
                    f"{key} of {one} and {their_key} of {other} are the same place, or one "
                    f"lies within the other: {shown(place)}.",
                    remedy="Give each shop its own; shops in one Redis differ by their "
                    "?prefix=, shops in one PostgreSQL by their database.",
                )


def below(root: Loaded, shop: Loaded) -> Loaded:
    """Return a shop's settings with those of the process, which are the root's."""
    ours = {name: getattr(root.settings.serving, name) for name in OF_THE_PROCESS}
    serving = shop.settings.serving.model_copy(update=ours)
    return replace(shop, settings=shop.settings.model_copy(update={"serving": serving}))


def _places(loaded: Loaded) -> Iterator[Place]:
    """Yield whatever a shop writes to, or takes its events from."""
    settings, folder = loaded.settings, loaded.folder
    for name in PATHS:
        yield from _located(f"paths.{name}", getattr(settings.paths, name), folder)
    yield from _located("serving.keys", settings.serving.keys, folder)
    # the file that workers share lies beside it, and is named by its stem alone
    yield from _located("serving.events", _stem(settings.serving.events), folder)
    for name, source in settings.sources.items():
        if source.kind == "event_log":
            yield from _located(f"sources.{name}.path", _stem(source.path), folder)
    yield from _located("versioning.remote", settings.versioning.remote, folder)
    if settings.engine.kind == "postgres":
        yield from _located("engine.postgres", settings.engine.postgres, folder)
    yield from _of_streams(loaded)
    yield from _of_followers(loaded)


def _of_streams(loaded: Loaded) -> Iterator[Place]:
    stream = loaded.settings.stream
    topic = re.split("[:.]", stream.topic)
    for key, place, words in _located("stream.url", stream.url, loaded.folder):
        # a stream in Redis has no prefix: its key is the topic
        yield key, place, (*(words[:3] if words[0] == "redis" else words), *topic)


def _of_followers(loaded: Loaded) -> Iterator[Place]:
    """Yield where others are told of runs: they may be asked for all shops, under other names."""
    settings, folder = loaded.settings, loaded.folder
    tracking, lineage = settings.tracking, settings.lineage
    if tracking.is_on:
        name = tracking.experiment or settings.project
        yield from _located("tracking.uri", tracking.uri, folder, "experiment", name)
        model = re.sub(r"\W+", "-", settings.project)  # nearly as MLflow has it
        yield from _located("tracking.uri", tracking.uri, folder, "model", model)
    yield from _located("lineage.file", lineage.file, folder)
    yield from _located("lineage.url", lineage.url, folder, lineage.namespace or settings.project)


def _located(key: str, place: str, folder: Path, *within: str) -> Iterator[Place]:
    """Yield a place, once for each of its hosts; nothing where none is named."""
    if not place:
        return
    try:
        found = addresses(place, folder)
    except ValueError:  # no URL: whoever opens it says so
        found = [(place,)]
    for words in found:
        yield key, place, (*words, *within)


def _stem(file: str) -> str:
    return str(Path(file).with_suffix(""))
