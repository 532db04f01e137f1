"""Sheets: tables as people keep them, in one dialect for everything that is read from one.

In reading order:

- `delimited`: CSV and TSV, as rows of text
- `workbooks`: XLSX, as rows of the same text
- `opened`: either of them, open: its header, and the rows below
- `headings`: the names that columns have in labels' sheets and in the exports of distributors
- `typed_rows`: rows of tables with columns of fixed names, each as one value
- `columns`: which column of a sheet says what, and which say nothing that is used

The dialect is described in `docs/formats/lists.md`.
"""
