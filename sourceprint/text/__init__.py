"""Text for people and programs.

`figures` writes counts, times and sizes; `tables` recordings, additions and overlaps; `names` makes those from outside
safe; `templates` fills pages.
"""
