"""A shop as its artefacts tell of it: data sets with manifests, files in them, run records."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from recomart.dashboard.records import Evaluation, Hold, Run
from recomart.errors import ArtefactError, IntegrityError
from recomart.lake import open_lake

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    import pyarrow as pa

    from recomart.lake import FileEntry, Lake, Manifest
    from recomart.settings import Loaded

Model = TypeVar("Model", bound=BaseModel)
KEPT = 128
"""What was read last and does not change: as many things."""
MOST_RUNS = 50
RUNS = "runs"


class Shop:
    """Reads what was published. What has a version is read once; what is newest is looked up.

    loaded  the settings
    before  options of our command line that lead to the same settings
    """

    def __init__(self, loaded: Loaded, before: Sequence[str] = ()) -> None:
        self.loaded = loaded
        self.before = tuple(before)
        self.project = loaded.settings.project
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = Lock()

    @property
    def lake(self) -> Lake:
        """The lake of the settings. Raises RecomartError where it cannot be opened."""
        lake: Lake = self.once("lake", lambda: open_lake(self.loaded))
        return lake

    def once(self, key: Hashable, make: Callable[[], Any]) -> Any:  # noqa: ANN401 - as made
        """Return what `make` made for this key before, or make it."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = make()
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return made

    def find(self, dataset: str) -> Manifest | None:
        """Return the current version of a data set, None before the first. Raises IntegrityError.

        A shop without a folder yet has no data sets.
        """
        return self.lake.find(dataset)

    def history(self, dataset: str) -> list[Manifest]:
        """Return all versions of a data set, oldest first."""
        return self.lake.history(dataset)

    def body(self, manifest: Manifest, partition: str) -> bytes:
        """Return the checked bytes of a file of a version."""
        key = (manifest.name, manifest.number, partition)
        found: bytes = self.once(key, lambda: self.lake.read_file(manifest, partition))
        return found

    def record(self, kind: type[Model], dataset: str, file: str) -> Model | None:
        """Read a JSON file of a current version; None before the first. Raises ArtefactError."""
        manifest = self.find(dataset)
        return self.record_of(kind, manifest, file) if manifest else None

    def record_of(self, kind: type[Model], manifest: Manifest, file: str) -> Model:
        """Read a JSON file of a version. Raises ArtefactError, IntegrityError."""
        key = (kind, manifest.name, manifest.number, file)
        found: Model = self.once(
            key, lambda: parsed(kind, self.body(manifest, file), f"{manifest.name} / {file}")
        )
        return found

    def table(self, manifest: Manifest, columns: Iterable[str] | None = None) -> pa.Table:
        """Read columns of all files of a version, or all columns; each file is checked."""
        wanted = None if columns is None else tuple(columns)
        key = (manifest.name, manifest.number, wanted)
        found: pa.Table = self.once(key, lambda: self.rows_of(manifest.files, wanted))
        return found

    def rows_of(self, files: Iterable[FileEntry], columns: Sequence[str] | None = None) -> pa.Table:
        """Read columns of files; each is checked. Raises IntegrityError."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        wanted = None if columns is None else list(columns)
        try:
            parts = [pq.read_table(path, columns=wanted) for path in self.lake.paths(files)]
        except (pa.ArrowException, OSError) as error:
            raise IntegrityError(
                f"A table cannot be read: {str(error).splitlines()[0][:200]}.",
                remedy="Run `recomart doctor --verify`; it names what to restore.",
            ) from error
        return pa.concat_tables(parts, promote_options="default") if parts else pa.table({})

    def champion(self) -> tuple[Manifest, Hold] | None:
        """Return the published model that serves, and the word that holds it, if one does."""
        newest = self.find("published_model")
        if newest is None:
            return None
        hold = self.record(Hold, "hold", "hold.json") or Hold(number=None)
        if hold.number is None:
            return newest, hold
        held = [one for one in self.history("published_model") if one.number == hold.number]
        return (held[0] if held else newest), hold

    def evaluation(self) -> Evaluation | None:
        """Return the newest comparison of models."""
        return self.record(Evaluation, "evaluation", "evaluation.json")

    def runs(self) -> list[Run]:
        """Return the newest runs, newest first; one that goes on is told by its own machine."""
        keys = sorted(self.lake.objects.keys(RUNS), reverse=True)[:MOST_RUNS]
        ended = {key.rpartition("/")[2].removesuffix(".json"): self._ended(key) for key in keys}
        folder = self.loaded.path(self.loaded.settings.paths.logs) / RUNS
        for path in sorted(folder.glob("*.json"))[-MOST_RUNS:]:
            if path.stem not in ended:
                ended[path.stem] = parsed(Run, path.read_bytes(), f"run {path.stem}")
        return [ended[name] for name in sorted(ended, reverse=True)]

    def _ended(self, key: str) -> Run:
        found: Run = self.once(key, lambda: parsed(Run, self.lake.objects.get(key), key))
        return found


def parsed(kind: type[Model], body: bytes, name: str) -> Model:
    """Read JSON as what it should be. Raises ArtefactError, which names the first fault."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ArtefactError(
            f"{name} is not what it should be: {where or 'the file'}: {first['msg']}.",
            remedy="It is of another release, or was changed: run its stage again, with --force.",
        ) from None
