"""A match computed again, without the index and without the audio.

In reading order:

trace        the figures behind one track's result; trace_file: as a file (.spt)
recheck      the same matches from it, to the last digit
"""
