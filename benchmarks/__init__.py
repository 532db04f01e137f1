"""Measurements of Sourceprint: music with known truth, distortions with known time maps, scripts that score them.

Nothing here is needed to fingerprint, to match or for the demo, whose music and transformations it uses.

``data``
    what to measure on: a folder of real recordings and its lists, or a synthesised stand-in of the same shape.
``distortion``
    what happens to a recording on its way into someone else's track, each with the exact map from output time to
    source time: the fixed rows of the robustness table, random chains to train on, the sounds they mix in.
``part``, ``parts``, ``suite``, ``results``
    what a benchmark is, which there are, the runner, and the one reporter.
"""
