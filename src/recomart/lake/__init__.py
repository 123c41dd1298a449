"""The lake: keeps data sets, versioned, atomic, verified, with lineage.

Reads    objects (files, buckets)
Writes   objects; the only room that writes durably
Imports  settings, vocabulary, errors; never engines

A version of a data set is a manifest and the immutable files it names.
"""

from recomart.lake.draft import Draft
from recomart.lake.erasures import Erasures, Found, Order, Receipt
from recomart.lake.files import replace_file
from recomart.lake.lake import BRIEF, Lake, folder_of, sha256_of
from recomart.lake.lineage import Lineage, Node, Versions, ancestry, descent
from recomart.lake.manifest import FileEntry, Making, Manifest, Parent, hash_of
from recomart.lake.objects import LocalObjects, Objects
from recomart.lake.opening import open_lake
from recomart.lake.rewriting import everything, relink, restate, sweep
from recomart.lake.s3 import S3Objects
from recomart.lake.workbench import Dates, Workbench

__all__ = [
    "BRIEF",
    "Dates",
    "Draft",
    "Erasures",
    "FileEntry",
    "Found",
    "Lake",
    "Lineage",
    "LocalObjects",
    "Making",
    "Manifest",
    "Node",
    "Objects",
    "Order",
    "Parent",
    "Receipt",
    "S3Objects",
    "Versions",
    "Workbench",
    "ancestry",
    "descent",
    "everything",
    "folder_of",
    "hash_of",
    "open_lake",
    "relink",
    "replace_file",
    "restate",
    "sha256_of",
    "sweep",
]
