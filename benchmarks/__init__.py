"""Measurements of Sourceprint: music with known truth, distortions with known time maps, scripts that score them.

Nothing here is needed to fingerprint or to match; the demo borrows the synthesis and a few distortions.

``corpus``, ``lists``
    what to measure on: a folder of real recordings and its lists, or a synthesised stand-in of the same shape.
``synthesis``, ``arrangement``, ``instruments``
    seeded music-like recordings: the whole, the notes, the sounds.
``conditions``, ``distortions``, ``resources``
    what happens to a recording on its way into someone else's track, each with the exact map from output time to
    source time: the fixed rows of the robustness table, random chains to train on, the sounds they mix in.
``timepitch``, ``spectral``, ``effects``, ``codecs``
    the signal processing behind them.
"""
