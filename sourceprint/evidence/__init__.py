"""Evidence of reuse: `pages` to see and hear it, `cases` to sign and verify it."""
