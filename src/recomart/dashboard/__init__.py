"""The dashboard: what runs, how good, how fresh, who is shown what and why, in a browser.

Reads    data sets with manifests in the lake, run records; the API, through `recomart.client`
Writes   nothing; a promotion is our own command line, called
Imports  client, lake, pages, settings, errors, vocabulary; no room that makes what it shows

A screen is a file in `screens/` with a function `show(shop)`, and a line in `app.SCREENS`. What it
reads it names in `records`; what it writes goes through `look`, where every text stays text.
"""
