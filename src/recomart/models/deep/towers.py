"""How two towers are fitted: the module, its batches, its loss. Imports PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from recomart.models.deep.hold_out import HoldOut, ndcg_of_one
from recomart.models.deep.training import Trainer, device
from recomart.models.likeness import unit
from recomart.models.sequences import Sequences

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from recomart.models.deep.configs import TwoTowerConfig
    from recomart.models.interactions import Interactions

START = 0.1
"""Deviation of the first vectors."""


class Tower(nn.Module):
    """Vectors of items: of their id, plus of their content."""

    def __init__(self, n_items: int, size: int, content: csr_array | None) -> None:
        super().__init__()
        self.ids = nn.Embedding(n_items, size)
        nn.init.normal_(self.ids.weight, std=START)
        self.bias = nn.Parameter(torch.zeros(n_items))
        self.content = content
        if content is not None:
            self.features = nn.EmbeddingBag(content.shape[1], size, mode="sum")
            nn.init.normal_(self.features.weight, std=START)

    def forward(self, items: NDArray[np.int64]) -> torch.Tensor:
        """Return vectors, shape (n_items, size)."""
        place = self.ids.weight.device
        vectors: torch.Tensor = self.ids(torch.from_numpy(items).to(place))
        return vectors if self.content is None else vectors + self.of_content(items)

    def of_content(self, items: NDArray[np.int64]) -> torch.Tensor:
        """Return the part of the vectors that comes from content."""
        assert self.content is not None  # noqa: S101 -- asked by the callers
        held = self.content[items]
        place = self.ids.weight.device
        found: torch.Tensor = self.features(
            torch.from_numpy(held.indices.astype(np.int64)).to(place),
            torch.from_numpy(held.indptr[:-1].astype(np.int64)).to(place),
            per_sample_weights=torch.from_numpy(held.data.astype(np.float32)).to(place),
        )
        return found


class TowerFit:
    """Fits a tower to interactions; history and item share it."""

    def __init__(self, interactions: Interactions, config: TwoTowerConfig) -> None:
        self.config = config
        self.rng = np.random.default_rng(config.seed)
        torch.manual_seed(config.seed)
        sequences = _distinct(Sequences.of_users(interactions))
        self.n_items = sequences.n_items
        self.hold_out = HoldOut.of(sequences, config.seed)
        self.judged = _before(sequences, self.hold_out)
        kept = self.hold_out.kept(sequences)
        self.users, self.items = sequences.rows[kept], sequences.items[kept].astype(np.int64)
        self.starts = np.searchsorted(self.users, np.arange(len(sequences) + 1))
        self.taken = sequences.histories()
        self.heard = np.bincount(sequences.items, minlength=self.n_items)
        content = interactions.content
        self.content = content if content is not None and content.nnz else None
        size = config.embedding_size
        self.module = Tower(self.n_items, size, self.content).to(device())
        self.log_q = self._log_q()

    def run(self, folder: Path | None) -> None:
        """Train; nothing to learn from leaves the first vectors."""
        if len(self.items):
            Trainer(
                self.module, self.config, self.losses, self.judge, self._meaning(), folder
            ).run()

    def losses(self, epoch: int) -> Iterator[torch.Tensor]:
        """Yield the loss of one batch of users after the other."""
        rng = np.random.default_rng([self.config.seed, epoch])
        able = np.flatnonzero(
            np.diff(self.starts) > 1
        )  # one alone would predict itself from nothing
        for chosen in np.array_split(
            rng.permutation(able), max(1, len(able) // self.config.batch_size)
        ):
            if len(chosen):
                yield self._loss(chosen, rng)

    def judge(self) -> float:
        """Return NDCG@20 of the hold-out."""
        if not len(self.hold_out.users):
            return 0.0
        vectors, bias = self.vectors()
        scores = unit(self.judged.histories() @ vectors) @ unit(vectors).T + bias
        scores[self.judged.rows, self.judged.items] = -np.inf
        return ndcg_of_one(scores.astype(np.float32), self.hold_out.targets)

    @torch.no_grad()
    def vectors(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return p and b; an item that nobody took has the p of its content, or none."""
        vectors = self.module(np.arange(self.n_items)).cpu().numpy()
        unheard = np.flatnonzero(self.heard == 0)
        vectors[unheard] = 0
        if self.content is not None:
            vectors[unheard] = self.module.of_content(unheard).cpu().numpy()
        bias = self.module.bias.detach().cpu().numpy() * np.float32(self.config.temperature)
        bias[unheard] = bias[self.heard > 0].min(initial=0)  # as little known as can be
        return vectors, bias

    def _loss(self, users: NDArray[np.int64], rng: np.random.Generator) -> torch.Tensor:
        """Return the corrected softmax loss of the hidden items of some users, given the others.

        Every list of sampled items serves all hidden items of a user at once; what the user has
        is never held against any of them.
        """
        lengths = np.diff(self.starts)[users]
        rows = np.repeat(np.arange(len(users)), lengths)
        shift = self.starts[users] - (np.cumsum(lengths) - lengths)
        items = self.items[np.arange(lengths.sum()) + np.repeat(shift, lengths)]
        is_hidden = _hidden(rows, lengths, self.config.hidden_share, rng)
        queries = self._queries(rows[~is_hidden], items[~is_hidden], len(users))
        drawn = self._draw(items, rng)
        ways = nn.functional.normalize(self.module(np.append(items[is_hidden], drawn)), dim=1)
        right, wrong = ways[: is_hidden.sum()], ways[is_hidden.sum() :]
        log_q = self.log_q.to(queries.device)
        own = queries[torch.from_numpy(rows[is_hidden])]
        bias = self.module.bias - log_q
        positive = (own * right).sum(dim=1) + bias[items[is_hidden]]
        negative = queries @ wrong.T + bias[drawn][None, :]
        negative[self._has(users, drawn)] = -torch.inf
        against = torch.logsumexp(negative, dim=1)[torch.from_numpy(rows[is_hidden])]
        return (torch.logaddexp(positive, against) - positive).mean()

    def _queries(
        self, rows: NDArray[np.int64], items: NDArray[np.int64], n_rows: int
    ) -> torch.Tensor:
        """Return the pooled vectors of histories, of length 1 over the temperature."""
        vectors = self.module(items)
        pooled = torch.zeros(n_rows, vectors.shape[1], device=vectors.device)
        pooled = pooled.index_add(0, torch.from_numpy(rows).to(vectors.device), vectors)
        return nn.functional.normalize(pooled, dim=1) / self.config.temperature

    def _has(
        self, users: NDArray[np.int64], drawn: NDArray[np.int64]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return where the drawn items are the user's own, as rows and columns."""
        rows, columns = self.taken[users][:, drawn].nonzero()
        return torch.from_numpy(rows.astype(np.int64)), torch.from_numpy(columns.astype(np.int64))

    def _draw(self, targets: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Draw items that are held against the right ones: half as they occur, half evenly."""
        half = self.config.negatives // 2
        occurring = targets[rng.integers(0, len(targets), half)]
        evenly = rng.integers(0, self.n_items, self.config.negatives - half)
        return np.concatenate([occurring, evenly])

    def _log_q(self) -> torch.Tensor:
        """Return the log of how likely each item is to be drawn."""
        occurring = self.heard / max(self.heard.sum(), 1)
        return torch.from_numpy(np.log(0.5 * occurring + 0.5 / max(self.n_items, 1))).float()

    def _meaning(self) -> str:
        facts = (self.config.model_dump_json(), len(self.items), int(self.items.sum()))
        return f"two towers {facts}"


def _hidden(
    rows: NDArray[np.int64], lengths: NDArray[np.int64], share: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Hide about a share of each row's entries, at least one and never all."""
    order = np.lexsort((rng.random(len(rows)), rows))
    place = np.empty(len(rows), dtype=np.int64)
    place[order] = np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    n_hidden = np.clip(np.round(share * lengths), 1, lengths - 1)
    hidden: NDArray[np.bool_] = place < n_hidden[rows]
    return hidden


def _distinct(sequences: Sequences) -> Sequences:
    """Keep each item of a row once, where it came last."""
    keys = sequences.rows * np.int64(max(sequences.n_items, 1)) + sequences.items
    _, last = np.unique(keys[::-1], return_index=True)
    kept = np.zeros(len(keys), dtype=bool)
    kept[len(keys) - 1 - last] = True
    return sequences.kept(kept)


def _before(sequences: Sequences, hold_out: HoldOut) -> Sequences:
    """Return what the users of the hold-out did beside the event that is held out."""
    kept = sequences.kept(hold_out.kept(sequences) & np.isin(sequences.rows, hold_out.users))
    starts = kept.starts[np.append(hold_out.users, len(sequences))]
    return Sequences(kept.items, kept.occurred_us, starts, kept.n_items)
