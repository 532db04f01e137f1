"""Pages about audio: tracks that are scanned or checked, evidence of reuse in them, and recordings of the catalogue.

- `job_lines`: jobs as lines of a list
- `submission`: forms that send files
- `scans`: lists of scans and checks, one of them with live progress, its evidence, erasure
- `additions`: the same for additions to the catalogue
- `recordings`: found, shown with their owners, changed, removed
- `audio_pages`: all of them as one router
"""
