"""The rights on file: recordings, works, parties, shares and licences, each change with its revision.

In reading order:

- `records`, `licences`: what is on file
- `licence_toml`, `licence_table`: a licence as TOML, as a document, and back
- `schema`, `engine`, `database`: the tables, the drivers, transactions; `migrations` brings older tables up to date
- `chain`: the hash chain over everything that is entered, and whether it holds
- `rows`, `history`: a record as a row, and its versions
- `rights`: the records around some recordings and works, in memory
- `share_sums`, `findings`, `checks`: do the shares add up?
- `lookup`, `rights_text`: what is on file under an id or code, as JSON and as text
"""
