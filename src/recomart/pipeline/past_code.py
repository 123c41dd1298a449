"""RecoMart as it was at a past run, taken from git, to do that run again."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from recomart.errors import VersioningError
from recomart.pipeline.git import git
from recomart.pipeline.record import CODE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recomart.pipeline.record import RunRecord

CALL = "from recomart.cli import main; main()"


def reproduce_with(record: RunRecord, folder: Path, *, as_json: bool) -> int:
    """Let the code of a run do it again, in a process of its own; return its exit status.

    Raises VersioningError where git cannot give that code back.
    """
    with _checked_out(_commit(record)) as source:
        words = ["-s", str(folder), *(["--json"] if as_json else []), "reproduce", record.run_id]
        done = subprocess.run(  # noqa: S603 -- our own words
            [sys.executable, "-c", CALL, *words],
            env={**os.environ, "PYTHONPATH": str(source)},
            check=False,
        )
    return done.returncode


def _commit(record: RunRecord) -> str:
    then = record.git.get("code")
    if then is None:
        raise VersioningError(
            f"The run {record.run_id} was not made from a git checkout of RecoMart.",
            remedy=f"Reproduce with an installed recomart=={record.code.get('recomart')}.",
        )
    if then.is_dirty:
        raise VersioningError(
            f"The code of run {record.run_id} had changes that commit {then.commit[:12]} lacks.",
            remedy="Reproduce without --checkout, and see which data sets differ.",
        )
    return then.commit


@contextmanager
def _checked_out(commit: str) -> Iterator[Path]:
    """Give the folder that holds the package as of a commit; it goes at the end."""
    top = git(CODE, "rev-parse", "--show-toplevel")
    if not top or not git(CODE, "cat-file", "-t", commit):
        raise VersioningError(
            f"The commit {commit[:12]} is not in the git that RecoMart runs from.",
            remedy="Fetch it, or run this command from a clone that has it.",
        )
    with tempfile.TemporaryDirectory(prefix="recomart-") as place:
        tree = Path(place) / "code"
        git(CODE, "worktree", "add", "--detach", str(tree), commit)
        try:
            yield tree / CODE.parent.relative_to(Path(top).resolve())
        finally:
            git(CODE, "worktree", "remove", "--force", str(tree))
