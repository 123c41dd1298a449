"""Files of a version that is not committed yet, remembered so that a killed run goes on from them.

A note beside the data set says of each finished file what its manifest will say. A note is no data
set: nobody reads it but whoever makes the same version again.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from recomart.errors import AccessDeniedError, IntegrityError
from recomart.lake.lake import folder_of
from recomart.lake.manifest import FileEntry

if TYPE_CHECKING:
    from recomart.lake.lake import Lake


class Unfinished:
    """The notes on one data set."""

    def __init__(self, lake: Lake, dataset: str) -> None:
        self.lake = lake
        self._folder = f"{folder_of(dataset)}/unfinished"

    def find(self, made_by: str) -> FileEntry | None:
        """Return the file that was made of just this, if it is there and sound."""
        try:
            found = FileEntry.model_validate_json(self.lake.objects.get(self._key(made_by)))
            self.lake.paths([found])
        except (KeyError, ValueError, IntegrityError):  # none, torn or damaged: it is made again
            return None
        return found if found.made_by == made_by else None

    def note(self, entry: FileEntry) -> None:
        """Remember a file that is finished and durable."""
        self.lake.objects.put_if_absent(self._key(entry.made_by), entry.model_dump_json().encode())

    def clear(self) -> None:
        """Forget all notes; the files stay."""
        with suppress(AccessDeniedError):  # a bucket need not let us delete
            for key in list(self.lake.objects.keys(self._folder)):
                self.lake.objects.delete(key)

    def _key(self, made_by: str) -> str:
        return f"{self._folder}/{made_by}.json"
