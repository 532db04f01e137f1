"""Signed cases: what a scan found in one file, with all that is needed to compute it again, as one file to be mailed.

`archive` packs and opens the file, `contents` says what its members hold, `recomputing` lays what is stated beside what
the landmarks give, `making` makes a case of a run, and `checking` verifies one. `FORMAT.md` describes the file.
"""
