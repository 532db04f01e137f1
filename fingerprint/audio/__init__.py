"""From a file in any format to mono samples at one rate.

In reading order:

stream       open, decode, mix to one channel, resample: blocks of samples, and what was odd
downmix      many channels, as one
decoders     libsndfile and FFmpeg behind one interface
containers   what the first bytes of a file say about it
lengths      what the header of an uncompressed file claims, and what is there
windows      a file as the decoders are shown it
libsndfile   samples by libsndfile
ffmpeg       samples by FFmpeg
frames       frames as FFmpeg decodes them, as chunks of samples
timeline     gaps: where decoded frames lie in time
sources      what both decoders have in common
"""
