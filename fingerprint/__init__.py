"""From audio files to fingerprints: landmarks of a log-frequency spectrogram, and a descriptor of what surrounds each.

Read in this order: `audio` (samples), `spectrogram` (log-frequency power), `landmarks` (peaks), `descriptors` (their
surroundings), `extract` (all of it, for one file). `params` holds what two fingerprints must share, `errors` what goes
wrong.
"""
