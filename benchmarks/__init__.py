"""Measurements of Sourceprint: music with known truth, distortions with known time maps, scripts that score them.

Nothing here is needed to fingerprint, to match or for the demo, whose music and transformations it uses.

``data``
    the corpus: a folder of real recordings and its lists, or a synthesised stand-in of the same shape.
``distortion``
    distortions of a recording on its way into someone else's track, each with the exact map from output time to
    source time: the fixed rows of the robustness table, random chains to train on, the sounds they mix in.
``part``, ``parts``, ``suite``, ``results``
    the type of a benchmark, the list of all, the runner, and the reporter.
"""
