"""From matches to money: the rights on file, the uses that scan results turn into, and statements of what is owed.

In reading order:

- `apportionment`, `percentages`: wholes shared out exactly, percentages as text
- `periods`, `territories`: days, places
- `money`: exact amounts and the one rounding
- `licence_keys`: keys of a licence, each declared once, and how its values are read and written
- `deal_terms`: guarantees, advances, pools for training and audit windows as keys of a licence
- `rate_tiers`: rates that change with volume as keys of a rate card
- `rights`: what is on file about recordings, works, parties, shares and licences; nothing is ever overwritten
- `deals`: what deals say beyond rates: who opted in or out, advances, spans of guarantees, usages by volume
- `people`: who may be named as having done something
- `tables`: rights read from tables and TOML, and written again
- `uses`: what each track reuses of which recording or work, licensed or not, with its state
- `statements`: amounts, lines, balances; the files of a statement; the audit of these files

Each imports from itself and from those above it. `docs/money.md` follows one cent through it.
"""
