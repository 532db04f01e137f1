"""From fingerprints to located matches: the catalogue on disk, its nearest-neighbour index, alignment and decision.

Read in this order: `store` and `snapshot` (what is on disk, and one state of it), `vectors` (neighbours), `voting`
(hypotheses), `alignment` (passages), `decision` (probabilities), `search` (all of it, for one query), `result` (what
comes out).
"""
