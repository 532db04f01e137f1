"""Amounts of a statement: exact until they are paid.

In reading order:

- `exchange`: rates of exchange
- `reported_usage`: usages and revenue by territory and track
- `weights`, `allocation`: what each use is worth in each territory
- `tiered_rates`: the same where rates change with the number of usages
- `division`: who is owed it, by right, work and share
- `pools`: what each opted-in recording gets of a pool for training
- `deals`: what is missing to a guarantee, and what is recouped of advances
- `payments`: what is due to each party, and the one rounding, of what is paid
"""
