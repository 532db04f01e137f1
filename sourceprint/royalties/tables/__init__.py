"""Rights from tables and back: BWARM-shaped folders, one CSV file for spreadsheets, licences as TOML.

In reading order:

- `sources`, `sheets`: which files there are, and the rows of one
- `columns`, `cells`: the columns of each table, and the value in a cell
- `row_reader`, `staged_records`: rows become records in the staging
- `staging`, `problems`: the temporary database of an import, and what is wrong with its rows
- `consistency`: ids, links and shares of all that was read
- `imports`, `exports`: the whole of it, in either direction

The columns are described in `docs/formats/rights-tables.md`.
"""
