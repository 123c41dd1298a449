"""The training loop: Adam, early stopping, checkpoints from which a killed fit goes on.

Every epoch draws from a generator that is seeded by the seed and the number of the epoch, so a fit
that goes on from a checkpoint ends with the same bytes as one that was never interrupted.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from recomart.errors import ArtefactError, MissingExtraError
from recomart.models.npz import pack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from recomart.models.deep.configs import DeepConfig

CHECKPOINT = "checkpoint.npz"


@dataclass
class Progress:
    """Where a fit stands.

    epoch   epochs done
    best    the best hold-out figure so far; higher is better
    stale   epochs since then
    """

    epoch: int = 0
    best: float = -np.inf
    stale: int = 0
    history: list[float] = field(default_factory=list)


def torch_or_error() -> Any:  # noqa: ANN401 -- a module
    """Return torch. Raises MissingExtraError."""
    try:
        import torch
    except ImportError:
        raise MissingExtraError("torch", "deep") from None
    return torch


def device() -> str:
    """Return the place to compute on: a GPU where there is one."""
    return "cuda" if torch_or_error().cuda.is_available() else "cpu"


@dataclass
class Trainer:
    """Fits a module.

    losses    epoch → losses to be minimised one after the other; a generator
    judge     → the hold-out figure of the module as it is
    meaning   what the fit is of; a checkpoint of another is not gone on from
    """

    module: Any
    config: DeepConfig
    losses: Callable[[int], Iterable[Any]]
    judge: Callable[[], float]
    meaning: str
    folder: Path | None = None

    def run(self) -> Progress:
        """Fit until the hold-out gets no better; leave the module with its best weights."""
        torch = torch_or_error()
        optimiser = torch.optim.AdamW(
            self.module.parameters(),
            lr=self.config.learning_rate,
            weight_decay=self.config.regularisation,
        )
        progress, best = self._resumed(optimiser)
        while progress.epoch < self.config.epochs and progress.stale < self.config.patience:
            self._epoch(optimiser, progress.epoch)
            progress.epoch += 1
            figure = self.judge()
            progress.history.append(figure)
            progress.stale += 1
            if figure > progress.best:
                progress.best, progress.stale, best = figure, 0, self._weights()
            self._keep(progress, best, optimiser)
        self._load(best)
        return progress

    def _epoch(self, optimiser: Any, epoch: int) -> None:  # noqa: ANN401 -- torch's
        torch_or_error().manual_seed(self.config.seed * 1_000_003 + epoch)
        for group in optimiser.param_groups:  # falls along a cosine; known from the epoch alone
            share = 0.5 * (1 + np.cos(np.pi * epoch / self.config.epochs))
            group["lr"] = self.config.learning_rate * share
        self.module.train()
        for loss in self.losses(epoch):
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
        self.module.eval()

    def _weights(self) -> dict[str, NDArray[Any]]:
        state = self.module.state_dict()
        return {name: value.detach().cpu().numpy().copy() for name, value in state.items()}

    def _load(self, weights: dict[str, NDArray[Any]]) -> None:
        torch = torch_or_error()
        self.module.load_state_dict({n: torch.from_numpy(v.copy()) for n, v in weights.items()})
        self.module.eval()

    def _keep(self, progress: Progress, best: dict[str, NDArray[Any]], optimiser: Any) -> None:  # noqa: ANN401
        """Write a checkpoint aside and move it into place."""
        if self.folder is None:
            return
        moments = {
            f"moment.{place}.{name}": np.asarray(value.cpu().numpy())
            for place, kept in optimiser.state_dict()["state"].items()
            for name, value in kept.items()
        }
        arrays = {
            **{f"weight.{name}": value for name, value in self._weights().items()},
            **{f"best.{name}": value for name, value in best.items()},
            **moments,
            "about": np.frombuffer(self._about(progress).encode(), dtype=np.uint8),
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        aside = self.folder / f"{CHECKPOINT}.partial"
        aside.write_bytes(pack(arrays))
        aside.replace(self.folder / CHECKPOINT)

    def _about(self, progress: Progress) -> str:
        return json.dumps({"meaning": self.meaning, **vars(progress)})

    def _resumed(self, optimiser: Any) -> tuple[Progress, dict[str, NDArray[Any]]]:  # noqa: ANN401
        """Go on from a checkpoint of the same fit, if there is one."""
        path = self.folder / CHECKPOINT if self.folder else None
        if path is None or not path.exists():
            return Progress(), self._weights()
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as found:
            arrays = dict(found)
        about = json.loads(bytes(arrays.pop("about", np.zeros(0, np.uint8))) or b"{}")
        if about.pop("meaning", None) != self.meaning:
            raise ArtefactError(
                f"The checkpoint {path.name} is of another fit.",
                remedy="Remove it, or name another folder.",
            )
        parts: dict[str, dict[str, NDArray[Any]]] = {"weight": {}, "best": {}, "moment": {}}
        for name, value in arrays.items():
            kind, _, rest = name.partition(".")
            parts[kind][rest] = value
        self._load(parts["weight"])
        _restore(optimiser, parts["moment"])
        return Progress(**about), parts["best"]


def _restore(optimiser: Any, moments: dict[str, NDArray[Any]]) -> None:  # noqa: ANN401 -- torch's
    """Give Adam its running means again."""
    torch = torch_or_error()
    state: dict[int, dict[str, Any]] = {}
    for name, value in moments.items():
        place, _, what = name.partition(".")
        state.setdefault(int(place), {})[what] = torch.from_numpy(np.array(value))
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
