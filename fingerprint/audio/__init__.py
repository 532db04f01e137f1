"""From a file in any format to mono samples at one rate.

In reading order:

stream       open, decode, mix to one channel, resample: blocks of samples, and what was odd
decoders     libsndfile and FFmpeg behind one interface
containers   what the first bytes of a file say about it
"""
