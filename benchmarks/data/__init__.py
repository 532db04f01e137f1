"""The corpus of the benchmarks: recordings with their lists, from a folder or synthesised, split by source."""
