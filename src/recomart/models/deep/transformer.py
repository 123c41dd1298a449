"""How SASRec is fitted: the transformer, its batches, its loss. Imports PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn.functional import dropout, layer_norm, linear, scaled_dot_product_attention

from recomart.models.deep.configs import EPSILON, ROWS_AT_ONCE, shapes
from recomart.models.deep.hold_out import HoldOut, ndcg_of_one
from recomart.models.deep.training import Trainer, device
from recomart.models.sequences import Sequences

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from recomart.models.deep.configs import SASRecConfig
    from recomart.models.interactions import Interactions

START = 0.02
"""Deviation of the first weights."""


class Transformer(nn.Module):
    """The weights of `SASRec` by the same names, and the same formula, with dropout."""

    def __init__(self, n_items: int, config: SASRecConfig) -> None:
        super().__init__()
        self.config = config
        self.items = nn.Parameter(torch.randn(n_items, config.embedding_size) * START)
        first = {name: _first(name, shape) for name, shape in shapes(config).items()}
        self.parts = nn.ParameterDict({_inner(name): value for name, value in first.items()})

    def forward(self, padded: torch.Tensor) -> torch.Tensor:
        """Return the state after each event, shape (n_rows, length, embedding_size)."""
        length = padded.shape[1]
        state = self.items[padded] * self.config.embedding_size**0.5
        state = self._drop(state + self._of("positions")[:length])
        for block in range(self.config.blocks):
            at = f"block{block}."
            state = state + self._drop(self._attention(state, at))
            inner = self._linear(self._norm(state, f"{at}norm2."), f"{at}inner").relu()
            outer = self._linear(inner, f"{at}outer")
            state = state + self._drop(outer)
        return self._norm(state, "norm.")

    def _attention(self, state: torch.Tensor, at: str) -> torch.Tensor:
        n_rows, length, size = state.shape
        mixed = self._linear(self._norm(state, f"{at}norm1."), f"{at}mix")
        query, key, value = (
            part.view(n_rows, length, self.config.heads, -1).transpose(1, 2)
            for part in mixed.chunk(3, dim=2)
        )
        found = scaled_dot_product_attention(query, key, value, is_causal=True)
        joined = found.transpose(1, 2).reshape(n_rows, length, size)
        return self._linear(joined, f"{at}join")

    def _linear(self, state: torch.Tensor, name: str) -> torch.Tensor:
        return linear(state, self._of(name), self._of(f"{name}_bias"))

    def _norm(self, state: torch.Tensor, at: str) -> torch.Tensor:
        scale, shift = self._of(f"{at}scale"), self._of(f"{at}shift")
        return layer_norm(state, scale.shape, scale, shift, EPSILON)

    def _drop(self, state: torch.Tensor) -> torch.Tensor:
        return dropout(state, self.config.dropout, self.training)

    def _of(self, name: str) -> torch.Tensor:
        weight: torch.Tensor = self.parts[_inner(name)]
        return weight


class TransformerFit:
    """Fits a transformer to what users did in order."""

    def __init__(self, interactions: Interactions, config: SASRecConfig) -> None:
        self.config = config
        torch.manual_seed(config.seed)
        whole = Sequences.of_users(interactions)
        self.n_items = whole.n_items
        self.heard = np.bincount(whole.items, minlength=self.n_items) > 0
        self.hold_out = HoldOut.of(whole, config.seed)
        known = whole.kept(self.hold_out.kept(whole))
        self.learned = known.last(config.last_events + 1)  # the first of them is no target
        self.judged = known.last(config.last_events)
        self.module = Transformer(self.n_items, config).to(device())

    def run(self, folder: Path | None) -> None:
        """Train; nothing to learn from leaves the first weights."""
        if (self.learned.lengths > 1).any():
            meaning = f"sasrec {self.config.model_dump_json()} {len(self.learned.items)}"
            Trainer(self.module, self.config, self.losses, self.judge, meaning, folder).run()

    def losses(self, epoch: int) -> Iterator[torch.Tensor]:
        """Yield the loss of one batch of sequences after the other."""
        rng = np.random.default_rng([self.config.seed, epoch])
        able = rng.permutation(np.flatnonzero(self.learned.lengths > 1))
        for start in range(0, len(able), self.config.batch_size):
            yield self._loss(able[start : start + self.config.batch_size], rng)

    @torch.no_grad()
    def judge(self) -> float:
        """Return NDCG@20 of the hold-out, after what the same users did before."""
        users, found = self.hold_out.users, []
        for start in range(0, len(users), ROWS_AT_ONCE):
            padded, lengths = padded_rows(self.judged, users[start : start + ROWS_AT_ONCE])
            states = self.module(padded)[torch.arange(len(padded)), torch.from_numpy(lengths - 1)]
            scores = (states @ self.module.items.T).cpu().numpy()
            found.append(ndcg_of_one(scores, self.hold_out.targets[start : start + ROWS_AT_ONCE]))
        return float(np.mean(found)) if found else 0.0

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Return all weights by name; items that nobody took are 0."""
        found = {
            name: self.module.parts[_inner(name)].detach().cpu().numpy().copy()
            for name in shapes(self.config)
        }
        items = self.module.items.detach().cpu().numpy().copy()
        items[~self.heard] = 0
        return {"items": items, **found}

    def _loss(self, users: NDArray[np.int64], rng: np.random.Generator) -> torch.Tensor:
        """Return the softmax loss of every next item, held to items drawn evenly."""
        padded, lengths = padded_rows(self.learned, users)
        states = self.module(padded[:, :-1])
        is_real = torch.arange(padded.shape[1] - 1) < torch.from_numpy(lengths - 1)[:, None]
        states, targets = states[is_real.to(states.device)], padded[:, 1:][is_real]
        drawn = torch.from_numpy(rng.integers(0, self.n_items, self.config.negatives))
        drawn = drawn.to(states.device)
        positive = (states * self.module.items[targets]).sum(dim=1)
        negative = states @ self.module.items[drawn].T
        negative = negative.masked_fill(targets[:, None] == drawn[None, :], -torch.inf)
        # so many were drawn in place of all items
        negative = negative + float(np.log(max(self.n_items, 1) / self.config.negatives))
        logits = torch.cat([positive[:, None], negative], dim=1)
        loss: torch.Tensor = (torch.logsumexp(logits, dim=1) - positive).mean()
        return loss


def padded_rows(
    sequences: Sequences, rows: NDArray[np.int64]
) -> tuple[torch.Tensor, NDArray[np.int64]]:
    """Return some sequences as one array, padded behind with item 0, and their lengths."""
    lengths = sequences.lengths[rows]
    places = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    chosen = places + np.repeat(sequences.starts[rows], lengths)
    padded = np.zeros((len(rows), max(int(lengths.max(initial=1)), 1)), dtype=np.int64)
    padded[np.repeat(np.arange(len(rows)), lengths), places] = sequences.items[chosen]
    return torch.from_numpy(padded).to(device()), lengths


def _first(name: str, shape: tuple[int, ...]) -> nn.Parameter:
    """Return first values: norms do nothing, biases are 0, all else is small."""
    if name.endswith("scale"):
        return nn.Parameter(torch.ones(shape))
    if name.endswith(("shift", "_bias")):
        return nn.Parameter(torch.zeros(shape))
    return nn.Parameter(torch.randn(shape) * START)


def _inner(name: str) -> str:
    """Return the name of a weight inside the module, where dots are not allowed."""
    return name.replace(".", "_")
