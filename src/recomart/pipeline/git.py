"""Git, as far as runs and snapshots need it: where a folder stands, commits of our own files."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recomart.errors import MissingToolError, VersioningError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

PATIENCE_S, PATIENCE_TO_ASK_S = 120, 10
NOBODY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "RecoMart"), ("EMAIL", "recomart@localhost"))
}
"""Who commits where git does not know the user."""
ELSEWHERE = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
"""What a hook hands on; it would lead to another repository or index."""


def git(folder: Path, *words: str) -> str:
    """Ask git about a folder; empty where it has no answer, or is not there."""
    try:
        return Git(folder, PATIENCE_TO_ASK_S).says(*words)
    except (MissingToolError, VersioningError):
        return ""


@dataclass(frozen=True)
class Commit:
    """A commit that touched something asked for."""

    revision: str
    at: str
    message: str


class Git:
    """The repository that a folder lies in. Raises MissingToolError where there is no git."""

    def __init__(self, folder: Path, patience_s: float = PATIENCE_S) -> None:
        if shutil.which("git") is None:
            raise MissingToolError("git", "Versioning of data")
        self.folder = folder
        self.patience_s = patience_s

    def run(self, *words: str, given: str = "") -> str:
        """Return what a git command says. Raises VersioningError with its own words."""
        done = self._call(words, given)
        if done.returncode:
            told = done.stderr.decode(errors="replace").strip().splitlines() or ["no word"]
            cause = next((line for line in told if line.startswith(("fatal", "error"))), told[0])
            raise VersioningError(
                f"git {words[0]} in {self.folder} failed: {cause.rstrip('.')}.",
                remedy="Mend what git complains of, then do the same again; nothing is lost.",
            )
        return done.stdout.decode(errors="replace")

    def says(self, *words: str) -> str:
        """Return the first line that a git command says; empty where it fails."""
        done = self._call(words)
        return "" if done.returncode else done.stdout.decode(errors="replace").strip()

    def _call(self, words: Sequence[str], given: str = "") -> subprocess.CompletedProcess[bytes]:
        kept = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
        known = self.is_known if words[0] == "commit" else True
        try:
            return subprocess.run(  # noqa: S603 -- our own words
                ["git", "-C", str(self.folder), *words],  # noqa: S607 -- the git that the user has
                capture_output=True,
                check=False,
                input=given.encode(),
                timeout=self.patience_s,
                env={**kept, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"} | ({} if known else NOBODY),
            )
        except subprocess.TimeoutExpired:
            raise VersioningError(
                f"git {words[0]} in {self.folder} did not end within {self.patience_s:g} s.",
                remedy="Look at the repository's hooks, and at whether it asks for a passphrase.",
            ) from None

    @property
    def is_known(self) -> bool:
        """Tell whether git knows who commits."""
        return bool(
            self.says("var", "GIT_AUTHOR_IDENT") and self.says("var", "GIT_COMMITTER_IDENT")
        )

    @property
    def is_repository(self) -> bool:
        """Tell whether the folder lies in a repository with a work tree."""
        return self.says("rev-parse", "--is-inside-work-tree") == "true"

    def commit(self, paths: Sequence[str], message: str) -> str | None:
        """Commit what changed of these paths and nothing else; None where nothing did.

        What else is staged stays staged, what else is changed stays changed. Raises
        VersioningError where HEAD is on no branch, or git refuses.
        """
        told = self.run("status", "--porcelain", "-z", "--no-renames", "-uall", "--", *paths)
        changed = [f":(top,literal){entry[3:]}" for entry in told.split("\0") if entry]
        if not changed:
            return None
        if not self.says("symbolic-ref", "--quiet", "HEAD"):
            raise VersioningError(
                f"HEAD in {self.folder} is on no branch; a snapshot would soon be forgotten.",
                remedy="Name a branch with `git switch -c NAME`, or go to one.",
            )
        self.run("add", "--all", "--", *changed)
        try:
            self.run("commit", "--quiet", "--only", "--message", message, "--", *changed)
        except VersioningError:
            self.says("reset", "--quiet", "--", *changed)
            raise
        return self.run("rev-parse", "HEAD").strip()

    def find(self, revision: str) -> Commit | None:
        """Return a commit by any name that git understands, None where there is none."""
        told = self.says(
            "log",
            "-1",
            "--format=%H%x00%cI%x00%s",
            "--end-of-options",
            f"{revision}^{{commit}}",
            "--",
        )
        return Commit(*told.split("\0", 2)) if told else None

    def log(self, paths: Sequence[str], *, everywhere: bool = False) -> list[Commit]:
        """Return the commits that touched the paths, newest first: of HEAD, or of every branch."""
        where = ["--all", "--full-history"] if everywhere else []
        told = self.says("log", *where, "--format=%H%x00%cI%x00%s", "--", *paths)
        return [Commit(*line.split("\0", 2)) for line in told.splitlines()]

    def read(self, wanted: Sequence[tuple[str, str]]) -> Iterator[str | None]:
        """Yield the text of each (revision, path below the folder); None where it is not there."""
        above = self.says("rev-parse", "--show-prefix")
        names = "".join(f"{revision}:{above}{path}\n" for revision, path in wanted)
        told = self._call(("cat-file", "--batch"), names).stdout
        for _ in wanted:
            head, _, told = told.partition(b"\n")
            if head.endswith(b" missing"):
                yield None
                continue
            size = int(head.rpartition(b" ")[2])
            yield told[:size].decode(errors="replace")
            told = told[size + 1 :]
