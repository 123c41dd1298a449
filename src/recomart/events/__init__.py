"""Events: what users do now, taken durably and known at once.

Reads    events as JSON objects; one SQLite file that several processes share
Writes   that file; the source `event_log` drains it into the lake
Imports  vocabulary and errors alone, so that a server starts light

`parse_event` is the strict door, `EventLog.append` acknowledges after the fsync, `Tail` follows
what all processes have taken, `EventFile` is the file itself; `StreamFile` is the same file for
whoever takes events from a broker; `Groups` is what an `EventLog` is, wherever the events go.
"""

from recomart.events.file import EventFile
from recomart.events.log import EventLog, Groups, Place
from recomart.events.record import Event, parse_event
from recomart.events.streams import Refused, StreamFile
from recomart.events.tail import Tail

__all__ = [
    "Event",
    "EventFile",
    "EventLog",
    "Groups",
    "Place",
    "Refused",
    "StreamFile",
    "Tail",
    "parse_event",
]
