"""Pages about audio: tracks that are scanned or checked, evidence of reuse in them, and recordings of the catalogue.

- `kinds`: scans and checks, and the scope of each
- `submission`: forms that send files
- `scans`: lists of scans and checks, one of them with live progress, its evidence, erasure
"""
