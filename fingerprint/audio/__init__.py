"""From a file in any format to mono samples at one rate.

In reading order:

stream       open, decode, mix to one channel, resample: blocks of samples, and notes on anything odd
downmix      many channels, as one
decoders     libsndfile and FFmpeg behind one interface
containers   kind of file and claimed length, from its first bytes
lengths      length that an uncompressed file's header claims, compared with the bytes present
windows      the view of a file that decoders get
libsndfile   samples by libsndfile
ffmpeg       samples by FFmpeg
frames       frames as FFmpeg decodes them, as chunks of samples
timeline     gaps: where decoded frames lie in time
sources      the interface and the limits that both decoders share
"""
