"""A reason to retrain: what was measured, what is tolerated, and what follows."""

from __future__ import annotations

from pydantic import BaseModel, JsonValue


class Reason(BaseModel, frozen=True, extra="forbid"):
    """One reason.

    now        the figure, null where there is none
    threshold  above it the champion should be trained anew; null: not a reason in this shop
    verdict    whether it speaks for training; null: it says nothing, and `says` tells why
    details    the figures behind the figure
    """

    name: str
    now: float | None
    threshold: float | None
    verdict: bool | None
    says: str
    details: dict[str, JsonValue] = {}

    @classmethod
    def of(
        cls,
        name: str,
        now: float,
        threshold: float,
        says: str,
        details: dict[str, JsonValue] | None = None,
    ) -> Reason:
        """Hold a figure against its threshold."""
        return cls(
            name=name,
            now=round(now, 6),
            threshold=threshold,
            verdict=now > threshold,
            says=says,
            details=details or {},
        )

    @classmethod
    def silent(cls, name: str, threshold: float | None, says: str) -> Reason:
        """Say why there is no verdict."""
        return cls(name=name, now=None, threshold=threshold, verdict=None, says=says)
