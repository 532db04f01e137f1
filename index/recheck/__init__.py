"""A match computed again, without the index and without the audio.

In reading order:

trace        what a search keeps of one track; trace_file: as a file (.spt)
recheck      the same matches from it, to the last digit
"""
