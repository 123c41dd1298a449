"""RecoMart: from a shop's event log and catalogue to recommendations.

Data goes down this list; each room leaves data sets in the lake for the next.

sources       bring data in, byte for byte
quality       hold it to its contract; quarantine and replay
preparation   clean, enrich as of then, sessionise, explore
features      define once; encode; store offline and online
models        learn from interactions; rank for a history
evaluation    how good is it, and against what
pipeline      the stages in order; skip what is done
cli           the commands

They stand on `lake` (keeps data sets), `engines` (computes tables), `pages` (HTML and figures),
`log`, `settings`, `errors` and `vocabulary`. Who may import whom is a contract in pyproject.toml.

Importing this package imports none of them.
"""

__version__ = "0.1.0"

__all__ = ["__version__"]
