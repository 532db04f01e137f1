"""Evidence of reuse: `pages` to see and hear it, `cases` to sign and verify it.

`corrections` takes titles, artists and ISRCs that were corrected since a scan.
"""
