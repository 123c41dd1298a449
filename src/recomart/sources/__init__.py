"""Sources: bring data in, byte for byte.

Reads    files, HTTP; what the settings name
Writes   raw data sets, through `recomart.lake`; the generator writes plain files, as a shop would
Imports  lake, engines, log, settings, errors, vocabulary; never quality, preparation or models

`rest` fetches a catalogue, `catalogue_server` serves one on loopback, `generator` makes a shop.
"""
