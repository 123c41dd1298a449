"""RecoMart: from a shop's event log and catalogue to recommendations.

Data goes down this list; each room leaves data sets in the lake for the next.

events        take what users do now, durably
sources       bring data in, byte for byte
quality       hold it to its contract; quarantine and replay
preparation   clean, enrich as of then, sessionise, explore
features      define once; encode; store offline and online
models        learn from interactions; rank for a history
evaluation    how good is it, and against what
monitoring    has it changed; does it still do as well
pipeline      the stages in order; skip what is done; retrain where needed
serving       answers in milliseconds, changed by the event of a moment ago
client        questions to the service, from Python
dashboard     what people look at, in a browser
cli           the commands

They stand on `lake` (keeps data sets), `engines` (computes tables), `pages` (HTML and figures),
`log`, `settings`, `errors` and `vocabulary`. Who may import whom is a contract in pyproject.toml.

Importing this package imports none of them; `MatrixFactorizationRecommender` is imported when it
is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recomart.models.explicit.facade import MatrixFactorizationRecommender

__version__ = "0.1.0"

__all__ = ["MatrixFactorizationRecommender", "__version__"]


def __getattr__(name: str) -> object:
    """Import what is offered here only once somebody asks for it."""
    if name != "MatrixFactorizationRecommender":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from recomart.models.explicit.facade import MatrixFactorizationRecommender

    return MatrixFactorizationRecommender
