"""Tracks against the index: results, the runs that hold them, and changes between two.

In reading order:

- `warm_up`: kernels loaded before the first track
- `scan`: many files searched, in parallel, in order
- `results`: the record of one track's result; its JSON, of version 2 and of version 1; as text
- `scan_json`: that record, made from the matches of a search
- `result_file`: a file of results, read piece by piece
- `scan_text`: matches and their reasons, as text for people
- `run_folder`, `journal`: a run on the disk, as it is read and as it is written
- `run_inputs`, `plan`, `session`: the inputs of a session; known files and files to search; one session of a run
- `moves`, `watch`: files moved when they are done; folders that are followed
- `summary`: totals of a run
- `diff`, `diff_report`: changes between two scans
"""
