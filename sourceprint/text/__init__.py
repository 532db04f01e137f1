"""Text for people and programs.

`tables` writes counts, times, sizes and rows of cells; `index_text` recordings, additions and overlaps; `names` makes
those from outside safe; `nearest` hints at slips among names; `templates` fills pages.
"""
