"""Statements: what one licensee owes for one period, line by line, with the proof that it adds up.

In reading order:

- `usage_reports`, `usage_match`: what is reported, version by version, and the scanned tracks that it is about
- `restatements`: what is reported anew of a period that was stated
- `effects`: what an attribution changes of statements, before it is kept
- `statement`: a statement and its lines
- `amounts`: from uses to exact amounts, by owner, and what is paid
- `computation`: the whole of a statement from its inputs; `proof`: its arithmetic, done again
- `provenance`: digests of what it was computed from
- `adjustments`: what changed since an earlier statement, which the next one carries
- `earlier`: which earlier statements something has changed for, and what they come to now
- `issue`, `register`: issued once, kept for ever
- `files`: pages, CSV, Parquet, JSON, DSR-shaped TSV
- `line_explanation`: one line, back to seconds of audio
- `audit`: the files read again, the arithmetic done again; `authorship`: who signed; `witness`: what the database says
"""
