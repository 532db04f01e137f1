"""Amounts of a statement: exact until they are paid.

In reading order:

- `lines`: exact amounts by payee, recording, work, right, territory and licence
- `exchange`: rates of exchange
- `reported_usage`: usages and revenue by territory and track
- `methods`, `weights`, `allocation`: the amount of each use in each territory, by licence
- `tiered_rates`: the same where rates change with the number of usages
- `division`: amounts by right, work and share, and their payees
- `pools`: the part of each opted-in recording in a pool for training
- `deals`: shortfalls to guarantees, and recoupment of advances
- `payments`: the due and the payment of each party; payments are the only rounding
"""
