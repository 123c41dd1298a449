"""Erasing a user from all that a shop keeps, and telling what is kept of one.

Reads    everything in the shop's folder and its stores
Writes   the same without the user, and a receipt

Another place is a class with the verbs of `Place` and a line in `places_of`; another kind of data
set is a class in `kinds` and a line in `kind_of`.
"""

from recomart.pipeline.erasing.exporting import as_line, known_of
from recomart.pipeline.erasing.work import erase, finish

__all__ = ["as_line", "erase", "finish", "known_of"]
