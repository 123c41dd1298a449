"""The record of a run: what was asked for, under which circumstances, and what came of it."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, Field

import recomart
from recomart.pipeline.git import git
from recomart.pipeline.stages import version_of
from recomart.settings.places import without_secrets

if TYPE_CHECKING:
    from recomart.settings import Loaded

Outcome = Literal["running", "done", "skipped", "failed", "killed"]
LIBRARIES = ("numpy", "scipy", "duckdb", "pyarrow", "ibis-framework", "catboost", "torch")
"""Those whose version may move a figure."""
CODE = Path(recomart.__file__).parent


class _Part(BaseModel, extra="ignore"):  # a record of another release may say more
    """A part of the record; filled in as the run goes on."""


class StageRecord(_Part):
    """What became of one stage in one run.

    inputs, outputs  data set → version; a skipped stage has them, too
    made             the outputs that this run committed
    """

    stage: str
    outcome: Outcome = "running"
    started_at: str = ""
    seconds: float = 0.0
    key: str = ""
    code_version: str = ""
    inputs: dict[str, str] = Field(default={})
    outputs: dict[str, str] = Field(default={})
    made: list[str] = Field(default=[])
    rows: dict[str, int] = Field(default={})
    error: str | None = None


class Commit(_Part):
    """Where a folder stood in git."""

    commit: str
    is_dirty: bool = Field(description="files that git knows differ from the commit")


class RunRecord(_Part):
    """What became of one run.

    why       who or what asked for it
    settings  the whole tree, without its secrets
    code      RecoMart's version, the Python, the platform, the libraries that move figures
    git       `shop`: the folder of recomart.yaml; `code`: RecoMart's own; where they are in git
    """

    run_id: str
    started_at: str
    ended_at: str = ""
    seconds: float = 0.0
    outcome: Outcome = "running"
    why: str = ""
    now_us: int = 0
    dates: list[str | None] = Field(default=[None, None])
    force: bool = False
    code: dict[str, str] = Field(default={})
    git: dict[str, Commit | None] = Field(default={})
    settings: dict[str, Any] = Field(default={})
    stages: list[StageRecord] = Field(default=[])

    @property
    def has_ended(self) -> bool:
        """Tell whether it goes on no more; a run that was killed has no moment of its end."""
        return self.outcome != "running"

    @property
    def is_news(self) -> bool:
        """Tell whether anything came of it that was not there before."""
        return self.outcome != "done" or any(stage.made for stage in self.stages)

    @property
    def outputs(self) -> dict[str, str]:
        """The versions that it left, by data set."""
        return {name: at for stage in self.stages for name, at in stage.outputs.items()}


def note_circumstances(record: RunRecord, loaded: Loaded) -> None:
    """Write down what a result depends on, beside the data."""
    tree = without_secrets(loaded.settings.model_dump(mode="json", by_alias=True))
    record.settings = tree if isinstance(tree, dict) else {}
    record.code = {
        "recomart": recomart.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        **{name: found for name in LIBRARIES if (found := version_of(name))},
    }
    record.git = {
        "shop": commit_of(loaded.folder),
        "code": commit_of(CODE),
    }


def commit_of(folder: Path) -> Commit | None:
    """Return where a folder stands in git; None where there is no git, or no commit yet."""
    head = git(folder, "rev-parse", "HEAD")
    if not head:
        return None
    changed = git(folder, "status", "--porcelain", "--untracked-files=no", "--", ".")
    return Commit(commit=head, is_dirty=bool(changed))
