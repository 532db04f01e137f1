"""Rights from tables and back: BWARM-shaped folders, one sheet for people with a spreadsheet, licences as TOML.

In reading order:

- `sources`: which files there are
- `label_sheets`: what the sheet of a label leaves unsaid
- `columns`, `cells`: the columns of each table, and the value in a cell
- `row_reader`, `staged_records`: rows become records in the staging
- `staging`, `problems`: the temporary database of an import, and what is wrong with its rows
- `consistency`: ids, links and shares of all that was read
- `stated_terms`: licences that statements were issued under
- `imports`, `exports`: the whole of it, in either direction

The columns are described in `docs/formats/rights-tables.md`.
"""
