"""Text for people and programs: `tables` of recordings, additions and overlaps; `names` from outside, made safe."""
