"""Evidence of reuse: `pages` to see and hear it, `cases` to sign and verify it.

What recordings are called on pages may have been corrected since a scan: `corrections`.
"""
