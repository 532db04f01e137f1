"""Evidence of reuse: `pages` to see and hear it, `cases` to sign and verify it.

`corrections` finds the titles, artists and ISRCs that were corrected since a scan, for the pages.
"""
