"""Hyper-parameters of the deep models, and the form of what they learn. Without PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, Field, model_validator

if TYPE_CHECKING:
    from typing_extensions import Self

ROWS_AT_ONCE = 256
"""Sequences that go through a transformer together."""
EPSILON = 1e-5
"""Of layer normalisation."""


class DeepConfig(BaseModel, frozen=True, extra="forbid"):
    """Hyper-parameters of every model that PyTorch fits."""

    embedding_size: int = Field(64, gt=0, description="length of a vector")
    epochs: int = Field(
        30, gt=0, description="passes over the data at most; the learning rate falls to 0 over them"
    )
    patience: int = Field(6, gt=0, description="epochs without a better hold-out before it stops")
    learning_rate: float = Field(0.01, gt=0, description="of Adam, at the beginning")
    regularisation: float = Field(0.0, ge=0, description="weight decay of Adam")
    batch_size: int = Field(512, gt=0, description="histories of one step")
    negatives: int = Field(2048, gt=0, description="sampled items that the right one is held to")
    seed: int = Field(0, ge=0, description="of the first vectors and of every draw")


class TwoTowerConfig(DeepConfig, frozen=True, extra="forbid"):
    """Hyper-parameters of `TwoTower`."""

    temperature: float = Field(0.1, gt=0, description="scores are divided by it in training")
    hidden_share: float = Field(
        0.5, gt=0, lt=1, description="share of a history that is predicted from the rest of it"
    )


class SASRecConfig(DeepConfig, frozen=True, extra="forbid"):
    """Hyper-parameters of `SASRec`."""

    epochs: int = Field(100, gt=0, description="as above")
    learning_rate: float = Field(0.001, gt=0, description="of Adam, at the beginning")
    batch_size: int = Field(32, gt=0, description="sequences of one step; more for large shops")
    negatives: int = Field(512, ge=256, description="sampled items that the right one is held to")
    blocks: int = Field(2, gt=0, description="transformer blocks")
    heads: int = Field(2, gt=0, description="attention heads; they share `embedding_size`")
    last_events: int = Field(50, gt=1, description="events of a history that are read")
    dropout: float = Field(0.2, ge=0, lt=1, description="share of values hidden in training")

    @model_validator(mode="after")
    def _heads_fit(self) -> Self:
        if self.embedding_size % self.heads:
            raise ValueError("heads must divide embedding_size")
        return self


def shapes(config: SASRecConfig) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all weights but the items'."""
    size = config.embedding_size
    found: dict[str, tuple[int, ...]] = {"positions": (config.last_events, size)}
    for block in range(config.blocks):
        at = f"block{block}."
        found |= {
            f"{at}mix": (3 * size, size),
            f"{at}mix_bias": (3 * size,),
            f"{at}join": (size, size),
            f"{at}join_bias": (size,),
            f"{at}inner": (4 * size, size),
            f"{at}inner_bias": (4 * size,),
            f"{at}outer": (size, 4 * size),
            f"{at}outer_bias": (size,),
            f"{at}norm1.scale": (size,),
            f"{at}norm1.shift": (size,),
            f"{at}norm2.scale": (size,),
            f"{at}norm2.shift": (size,),
        }
    return found | {"norm.scale": (size,), "norm.shift": (size,)}
