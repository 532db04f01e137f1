"""Music made here: what tests, the demo and the benchmarks play where no corpus is given."""
