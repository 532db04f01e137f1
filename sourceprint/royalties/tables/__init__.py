"""Rights from tables and back: folders of BWARM tables, one spreadsheet for people, licences as TOML.

In reading order:

- `sources`: the files of an import
- `label_sheets`: right and owner of shares in a sheet that does not name them
- `columns`, `cells`: the columns of each table, and the value in a cell
- `row_reader`, `staged_records`: rows become records in the staging
- `staging`, `problems`: the temporary database of an import, and the problems with its rows
- `consistency`: ids, links and shares of all rows together
- `stated_terms`: licences under which statements were issued
- `imports`, `exports`: the whole of it, in either direction

`docs/formats/rights-tables.md` describes the columns.
"""
