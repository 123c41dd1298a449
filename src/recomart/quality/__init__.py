"""Quality: hold raw data to its contract; put aside what breaks it; say how good it is.

Reads    raw data sets, byte for byte
Writes   valid and quarantined rows by raw file; the quality report
Imports  engines, lake, pages; never sources or preparation

Law: rows in = valid + quarantined + duplicates, for every file and in sum.
"""
