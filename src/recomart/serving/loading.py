"""Which model serves: found, verified, warmed up, put in place; a bad one is left where it is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

from recomart.errors import RecomartError
from recomart.features.online import OnlineFeatures, open_online
from recomart.lake import open_lake
from recomart.log import StageLog
from recomart.ranking.aliases import PUBLISHED, champion_of, find_champion
from recomart.serving.engine import Engine
from recomart.serving.late_store import LateStore
from recomart.serving.served import Served
from recomart.serving.sessions import Sessions
from recomart.serving.words import Asked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recomart.features.online import OnlineStore
    from recomart.lake import Lake, Manifest
    from recomart.settings import Loaded, ServingSettings

FEATURES_S = 0.25
"""How long a list waits for a look-up of features before it goes without them."""
AGAIN_S = 60.0
"""A model that was refused may have been mended: so long after, it is tried again."""
log = StageLog("serving")


class Loader:
    """Loads published models. What it refuses it remembers, so that `/health` can tell."""

    def __init__(self, lake: Lake, online: OnlineFeatures, settings: ServingSettings) -> None:
        self.lake = lake
        self.online = online
        self.settings = settings
        self.refused: dict[str, tuple[float, str]] = {}
        """Version → when, and why."""
        self.trouble: str | None = None
        """Why the lake could not be asked, if it could not."""

    def first(self, shared: Served | None = None) -> Served:
        """Load the champion; if it is bad, the newest before it that is not.

        shared  what another process loaded: taken if it is that model, or the lake cannot be asked

        Raises DataSetNotFoundError before the first, else what is wrong with the champion.
        """
        try:
            champion = champion_of(self.lake)
        except Exception:
            if shared is None:
                raise
            return shared
        wrong: Exception | None = None
        for manifest in _from(self.lake, champion):
            if shared and manifest.version == shared.state.version:
                return shared
            try:
                return self.load(manifest)
            except Exception as error:  # noqa: BLE001 - an older one may serve
                wrong = wrong or error
                self._refuse(manifest, error)
        raise wrong or AssertionError("there is a champion")

    def next(self, current: str) -> Served | None:
        """Return the champion if it is another than the current version, and can serve."""
        try:
            manifest = find_champion(self.lake)
        except Exception as error:  # noqa: BLE001 - the one that serves goes on
            self._say_trouble(str(error))
            return None
        if manifest is None:
            self._say_trouble("The lake has no published model any more.")
            return None
        self.trouble = None
        if manifest.version == current:
            return None
        return self.try_to_load(manifest)

    def try_to_load(self, manifest: Manifest) -> Served | None:
        """Load a model; None where it is refused, now or of late."""
        if self._is_refused(manifest):
            return None
        try:
            return self.load(manifest)
        except Exception as error:  # noqa: BLE001 - as in `first`
            self._refuse(manifest, error)
            return None

    def load(self, manifest: Manifest) -> Served:
        """Load a model, every byte checked, and let it answer once before anybody asks."""
        began = time.perf_counter()
        served = Served.load(self.lake, self.online, manifest, self.settings)
        rows = served.champion.shop.users
        known = rows[0].as_py() if len(rows) else ""
        tried = Engine(served, Sessions(), self.settings)
        for asked in (Asked(user_id=known), Asked()):
            tried.recommend(asked)
        for version in (manifest.version, *manifest.replaces):  # which went as it was loaded
            self.refused.pop(version, None)
        log.info(
            "model_loaded",
            model=served.state.model,
            number=served.state.number,
            version=manifest.version,
            seconds=round(time.perf_counter() - began, 3),
        )
        return served

    def why_refused(self) -> str | None:
        """Say which model was refused last, and why."""
        return next((why for _, why in reversed(self.refused.values())), None)

    def _is_refused(self, manifest: Manifest) -> bool:
        at, _ = self.refused.get(manifest.version, (-AGAIN_S, ""))
        return time.monotonic() - at < AGAIN_S

    def _refuse(self, manifest: Manifest, error: Exception) -> None:
        cause = error.cause if isinstance(error, RecomartError) else type(error).__name__
        why = f"published model {manifest.number}: {cause}"
        self.refused[manifest.version] = time.monotonic(), why
        log.error("model_refused", number=manifest.number, version=manifest.version, cause=cause)

    def _say_trouble(self, cause: str) -> None:
        if self.trouble != cause:
            log.warning("champion_not_found_out", cause=cause)
        self.trouble = cause


def open_loader(loaded: Loaded) -> Loader:
    """Make what loads the models of a shop; features are looked up as they are asked for."""
    place = loaded.settings.paths.online
    online = LateStore(lambda: open_online(place, loaded.folder, FEATURES_S))
    features = OnlineFeatures(cast("OnlineStore", online))
    return Loader(open_lake(loaded), features, loaded.settings.serving)


def load_to_share(loaded: Loaded) -> Served:
    """Load what serves, for processes that come of this one by fork; see `Loader.first`.

    They have it in common, as long as nobody writes there, and connections of their own.
    """
    loader = open_loader(loaded)
    served = loader.first()
    loader.online.close()
    return served


def _from(lake: Lake, champion: Manifest) -> Iterator[Manifest]:
    """Yield the champion, and then those before it, the newest first."""
    yield champion
    for manifest in lake.newest_first(PUBLISHED):
        if manifest.number < champion.number:
            yield manifest
