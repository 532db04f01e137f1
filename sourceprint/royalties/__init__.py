"""From matches to money: the rights on file, the uses made of scan results, and statements of the money owed.

In reading order:

- `apportionment`, `decimals`, `percentages`: wholes shared out exactly, decimal numbers and percentages as text
- `garbage`: cyclic garbage collected less often while many records are made
- `periods`, `territories`: days, places
- `money`: exact amounts and the one rounding
- `licence_keys`: values of a licence, read from text and written as text
- `deal_terms`: guarantees, advances, pools for training and audit windows as keys of a licence
- `rate_tiers`: rates that change with volume as keys of a rate card
- `rights`: records of recordings, works, parties, shares and licences; none is ever overwritten
- `deals`: terms beyond rates: opt-in and opt-out, advances, spans of guarantees, usages by volume
- `people`: people who may be named as acting
- `tables`: rights read from tables and TOML, and written again
- `uses`: recordings and works that tracks reuse, licensed or not, with the state of each use
- `review`: uses that wait for a person
- `statements`: amounts, lines, balances; the files of a statement; the audit of these files
- `overview`: what an office looks up: licensees, search

Each imports from itself and from those above it. `docs/money.md` follows one cent through them.
"""
