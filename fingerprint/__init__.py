"""From audio files to fingerprints: landmarks of a log-frequency spectrogram, and a descriptor of what surrounds each.

In reading order:

streams       every audio stream of a track in turn
extract       all of it for one file, in pieces; or from the fingerprint file that stands for the audio
audio         a file in any format as mono samples
spectrogram   samples as power on a log-frequency axis
landmarks     local maxima of that, their descriptors, and the fingerprint that they make
spf_files     fingerprint files, written and read; spf_header: the JSON at their start
params        all that two fingerprints must share to be comparable, and the trained projection
_kernels      inner loops
disk          the door to the system: files opened, refusals worded
digests       digests, and the JSON that they are taken of
errors        everything that goes wrong on purpose
"""
