"""Amounts of a statement: exact until the one rounding.

In reading order:

- `exchange`: rates of exchange
- `reported_usage`: usages and revenue by territory and track
- `weights`, `allocation`: what each use is worth in each territory
- `division`: who is owed it, by right, work and share
- `rounding`: lines in whole minor units that sum to their totals, deductions, and the proof
"""
