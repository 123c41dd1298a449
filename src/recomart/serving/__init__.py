"""Serving: answers in milliseconds, changed by the event of a moment ago.

Reads    the published model that is champion, the online store, the event log
Writes   the event log, a file that its workers share; metrics, logs and traces of what it answered
Imports  ranking, models, features, events, lake; never evaluation, monitoring, preparation,
         quality or sources

`engine` has never heard of HTTP; `app` is a thin door over it.
"""

from recomart.serving.engine import Engine
from recomart.serving.words import Answer, Asked, Filters, State

__all__ = ["Answer", "Asked", "Engine", "Filters", "State"]
