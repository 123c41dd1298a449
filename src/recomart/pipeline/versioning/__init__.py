"""Versions of the data beside those of the code: DVC keeps the bytes, git keeps the pointers.

Reads    the layers of a lake in a folder; the warehouse, where it is an SQLite file
Writes   DVC's cache and remote; pointers in ``versions/``, and commits that hold nothing else
Imports  DVC when it is used; git is a program

A snapshot is a commit of the pointers. The files of a lake never change, so DVC's cache shares
them with it: a snapshot costs no second copy.
"""

from recomart.pipeline.versioning.cleaning import gc
from recomart.pipeline.versioning.remotes import pull, push
from recomart.pipeline.versioning.restoring import restore
from recomart.pipeline.versioning.setting_up import init
from recomart.pipeline.versioning.taking import snapshot, snapshots

__all__ = ["gc", "init", "pull", "push", "restore", "snapshot", "snapshots"]
