"""Signed cases: one file with all that is needed to compute a result again. docs/formats/case.md describes it.

- `archive`: the one form of the file
- `contents`: its members
- `case`: a case, made and signed
- `recomputation`: stated figures beside those that the trace gives
- `verdict`, `verdict_text`: the verdict of verification, as a record and as text
"""
