"""The rights on file: recordings, works, parties, shares and licences, each change with its revision.

In reading order:

- `records`, `licences`: the records on file
- `licence_toml`: a licence as TOML, as a document, and back
- `schema`, `engine`, `database`: tables, drivers, transactions; `migrations` brings older tables up to date
- `chain`: the hash chain over all entries, and its verification
- `rows`, `history`: a record as a row, and its versions
- `rights`: the records around some recordings and works, in memory
- `share_sums`, `findings`, `checks`: sums of shares, and checks of the whole
- `lookup`, `rights_text`: the records under an id or code, as JSON and as text

All functions of `sourceprint.royalties` take these alike: `connection`, inside a transaction of `Database`; `revision`,
to be read, where None is the latest; `by`, the acting person, where None is the name in the environment; `now`, a time
with its zone, where None is that of the clock.
"""
