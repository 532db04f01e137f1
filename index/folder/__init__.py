"""The index folder as a whole: made, opened, changed, checked, moved.

In reading order:

index          the door: create, open, snapshot, writer
writer         recordings added, replaced, amended and removed, in commits
windows        the composition layer, as columns, and read back for the search of works
compaction     when segments are joined and layers compressed
hub_scores     which recordings are near everything
verification   every file against its checksum and the rules; salvage: the sound part of a damaged segment
repair         a commit without the damaged parts
transfer       an index as one file, out and in; archive: the form of that file
"""
