"""Royalty statements of one licensee for one period: lines, balances, and the proof of their arithmetic.

In reading order:

- `usage_reports`, `usage_match`: versions of a usage report, and its rows matched to scanned tracks
- `restatements`: corrected usage reports for a period that was stated
- `effects`: changes of statements that an attribution would cause, before it is kept
- `statement`: the statement, with the lines of `amounts.lines`
- `amounts`: exact amounts by use and owner, and payments
- `computation`: a whole statement from its inputs; `proof`: its arithmetic, done again
- `provenance`: the id of a statement, from its inputs, and their digests
- `adjustments`: changes since an earlier statement, carried by the next one
- `earlier`: earlier statements that a change affects, computed again
- `issue`, `register`: statements issued once and kept for ever
- `files`: pages, CSV, Parquet, JSON, DSR-shaped TSV
- `line_explanation`: one line, back to seconds of audio
- `audit`: checks of written files and their arithmetic; `authorship`: the signature; `witness`: checks by the database
"""
