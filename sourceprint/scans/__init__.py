"""Tracks against the index: results, the runs that hold them, and what changed between two.

In reading order:

- `scan`: many files searched, in parallel, in order
- `results`: one record of what a scan says of one track; its JSON, of version 2 and of version 1; as text
- `scan_json`: that record, made from what a search found
- `result_file`: a file of results, read piece by piece
- `scan_text`: what was found, and why, as text for people
- `run_folder`, `journal`: a run on the disk, as it is read and as it is written
- `run_inputs`, `plan`, `session`: the files of a session; what is known and what is left to do; one session of a run
- `moves`, `watch`: files moved when they are done; folders that are followed
- `summary`: what a run comes to
- `diff`, `diff_report`: what changed between two scans
"""
